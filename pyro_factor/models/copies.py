"""Tensors on other devices, each copied once."""

import torch
from torch import Tensor


class Copies(dict[tuple[str, torch.device], Tensor]):
    """Copies by name and device: a copy from the CPU waits for all that a GPU has yet to do."""

    def on(self, device: torch.device, name: str, tensor: Tensor) -> Tensor:
        """The tensor itself, or its copy on a device."""
        if tensor.device == device:
            return tensor
        if (name, device) not in self:
            with torch.inference_mode(False):  # it is kept, and gradients may flow through it later
                self[name, device] = tensor.to(device)
        return self[name, device]
