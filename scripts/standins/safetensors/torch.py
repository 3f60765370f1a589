"""Tensors to bytes."""

import json
from collections.abc import Mapping

import torch

from . import TYPES

NAMES = {dtype: name for name, dtype in TYPES.items()}


def save(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """The file's bytes."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    parts, start = [], 0
    for name, tensor in tensors.items():
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
        stop = start + len(parts[-1])
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)
