"""All figures of a run, written to its folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from ..data.video_data import NamedClasses
from ..errors import InputError, check_seed
from ..inference.metrics import read_rows
from ..inference.runs import Run, metrics_path
from .animations import Animation, interpolation_animation, save_animation, swap_animation
from .codes import Split
from .evaluate import own_split
from .gather import TEST_STREAM, evaluating, stream
from .identities import identities_figure
from .interpolation import interpolation_figure
from .label_map import labels_figure
from .pictures import examples_figure, reconstruction_figure, swap_figure
from .plots import codes_figure, scores_figure, training_figure
from .results import Scores, find_scores
from .scores import MAX_SEARCHED_FEATURES
from .style import save

if TYPE_CHECKING:
    import matplotlib.figure

SHOWN_VIDEOS = 6  # as in fig. 8
LABELLED_VIDEOS, LABELLED_FRAMES = 128, 5
PAIRS = 4
FORMATS = (".png", ".svg")

Drawn = TypeVar("Drawn")


class LeftOut(Exception):
    """Why a figure of a run can't be drawn."""


def figures(run: Run, *, seed: int = 0, say: Callable[[str], object] = print) -> list[Path]:
    """Draw every figure that the run has the data for, into the folder `figures` of the run.

    Args:
        run: The run, as `train` and `load_run` return it.
        seed: Seed of the prior's draws and of the test clips shown.
        say: Told which figure is left out, and why.

    Returns:
        The files written: each of `FIGURES` as PNG and SVG, each of `ANIMATIONS` as GIF.

    Raises:
        InputError: The metrics or the scores are damaged, or a seed out of range; no figure is
            written then.
    """
    check_seed(seed)
    folder = Path(run.folder) / "figures"
    drawn = _drawn(FIGURES, run, seed, say)
    moving = _drawn(ANIMATIONS, run, seed, say)
    still = [save(fig, folder / f"{name}{kind}") for name, fig in drawn for kind in FORMATS]
    return still + [save_animation(each, folder / f"{name}.gif") for name, each in moving]


def _drawn(
    draws: Mapping[str, Callable[[Run, int], Drawn]],
    run: Run,
    seed: int,
    say: Callable[[str], object],
) -> list[tuple[str, Drawn]]:
    drawn = []
    for name, draw in draws.items():
        try:
            drawn.append((name, draw(run, seed)))
        except LeftOut as reason:
            say(f"{name}: {reason}")
    return drawn


def _examples(run: Run, seed: int) -> "matplotlib.figure.Figure":
    return examples_figure(_test_clips(run, seed, 4))


def _samples(run: Run, seed: int) -> "matplotlib.figure.Figure":
    with evaluating(run.vae, seed):
        videos = run.vae.decode(run.vae.sample_prior(4, _num_frames(run)))
    return examples_figure(videos, "Clips drawn from the prior")


def _swap(run: Run, seed: int) -> "matplotlib.figure.Figure":
    """The factor hs is swapped; without one, the static part of the best split found."""
    return swap_figure(run.vae, seed, _columns(run)[0])


def _swap_clips(run: Run, seed: int) -> "matplotlib.figure.Figure":
    """The same with codes of test clips."""
    return swap_figure(run.vae, seed, _columns(run)[0], videos=_test_clips(run, seed, 8))


def _reconstruction(run: Run, seed: int) -> "matplotlib.figure.Figure":
    return reconstruction_figure(run.vae, _test_clips(run, seed, 3))


def _identities(run: Run, seed: int) -> "matplotlib.figure.Figure":
    return identities_figure(run.vae, _sequences(run, seed, 2), _columns(run)[0])


def _static_interpolation(run: Run, seed: int) -> "matplotlib.figure.Figure":
    videos = _test_clips(run, seed, 2 * PAIRS)
    return interpolation_figure(run.vae, videos, _columns(run)[0], "static")


def _temporal_interpolation(run: Run, seed: int) -> "matplotlib.figure.Figure":
    videos = _test_clips(run, seed, 2 * PAIRS)
    return interpolation_figure(run.vae, videos, _columns(run)[1], "temporal")


def _swap_animation(run: Run, seed: int) -> Animation:
    return swap_animation(run.vae, _sequences(run, seed, 2 * PAIRS), _columns(run)[0])


