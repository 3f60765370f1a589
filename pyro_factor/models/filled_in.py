"""Numbers on a GPU without a copy to it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MAKERS = (torch.tensor, torch.as_tensor)
MOST = 64  # numbers of a list, each a kernel of its own


class FilledIn(TorchFunctionMode):
    """Makes tensors of numbers and short lists of them by filling them in on a device.

    Copied from the CPU, as PyTorch makes `Normal(0.0, 1.0)`, a number waits for all that a GPU has
    yet to do.

    Args:
        device: Where they are made, unless the caller says.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch, or fill in what it would copy."""
        options = kwargs or {}
        plain = func in MAKERS and options.keys() <= {"dtype", "device"} and len(args) == 1
        if plain and _short(args[0]):
            return _filled(args[0], {"device": self.device, **options})
        return func(*args, **options)


def _short(x: Any) -> bool:
    """Whether x is a number, or a list of a few of one type."""
    numbers = list(islice(_numbers(x), MOST + 1))
    return 0 < len(numbers) <= MOST and {*map(type, numbers)} in ({bool}, {int}, {float})


def _numbers(x: Any) -> Iterator[Any]:
    if type(x) in {list, tuple}:
        for each in x:
            yield from _numbers(each)
    else:
        yield x


def _filled(x: Any, options: dict[str, Any]) -> Tensor:
    if type(x) in {list, tuple}:
        return torch.stack([_filled(each, options) for each in x])
    return torch.full((), x, **options)
