"""Checkpoints: one safetensors file with weights, buffers, optimiser state and pending metrics."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .errors import InputError
from .files import atomic

FORMAT, VERSION = "pyro-factor checkpoint", 1
ENTRIES = ("format", "version", "run", "iteration", "seconds")


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a training.

    Args:
        run: Fingerprint of the run's configuration.
        iteration: Completed iterations.
        seconds: Time spent on them.
        tensors: Everything else, by name: `weights.*`, `optimiser.*`, `memory.*`, `pending.*`.
        about: Further entries of the header: what comes with the package has its own.
    """

    run: str
    iteration: int
    seconds: float
    tensors: dict[str, Tensor]
    about: Mapping[str, str] = field(default_factory=dict)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix, by the rest of their names."""
        start = prefix + "."
        return {k.removeprefix(start): t for k, t in self.tensors.items() if k.startswith(start)}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "run": checkpoint.run,
        "iteration": str(checkpoint.iteration),
        "seconds": repr(checkpoint.seconds),
        **checkpoint.about,
    }
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    metadata["sha256"] = _checksum(metadata, tensors)
    with atomic(path) as temporary:
        temporary.write_bytes(save(tensors, metadata))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises:
        InputError: No such file, or one that is truncated, foreign, altered or of a newer version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise InputError(f"{path}: can't read the checkpoint ({_short(error)})") from None
    except SafetensorError as error:
        raise InputError(f"{path}: damaged or not a checkpoint ({_short(error)})") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of pyro-factor")
    version = metadata.get("version", "")
    if version.isdecimal() and version != str(VERSION):
        raise InputError(
            f"{path}: version {version[:20]}, this pyro-factor reads {VERSION}; update"
        )
    if metadata.pop("sha256", None) != _checksum(metadata, tensors):
        raise InputError(f"{path}: damaged or altered; its checksum is not that of its contents")
    iteration, seconds = int(metadata["iteration"]), float(metadata["seconds"])
    about = {name: text for name, text in metadata.items() if name not in ENTRIES}
    return Checkpoint(metadata["run"], iteration, seconds, tensors, about)


def _checksum(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the header's entries and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _short(error: Exception) -> str:
    return repr(" ".join(str(error).split())[:200])[1:-1]  # it may quote what is not printable


def weights(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each once."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


@torch.no_grad()
def restore(module: nn.Module, saved: Mapping[str, Tensor], path: Path) -> None:
    """Copy saved weights into a module, in place.

    Raises:
        InputError: The file's weights are not this module's; names the first that differs.
    """
    current = weights(module)
    for name in [*current, *saved]:
        ours, theirs = current.get(name), saved.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            shapes = [None if t is None else tuple(t.shape) for t in (ours, theirs)]
            raise InputError(
                f"{path}: its weights are not this model's: {name} has shape {shapes[1]}, "
                f"the model's {shapes[0]}"
            )
    for name, tensor in current.items():
        tensor.copy_(saved[name])
