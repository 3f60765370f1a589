"""Shapes in signatures, unread."""

from typing import Any


class _Shaped:
    def __getitem__(self, item: Any) -> Any:
        return Any


Float = Int = UInt8 = Bool = Shaped = _Shaped()
