"""Single numbers on a GPU without a copy to it."""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

MAKERS = (torch.tensor, torch.as_tensor)


class FilledIn(TorchFunctionMode):
    """Makes tensors of single numbers by filling them in on a device.

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
        if plain and type(args[0]) in {bool, int, float}:
            return torch.full((), args[0], **{"device": self.device, **options})
        return func(*args, **options)