def _interpolation_animation(run: Run, seed: int) -> Animation:
    return interpolation_animation(run.vae, _test_clips(run, seed, 2 * PAIRS), _columns(run))


def _codes(run: Run, seed: int) -> "matplotlib.figure.Figure":
    with evaluating(run.vae, seed):
        codes = run.vae.encode(_test_clips(run, seed, SHOWN_VIDEOS)).loc
    return codes_figure(codes.double().cpu().numpy(), run.vae.factors)


def _labels(run: Run, seed: int) -> "matplotlib.figure.Figure":
    """The first frames of clips such as scores are of."""
    split = _columns(run)._asdict()
    _, data = run.data.replace(num_frames=_num_frames(run)).scoring("test")
    with evaluating(run.vae, seed) as device:
        clips = data.batch(LABELLED_VIDEOS, stream(seed, TEST_STREAM)).to(device)
        codes = run.vae.encode(clips.videos).loc[:, :LABELLED_FRAMES].double()
    shape = codes.shape[:2]
    every = None if clips.static is None else clips.static[:, None].expand(shape)
    each = None if clips.temporal is None else clips.temporal[:, :LABELLED_FRAMES]
    found = {"static": every, "temporal": each}
    labels = {name: label.numpy(force=True) for name, label in found.items() if label is not None}
    if not labels:
        raise LeftOut("the clips have no labels")
    names = data.class_names if isinstance(data, NamedClasses) else {}
    return labels_figure(codes.numpy(force=True), split, labels, names)


def _test_clips(run: Run, seed: int, videos: int) -> Tensor:
    device = next(run.vae.parameters()).device
    data = run.data.replace(split="test", num_frames=_num_frames(run))
    return data.batch(videos, stream(seed, TEST_STREAM)).videos.to(device)


def _sequences(run: Run, seed: int, videos: int) -> Tensor:
    if _num_frames(run) == 1:
        raise LeftOut("a model of single frames; evaluate it with --frames 16 first")
    return _test_clips(run, seed, videos)


def _num_frames(run: Run) -> int:
    """The model's own; of a model of single frames, those of the clips it was scored on."""
    path = _scores_path(run)
    single = run.vae.num_frames == 1 and path is not None
    return Scores.read(path).num_frames if single else run.vae.num_frames  # type: ignore[arg-type]


def _columns(run: Run) -> Split:
    """The columns of hs and ht; without these factors, those of the best split found."""
    split = own_split(run.vae) or _scores(run).split
    if split is None:
        raise LeftOut("the prior has no static and temporal part, and the scores no best split")
    return split


def _training(run: Run, seed: int) -> "matplotlib.figure.Figure":
    path = metrics_path(Path(run.folder))
    rows = read_rows(path)
    if not rows:
        raise LeftOut(f"there is no {path.name} yet; train the run first")
    return training_figure(rows)


def _scores_heat_maps(run: Run, seed: int) -> "matplotlib.figure.Figure":
    scores = _scores(run)
    if not scores.judged:
        raise LeftOut(
            "they have no accuracies: both labels are needed, of two classes or more, and, without "
            f"factors hs and ht, 2 to {MAX_SEARCHED_FEATURES} features"
        )
    return scores_figure(scores)


def _scores(run: Run) -> Scores:
    path = _scores_path(run)
    if path is None:
        raise LeftOut("there is no scores.json yet; evaluate the run first")
    scores, num_features = Scores.read(path), run.vae.num_features
    columns = [column for part in scores.split or () for column in part]
    if not all(0 <= column < num_features for column in columns):
        raise InputError(f"{path}: of a model with other features; evaluate the run again")
    return scores


def _scores_path(run: Run) -> Path | None:
    """Of a model of single frames, preferably those of clips of several."""
    return find_scores(Path(run.folder), own_first=run.vae.num_frames > 1)


FIGURES = {
    "examples": _examples,
    "samples": _samples,
    "swap": _swap,
    "swap-clips": _swap_clips,
    "identities": _identities,
    "static-interpolation": _static_interpolation,
    "temporal-interpolation": _temporal_interpolation,
    "reconstruction": _reconstruction,
    "codes": _codes,
    "labels": _labels,
    "training": _training,
    "scores": _scores_heat_maps,
}
ANIMATIONS = {"swap-clips": _swap_animation, "interpolation": _interpolation_animation}
