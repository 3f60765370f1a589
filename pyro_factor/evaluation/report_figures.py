"""Figures that put runs beside one another."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .results import Scores
from .style import COLOURS, MARKERS, look, plain, styled
from .tables import CLASSIFIERS

if TYPE_CHECKING:
    import matplotlib.figure


@styled
def curves_figure(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], frames: Mapping[str, int] | None = None
) -> "matplotlib.figure.Figure":
    """The ELBO of runs against the iteration.

    Args:
        runs: Rows of metrics by the name of the run.
        frames: Frames of a video by the name of the run; with them, the ELBO is that of a frame.

    Returns:
        The figure; its range is that of all but the first tenth of each run's rows.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(7.5, 3.6))
    axes, late = fig.subplots(), []
    for number, (name, rows) in enumerate(runs.items()):
        length = 1 if frames is None else frames[name]
        points = [(row["iteration"], row["elbo"] / length) for row in rows]
        every = max(1, len(points) // 8)
        (line,) = axes.plot(*zip(*points, strict=True), ms=4, **look(number))
        line.set(label=plain(name), markevery=every)
        late += [elbo for _, elbo in points[len(points) // 10 :]]
    margin = 0.05 * (max(late) - min(late)) or 1.0
    unit = "video" if frames is None else "frame"
    axes.set(xlabel="iteration", ylabel=f"ELBO, nats per {unit}")
    axes.set_ylim(min(late) - margin, max(late) + margin)
    axes.legend()
    return fig


@styled
def d_scores_figure(runs: Mapping[str, Scores]) -> "matplotlib.figure.Figure":
    """The D-score of runs under each classifier, with intervals and ceilings.

    Args:
        runs: Scores by the name of the run, of clips with both labels.

    Returns:
        The figure: a row for each run; a line marks a ceiling.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(7.5, 0.5 * len(runs) + 1.4))
    axes = fig.subplots()
    for number, (name, title) in enumerate(CLASSIFIERS.items()):
        for place, scores in enumerate(runs.values()):
            judged, height = scores.judged[name], place + 0.16 * (2 * number - 1)
            value, colour = judged.accuracies.d_score, COLOURS[number]
            low, high = (judged.intervals or {}).get("d_score", (value, value))
            axes.plot([low, high], [height, height], color=colour, lw=1.5)
            label = None if place else title
            axes.plot(value, height, MARKERS[number], color=colour, ms=5, label=label)
            axes.plot(judged.ceiling.d_score, height, "|", color=colour, ms=12, mew=2)
    axes.set_yticks(range(len(runs)), list(map(plain, runs)))
    axes.set_xlabel("D-score (|: its ceiling)")
    axes.set_xlim(left=0)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.legend()
    return fig
