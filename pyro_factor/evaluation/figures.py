"""All figures of a run, written to its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import InputError
from ..inference.metrics import read_rows
from ..inference.runs import Run, metrics_path
from .gather import TEST_STREAM, evaluating, stream
from .pictures import reconstruction_figure, swap_figure
from .plots import codes_figure, scores_figure, training_figure
from .results import Scores, scores_path
from .style import save

if TYPE_CHECKING:
    import matplotlib.figure

SHOWN_VIDEOS = 6  # as in fig. 8


class LeftOut(Exception):
    """Why a figure of a run can't be drawn."""


def figures(run: Run, *, seed: int = 0, say: Callable[[str], object] = print) -> list[Path]:
    """Draw every figure that the run has the data for, into the folder `figures` of the run.

    Args:
        run: The run, as `train` and `load_run` return it.
        seed: Seed of the prior's draws and of the test clips shown.
        say: Told which figure is left out, and why.

    Returns:
        The files written, PNG: swap, swap-clips, reconstruction, codes, training, scores.

    Raises:
        InputError: The metrics or the scores are damaged; no figure is written then.
    """
    folder = Path(run.folder) / "figures"
    drawn: dict[str, matplotlib.figure.Figure] = {}
    for name, draw in FIGURES.items():
        try:
            drawn[name] = draw(run, seed)
        except LeftOut as reason:
            say(f"{name}: {reason}")
    return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _swap(run: Run, seed: int) -> "matplotlib.figure.Figure":
    """The factor hs is swapped; without one, the static part of the best split found."""
    return swap_figure(run.vae, seed, _static_columns(run))


def _swap_clips(run: Run, seed: int) -> "matplotlib.figure.Figure":
    """The same with codes of test clips."""
    return swap_figure(run.vae, seed, _static_columns(run), videos=_test_clips(run, seed, 8))


def _reconstruction(run: Run, seed: int) -> "matplotlib.figure.Figure":
    return reconstruction_figure(run.vae, _test_clips(run, seed, 3))


def _codes(run: Run, seed: int) -> "matplotlib.figure.Figure":
    with evaluating(run.vae, seed):
        codes = run.vae.encode(_test_clips(run, seed, SHOWN_VIDEOS)).loc
    return codes_figure(codes.double().cpu().numpy(), run.vae.factors)


def _test_clips(run: Run, seed: int, videos: int) -> Tensor:
    device = next(run.vae.parameters()).device
    data = run.data.replace(split="test", num_frames=run.vae.num_frames)
    return data.batch(videos, stream(seed, TEST_STREAM, device)).videos


def _static_columns(run: Run) -> list[int] | None:
    own = {"hs", "ht"} <= run.vae.factors.keys()
    return None if own else _scores(run).split.static


def _training(run: Run, seed: int) -> "matplotlib.figure.Figure":
    path = metrics_path(Path(run.folder))
    rows = read_rows(path)
    if not rows:
        raise LeftOut(f"there is no {path.name} yet; train the run first")
    return training_figure(rows)


def _scores_heat_maps(run: Run, seed: int) -> "matplotlib.figure.Figure":
    return scores_figure(_scores(run))


def _scores(run: Run) -> Scores:
    path = scores_path(Path(run.folder))
    if not path.exists():
        raise LeftOut(f"there is no {path.name} yet; evaluate the run first")
    scores, num_features = Scores.read(path), run.vae.num_features
    if not all(0 <= column < num_features for part in scores.split for column in part):
        raise InputError(f"{path}: of a model with other features; evaluate the run again")
    return scores


FIGURES = {
    "swap": _swap,
    "swap-clips": _swap_clips,
    "reconstruction": _reconstruction,
    "codes": _codes,
    "training": _training,
    "scores": _scores_heat_maps,
}
