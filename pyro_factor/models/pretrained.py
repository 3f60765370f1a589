"""Trained models that come with the package, each in one file that cannot run code.

A file is a checkpoint with the weights alone, most of them in half precision, and two entries in
its header: the model's configuration, and its card (see `pyro_factor.pretrained`).
"""

from dataclasses import dataclass
from pathlib import Path

from ..checkpoint import Checkpoint, read_checkpoint
from ..config import Config, fingerprint, parse_config
from ..errors import InputError, require
from .described import restored_vae
from .video_vae import Kind, VideoVAE

FOLDER = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Pretrained:
    """A file of a trained model.

    Args:
        path: The file.
        config: How the model was made, without the paths of whoever made it.
        checkpoint: Its weights, and its card in `about`.
    """

    path: Path
    config: Config
    checkpoint: Checkpoint

    def vae(self, kind: type[Kind] = VideoVAE) -> Kind:  # type: ignore[assignment]
        """The model in evaluation mode, on the CPU; the random state stays as it is."""
        return restored_vae(self.path, self.config, self.checkpoint, kind=kind)


def pretrained_names() -> list[str]:
    """The models there are: the files in the package."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def pretrained_path(name: str) -> Path:
    """Where a model's file is."""
    return FOLDER / f"{name}.safetensors"


def read_pretrained(name: str) -> Pretrained:
    """Read a model that comes with the package.

    Raises:
        InputError: There is no such model; or its file is damaged, foreign or altered.
    """
    known = pretrained_names()
    require(name in known, "name", name, f"choose from {', '.join(known) or 'none'}")
    path = pretrained_path(name)
    checkpoint = read_checkpoint(path)
    if "config" not in checkpoint.about:
        raise InputError(f"{path}: a checkpoint, but no model that comes with pyro-factor")
    config = parse_config(checkpoint.about["config"], path)
    if checkpoint.run != fingerprint(config):
        raise InputError(f"{path}: its configuration is of another run; install the package anew")
    return Pretrained(path, config, checkpoint)
