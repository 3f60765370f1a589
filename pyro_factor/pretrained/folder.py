"""A trained model as a run folder, which every command works on."""

from pathlib import Path

from ..checkpoint import write_checkpoint
from ..config import write_config
from ..errors import require
from ..files import locked, write_text
from ..inference.runs import checkpoint_path, config_path
from .card import Model
from .page import render


def write_run(model: Model, folder: str | Path) -> Path:
    """Write a model's configuration, weights and card.

    The optimiser's state and the training's metrics are not there: the run can't be resumed.

    Args:
        model: The model.
        folder: The run folder; it is made if it is absent.

    Returns:
        The folder.

    Raises:
        InputError: The folder holds a run, or is a file.
        StorageError: It can't be written to.
    """
    folder, pretrained = Path(folder), model.pretrained
    require(not folder.is_file(), "folder", str(folder), "it is a file; name a folder")
    with locked(folder):
        held = config_path(folder).exists()
        require(not held, "folder", str(folder), "it holds a run; choose another folder")
        write_text(folder / "card.md", render(model))
        write_checkpoint(checkpoint_path(folder), pretrained.checkpoint)
        write_config(config_path(folder), pretrained.config)  # the last: it makes the folder a run
    return folder
