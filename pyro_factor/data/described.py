"""Data sets that are described by their constructor's arguments."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

Data = TypeVar("Data", bound="Described")


@dataclass(frozen=True)
class Described:
    """What data sets that are frozen dataclasses have in common."""

    @property
    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, ready for JSON."""
        return asdict(self)

    def replace(self: Data, **changes: Any) -> Data:
        """The same clips with some of the constructor's arguments changed."""
        return replace(self, **changes)

    def _make_absolute(self, *names: str) -> None:
        """Make paths absolute: settings must mean the same in another working folder."""
        for name in names:
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, str(Path(path).expanduser().absolute()))
