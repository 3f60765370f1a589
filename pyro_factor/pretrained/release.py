"""From a finished run to a model that comes with the package: its weights file and its card."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint, write_checkpoint
from ..config import Config, fingerprint
from ..errors import require
from ..evaluation.results import Scores, scores_path
from ..files import write_text
from ..inference.runs import checkpoint_path, load_run, read_state
from ..models.described import restored_vae
from ..models.pretrained import pretrained_path
from ..models.prior_reference import BUILT_IN
from ..reproduction.ledger import Ledger
from ..reproduction.reproduce import LEDGER
from ..shareable import without_paths
from .card import Card, Origin, read_model
from .page import render
from .rounding import halved, measure_rounding
from .sources import SOURCES

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def release(
    folder: str | Path,
    name: str,
    *,
    data_root: str | Path | None = None,
    ledger: str | Path = LEDGER,
) -> list[Path]:
    """Make the files of a model that comes with the package.

    Args:
        folder: The run folder, trained to its end and evaluated.
        name: The model's name.
        data_root: Where the data are now, if not where they were in training.
        ledger: A ledger; its row of this run says what trained it.

    Returns:
        The weights' file and the card's.

    Raises:
        InputError: A name with other signs than a to z, digits and dashes; a run that is not
            finished or not evaluated; one whose data or prior others can't get.
    """
    folder, ledger = Path(folder), Path(ledger)
    require(bool(NAME.fullmatch(name)), "name", name, "give words of a-z and 0-9 between dashes")
    require(ledger.is_file(), "ledger", str(ledger), "no such file; name a ledger")
    held, checkpoint = read_state(folder)
    scores, config = _checked(folder, held, checkpoint), without_paths(held)
    run = load_run(folder, data_root=data_root)
    weights = {f"weights.{name}": t for name, t in halved(checkpoint.part("weights")).items()}
    rounded = replace(checkpoint, tensors=weights)
    moved = measure_rounding(run, restored_vae(checkpoint_path(folder), config, rounded))
    card = Card(name=name, origin=find_origin(config, scores, ledger), rounding=moved)
    about = {
        "config": config.model_dump_json(),
        "scores": json.dumps(scores.record()),
        "card": card.model_dump_json(),
    }
    write_checkpoint(pretrained_path(name), replace(rounded, about=about))
    return [pretrained_path(name), write_card(name)]


def write_card(name: str) -> Path:
    """Render a model's card beside its file, from what is in the file."""
    path = pretrained_path(name).with_suffix(".md")
    write_text(path, render(read_model(name)))
    return path


def find_origin(config: Config, scores: Scores, ledger: Path) -> Origin:
    """What a ledger says of a run: of the row with its configuration and its ELBO."""
    run = fingerprint(config)
    for row in Ledger(ledger).rows():
        if row.scores.get("elbo") == scores.elbo and _fingerprint(row.config) == run:
            return Origin(**{name: getattr(row, name) for name in Origin.model_fields})
    return Origin()


def _fingerprint(config: dict[str, Any]) -> str:
    return fingerprint(Config.model_validate_json(json.dumps(config)))


def _checked(folder: Path, config: Config, checkpoint: Checkpoint) -> Scores:
    """The scores of a run that is finished, evaluated, and can be made again by others."""
    done, planned = checkpoint.iteration, config.training.iterations
    advice = f"{done} of {planned} iterations are done; train it to its end (resume)"
    require(done >= planned, "run", str(folder), advice)
    advice = f"it has no scores; pyro-factor evaluate {folder}"
    require(scores_path(folder).exists(), "run", str(folder), advice)
    scores = Scores.read(scores_path(folder))
    advice = f"its scores are of iteration {scores.iteration}; pyro-factor evaluate {folder}"
    require(scores.iteration in {None, done}, "run", str(folder), advice)
    advice = f"release models of data that anyone can get: {', '.join(SOURCES)}"
    source, root = config.data.source, config.data.root
    require(source in SOURCES and (source != "chairs" or root is None), "data", source, advice)
    named = config.model.prior in BUILT_IN and config.model.networks == "paper"
    advice = "release a model whose prior has a name, with the paper's networks"
    require(named, "prior", config.model.prior, advice)
    return scores
