"""A small model, trained, evaluated and released as those that come with the package."""

import shutil
import sys
from pathlib import Path

import pytest
from small_runs import small_run, small_vae

from pyro_factor.evaluation import evaluate
from pyro_factor.models import pretrained
from pyro_factor.pretrained.release import release

NAME = "small-2"


def make_released(folder: Path) -> Path:
    """A folder with `run`, an empty ledger, and `weights`, where its released model is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch.utils.tensorboard", None)
        patch.setattr(pretrained, "FOLDER", folder / "weights")
        run = small_run(folder / "run", small_vae(beta=2.0), 20)
        evaluate(run, clips=30, progress=False)
        (folder / "ledger.jsonl").touch()
        release(folder / "run", NAME, ledger=folder / "ledger.jsonl")
    return folder


def copy_released(made: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A copy to do with as one likes; the package's models are then those in it."""
    shutil.copytree(made, folder)
    patch.setattr(pretrained, "FOLDER", folder / "weights")
    patch.setitem(sys.modules, "torch.utils.tensorboard", None)
    return folder
