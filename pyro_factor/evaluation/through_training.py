"""Scores through a training: of every iteration whose weights a run kept, and of its last."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from ..config import read_config
from ..errors import require
from ..files import write_json
from ..inference.hardware import choose_device
from ..inference.runs import Run, config_path, kept_iterations, load_run
from ..inference.warm_up import factor_kl
from ..models import SmoothingGuide, VideoVAE
from .evaluate import evaluate, foreign
from .gather import TEST_STREAM, batches, evaluating, gather, stream
from .results import Judgement, scores_path
from .style import look, plain, styled
from .tables import ACCURACIES, CLASSIFIERS, Listing

if TYPE_CHECKING:
    import matplotlib.figure

CLIPS = 400
ACTIVE = 0.01  # variance of a feature's means over frames, from which it is active


@dataclass(frozen=True)
class Moment:
    """What a model was worth at an iteration.

    Args:
        iteration: Completed iterations.
        elbo: At β = 1, nats per video.
        reconstruction: Its first term.
        nats: KL(q ‖ p) of each factor, nats per video; empty where the prior has no such terms, or
            the guide ties the factors.
        spread: Standard deviation of the guide's means over frames, the mean over each factor's
            features.
        active: How many of each factor's features are active: their means' variance is above 0.01
            (Burda et al. 2016, arXiv:1509.00519). Others have collapsed to the prior.
        accuracies: By classifier, the four accuracies and "d_score"; empty without labels.
    """

    iteration: int
    elbo: float
    reconstruction: float
    nats: Mapping[str, float]
    spread: Mapping[str, float]
    active: Mapping[str, int]
    accuracies: Mapping[str, Mapping[str, float]]


def through_training(
    folder: str | Path,
    *,
    split: str = "validation",
    num_frames: int | None = None,
    clips: int | None = None,
    seed: int = 0,
    data_root: str | Path | None = None,
    device: str = "auto",
    progress: bool = True,
) -> list[Moment]:
    """Score every iteration whose weights were kept, and the last, on the same clips.

    Args:
        folder: The run folder; train with `keep`.
        split: Which part of the data to score on; validation unless the choice is made.
        num_frames: Frames in a clip; the model's own number unless given.
        clips: Clips to fit classifiers on, and to score on; 400 unless given.
        seed: Seed of the clips.
        data_root: Where the data are now, if not where they were in training.
        device: "auto", "cpu", "cuda" or "cuda:1".
        progress: Whether to show progress.

    Returns:
        A moment for each iteration, also written to the run folder: kept.json, or by a name that
        says the split and the frames, as those of scores do.

    Raises:
        InputError: No weights were kept, or what `evaluate` raises.
    """
    folder = Path(folder)
    read_config(config_path(folder))  # there is a run
    kept = kept_iterations(folder)
    require(bool(kept), "folder", str(folder), "it kept no weights; train with keep")
    last = load_run(folder, data_root=data_root)
    earlier = [i for i in kept if i < last.iteration]
    runs = [*(load_run(folder, data_root=data_root, iteration=i) for i in earlier), last]
    clips = CLIPS if clips is None else clips
    options = {"split": split, "num_frames": num_frames, "clips": clips, "seed": seed}
    for run in runs:
        run.vae.to(choose_device(device))
    moments = [_moment(run, options, progress) for run in runs]
    path = kept_scores_path(folder, split, num_frames, data_root)
    write_json(path, [asdict(moment) for moment in moments])
    return moments


def kept_scores_path(
    folder: Path,
    split: str = "test",
    num_frames: int | None = None,
    data_root: str | Path | None = None,
) -> Path:
    """Where the scores through a training lie: kept.json, or kept-validation-32-frames.json."""
    config = read_config(config_path(folder))
    unusual = None if num_frames == config.data.num_frames else num_frames
    other = foreign(config, data_root)
    path = scores_path(folder, data_split=split, num_frames=unusual, other_data=other)
    return path.with_name(path.name.replace("scores", "kept", 1))


def factor_nats(vae: VideoVAE, videos: Tensor) -> dict[str, Tensor]:
    """The mean of `factor_kl` over clips; nothing of a guide that ties the factors."""
    if isinstance(vae.guide, SmoothingGuide):
        return {}
    return {name: kl.mean().detach() for name, kl in factor_kl(vae, vae.encode(videos)).items()}


def _moment(run: Run, options: Mapping[str, object], progress: bool) -> Moment:
    scores = evaluate(run, write=False, progress=progress, **options)  # type: ignore[arg-type]
    frames, vae = scores.num_frames, run.vae
    with evaluating(vae, scores.seed):
        data = run.data.replace(num_frames=frames).scoring(scores.data_split)[1]
        generator = stream(scores.seed, TEST_STREAM)
        drawn = batches(data, scores.clips, generator)
        seen = gather(vae, drawn, partial(factor_nats, vae))
    loc = seen.features
    spread = {name: float(loc[:, held].std(0).mean()) for name, held in vae.factors.items()}
    active = {name: int((loc[:, held].var(0) > ACTIVE).sum()) for name, held in vae.factors.items()}
    judged = {name: _accuracies(one) for name, one in scores.judged.items()}
    reconstruction = scores.terms["reconstruction"]
    return Moment(run.iteration, scores.elbo, reconstruction, seen.terms, spread, active, judged)


def _accuracies(judgement: Judgement) -> dict[str, float]:
    found = judgement.accuracies
    return {name: getattr(found, name) for name in ACCURACIES} | {"d_score": found.d_score}


def moments_listings(moments: Sequence[Moment]) -> list[Listing]:
    """Scores through a training as tables of words: of each classifier, then nats."""
    listings = [
        Listing(
            f"Through the training, {title}",
            ("iteration", "s→s", "s→t", "t→t", "t→s", "D"),
            [
                (
                    f"{moment.iteration:,}",
                    *(f"{moment.accuracies[judge][name]:.3f}" for name in ACCURACIES),
                    f"{moment.accuracies[judge]['d_score']:.2f}",
                )
                for moment in moments
            ],
        )
        for judge, title in CLASSIFIERS.items()
        if all(judge in moment.accuracies for moment in moments)
    ]
    return [*listings, _nats(moments), _codes(moments)]


def _nats(moments: Sequence[Moment]) -> Listing:
    header = ("iteration", "ELBO", "reconstruction", *(f"KL {name}" for name in moments[0].nats))
    rows = [
        (
            f"{moment.iteration:,}",
            f"{moment.elbo:.1f}",
            f"{moment.reconstruction:.1f}",
            *(f"{value:.2f}" for value in moment.nats.values()),
        )
        for moment in moments
    ]
    return Listing("Nats per video", header, rows)


def _codes(moments: Sequence[Moment]) -> Listing:
    names = list(moments[0].spread)
    rows = [
        (
            f"{moment.iteration:,}",
            *(f"{moment.spread[name]:.2f}" for name in names),
            *(str(moment.active[name]) for name in names),
        )
        for moment in moments
    ]
    header = ("iteration", *(f"std {name}" for name in names), *(f"active {n}" for n in names))
    return Listing("The guide's means: spread, active features", header, rows)


@styled
def moments_figure(moments: Sequence[Moment], of: str = "") -> "matplotlib.figure.Figure":
    """Accuracies and D-score (RBF SVM), the nats of each factor and its spread, by iteration.

    The title says which clips they are `of`, such as "validation clips". Clips without labels have
    no accuracies, and some priors no such nats: the figure has the rest.
    """
    from matplotlib.figure import Figure

    x = [moment.iteration for moment in moments]
    panels = {title: lines for title, lines in _curves(moments).items() if lines}
    rows = -(-len(panels) // 2)
    fig = Figure(figsize=(9, 2.7 * rows))
    grid = fig.subplots(rows, 2, squeeze=False).flat
    for axes in list(grid)[len(panels) :]:
        axes.remove()
    for axes, (title, lines) in zip(fig.axes, panels.items(), strict=True):
        for number, (label, values) in enumerate(lines.items()):
            axes.plot(x, values, ms=4, label=plain(label), **look(number))
        axes.set(title=title, xlabel="iteration")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=7)
    fig.suptitle("Scores through the training" + (f", {of}" if of else ""))
    return fig


def _curves(moments: Sequence[Moment]) -> dict[str, dict[str, list[float]]]:
    """The lines of each panel, by title and label."""
    labelled = all("rbf" in moment.accuracies for moment in moments)
    rbf = [moment.accuracies["rbf"] for moment in moments] if labelled else []
    return {
        "accuracy, RBF SVM": {
            label: [scores[name] for scores in rbf] for name, label in ACCURACIES.items() if rbf
        },
        "D-score, RBF SVM": {"D": [scores["d_score"] for scores in rbf]} if rbf else {},
        "KL, nats per video": {n: [m.nats[n] for m in moments] for n in moments[0].nats},
        "standard deviation": {n: [m.spread[n] for m in moments] for n in moments[0].spread},
    }
