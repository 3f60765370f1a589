"""Products with numbers of another precision, such as a constant that a prior holds."""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class OneDtype(TorchFunctionMode):
    """Does what PyTorch refuses of floats of several dtypes in one of them.

    A prior is run in float64 for its form, and as the networks for its draws. PyTorch promotes the
    one to the other in sums, but not in products of matrices.

    Args:
        dtype: In which it is done then.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch, once more with one dtype if it can't take several."""
        options = kwargs or {}
        try:
            return func(*args, **options)
        except RuntimeError:
            if len(_dtypes([*args, *options.values()])) < 2:
                raise
        given, named = self._cast(args), {name: self._cast(x) for name, x in options.items()}
        return func(*given, **named)

    def _cast(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return x.to(self.dtype) if x.is_floating_point() else x
        return type(x)(map(self._cast, x)) if type(x) in {tuple, list} else x


def _dtypes(x: Any) -> set[torch.dtype]:
    if isinstance(x, Tensor):
        return {x.dtype} if x.is_floating_point() else set()
    parts = x if type(x) in {tuple, list} else ()
    return {dtype for part in parts for dtype in _dtypes(part)}
