"""Runs: a folder with a configuration, metrics, a checkpoint, and what is made of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint, read_checkpoint
from ..config import Config, fingerprint, make_config, read_config
from ..data import VideoData, open_data
from ..errors import InputError, require
from ..models.described import restored_vae
from ..models.glimpse import GlimpseDecoder, GlimpseEncoder
from ..models.networks import Decoder, Encoder
from ..models.prior_reference import refer_to
from ..models.video_vae import VideoVAE

KEPT = "kept"  # the folder of kept weights in a run's folder


@dataclass(frozen=True)
class Run:
    """A trained model with what it was trained on.

    Args:
        folder: The run folder.
        vae: The model, in evaluation mode.
        data: The training clips.
        config: The description of the run.
        iteration: Completed iterations.
    """

    folder: Path
    vae: VideoVAE
    data: VideoData
    config: Config
    iteration: int


def load_run(
    folder: str | Path,
    vae: VideoVAE | None = None,
    data_root: str | Path | None = None,
    iteration: int | None = None,
) -> Run:
    """Load a run.

    Args:
        folder: The run folder.
        vae: The model to load the weights into, needed where its prior or networks can't be
            found again by name.
        data_root: Where the data are now, if not where they were in training.
        iteration: One whose weights were kept; the last unless given.

    Returns:
        The run, its model on the CPU unless `vae` is elsewhere.

    Raises:
        InputError: A file that is missing, damaged or foreign; a prior that has changed; a `vae`
            of another description; data that can't be found.
    """
    folder = Path(folder)
    config, checkpoint = read_state(folder, iteration)
    path = checkpoint_path(folder) if iteration is None else kept_path(folder, iteration)
    vae = restored_vae(path, config, checkpoint, vae)
    return Run(folder, vae, build_data(config, data_root), config, checkpoint.iteration)


def load(folder: str | Path, vae: VideoVAE | None = None) -> VideoVAE:
    """Load a run's model, without pickle; its data need not be there.

    Args:
        folder: The run folder.
        vae: The model to load the weights into, needed where its prior or networks can't be
            found again by name.

    Returns:
        The model in evaluation mode, on the CPU unless `vae` is elsewhere.

    Raises:
        InputError: A file that is missing, damaged or foreign; a prior that has changed; a `vae`
            of another description.
    """
    folder = Path(folder)
    return restored_vae(checkpoint_path(folder), *read_state(folder), vae)


def read_state(folder: Path, iteration: int | None = None) -> tuple[Config, Checkpoint]:
    """Read a run's configuration and checkpoint, and hold them against each other.

    Args:
        folder: The run folder.
        iteration: One whose weights were kept; the last, with the optimiser's state, unless given.

    Raises:
        InputError: A file that is missing, damaged, foreign or of a newer version; a configuration
            that was altered after the checkpoint was made.
    """
    config = read_config(config_path(folder))
    kept = kept_iterations(folder)
    advice = f"kept are {', '.join(map(str, kept)) or 'none'}; train with keep"
    require(iteration is None or iteration in kept, "iteration", iteration, advice)
    path = checkpoint_path(folder) if iteration is None else kept_path(folder, iteration)
    checkpoint = read_checkpoint(path)
    if checkpoint.run != fingerprint(config):
        raise InputError(
            f"{config_path(folder)}: altered, or of another run than the checkpoint beside it; "
            "bring the original back, or train a new run"
        )
    if iteration not in {None, checkpoint.iteration}:
        raise InputError(f"{path}: it holds iteration {checkpoint.iteration}; remove it")
    return config, checkpoint


def describe(vae: VideoVAE, data: VideoData, training: dict[str, Any]) -> Config:
    """Describe a run so that `build_vae` and `build_data` build it again.

    Args:
        vae: The model.
        data: The training clips.
        training: The fields of `TrainingConfig`.

    Returns:
        The description; what only Python knows is marked as such.

    Raises:
        InputError: A number of the training that is out of range.
    """
    parts = type(vae.guide.encoder), type(vae.model.decoder)
    paper = vae.default_networks and parts in {(Encoder, Decoder), (GlimpseEncoder, GlimpseDecoder)}
    networks = {"networks": "paper" if paper else "custom"}
    model = refer_to(vae.prior)._asdict() | vae.settings | networks
    return make_config(data.settings, model, training)


def build_data(config: Config, root: str | Path | None = None) -> VideoData:
    """Build the training clips that a configuration describes, from another folder if given.

    A file of labels that lay in the old folder is looked for in the other; one that lay beside it,
    as beside a single file of clips, is taken from beside the other where there is one.
    """
    settings = config.data.model_dump()
    return open_data(settings if root is None else _moved(settings, Path(root)))


def _moved(settings: dict[str, Any], root: Path) -> dict[str, Any]:
    before, labels = settings["root"], settings.get("labels")
    if before and labels:
        old, path = Path(before), Path(labels)
        if path.is_relative_to(old):
            settings |= {"labels": str(root / path.relative_to(old))}
        elif path.is_relative_to(old.parent):
            beside = root.parent / path.relative_to(old.parent)
            settings |= {"labels": str(beside)} if beside.is_file() else {}
    return settings | {"root": root}


def config_path(folder: Path) -> Path:
    """Where a run's configuration is: a folder with this file holds a run."""
    return folder / "config.json"


def checkpoint_path(folder: Path) -> Path:
    """Where a run's checkpoint is."""
    return folder / "checkpoint.safetensors"


def kept_path(folder: Path, iteration: int) -> Path:
    """Where the weights of an iteration are, if they were kept."""
    return folder / KEPT / f"{iteration}.safetensors"


def kept_iterations(folder: Path) -> list[int]:
    """The iterations whose weights were kept, in order."""
    names = [path.stem for path in (folder / KEPT).glob("*.safetensors")]
    return sorted(int(name) for name in names if name.isdecimal())


def metrics_path(folder: Path) -> Path:
    """Where a run's metrics are, one JSON object a line."""
    return folder / "metrics.jsonl"
