"""Where a model runs, and in which precision."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal

import torch

from ..errors import InputError, require

Kernels = Literal["deterministic", "guessed", "measured"]
FLAGS = {"deterministic": {"deterministic": True}, "guessed": {}, "measured": {"benchmark": True}}


def choose_device(name: str) -> torch.device:
    """Find a device by name; "auto" is a CUDA GPU if there is one, else the CPU.

    Raises:
        InputError: The device is unknown or absent.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    advice = "no such device here; choose auto, cpu, cuda or cuda:N"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError):
        raise InputError(f"device: got {name!r}; {advice}") from None
    require(device.type in {"cpu", "cuda"}, "device", name, advice)
    return device


def name_precision(precision: torch.dtype) -> str:
    """The precision by the name that `choose_precision` knows."""
    return str(precision).removeprefix("torch.")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Find a precision by name; "auto" is bfloat16 where the hardware computes with it."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # torch has no public question for this yet
        checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        fast = device.type == "cpu" and any(getattr(torch.cpu, check, bool)() for check in checks)
    return torch.bfloat16 if fast else torch.float32


def kernels(chosen: Kernels = "deterministic") -> AbstractContextManager[None]:
    """Say how cuDNN chooses the kernels of convolutions on a GPU.

    Args:
        chosen: "deterministic", as training does: of those that give the same bits, by a guess;
            "guessed", PyTorch's default: of all, by a guess; "measured": of all, the fastest.
    """
    kept = {"allow_tf32": torch.backends.cudnn.allow_tf32}  # a default would take its place
    return torch.backends.cudnn.flags(enabled=True, **kept, **FLAGS[chosen])


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Have a GPU use only operations that give the same bits every time, if wanted.

    Raises:
        RuntimeError: Within, from PyTorch, at an operation that has no such form.
    """
    if not wanted:
        yield
        return
    # cuBLAS reads it when it is first used
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)
