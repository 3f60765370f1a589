"""What the laboratory found, drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.style import look, save, styled
from .rows import Row
from .sweep import SCALES, SWEEPS
from .tables import GROUP, pick

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def variance_figures(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw the studies there are, as PNG and SVG: along the training, and the sweeps."""
    figures = {"training": _training([row for row in rows if row.study == "training"])}
    sweeps = [row for row in rows if row.study != "training"]
    if sweeps:
        figures["sweeps"] = _sweeps(sweeps)
    return [
        save(fig, folder / f"{name}.{suffix}")
        for name, fig in figures.items()
        for suffix in ("png", "svg")
    ]


@styled
def _training(rows: Sequence[Row]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(10, 3.4))
    sources, ratios = fig.subplots(1, 2)
    lines = {
        "reconstruction": ("analytic", "reconstruction", "variance"),
        "KL, Monte Carlo": ("trace", "kl", "variance"),
        "minibatches": ("analytic", "total", "between"),
    }
    for number, (label, (estimator, part, what)) in enumerate(lines.items()):
        mine = pick(rows, estimator=estimator, part=part, group=GROUP)
        _line(sources, mine, what, label, number)
    sources.set_title("Variance of one clip's gradient in the encoder, by source")
    totals = pick(rows, part="total", group=GROUP)
    others = dict.fromkeys(row.estimator for row in totals if row.estimator != "analytic")
    for number, name in enumerate(others, start=1):
        _line(ratios, pick(totals, estimator=name), "ratio", name, number)
    ratios.axhline(1, color="0.4", lw=0.8)
    ratios.set_title("Variance over draws of h, times the analytic one's")
    for axes in (sources, ratios):
        axes.set_xscale("symlog", linthresh=10)
        axes.set_yscale("log")
        axes.set_xlabel("iterations of training")
        axes.set_xlim(left=-2)
        _mark(axes, [row.point for row in rows])
    sources.legend()
    if others:
        ratios.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _plain(ratios)
    return fig


@styled
def _sweeps(rows: Sequence[Row]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 5.6))
    grid = fig.subplots(2, 3)
    places = dict(zip(["scales", *SWEEPS[len(SCALES) :]], grid.flat, strict=False))
    for number, study in enumerate(SCALES):
        mine = pick(rows, study=study, estimator="trace", part="total", group=GROUP)
        if mine:
            _line(places["scales"], mine, "ratio", study, number)
    places["scales"].set_xlabel("the prior's variance")
    places["scales"].legend()
    for study in SWEEPS[len(SCALES) :]:
        mine = pick(rows, study=study, estimator="trace", part="total", group=GROUP)
        if mine:
            _line(places[study], mine, "ratio", study, 0)
        each = "of each factor" if study == "features" else ""
        places[study].set_xlabel(f"{study} {each}".strip())
    for study, axes in places.items():
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(1, color="0.4", lw=0.8)
        _plain(axes)
        if study != "scales":
            _mark(axes, [row.point for row in pick(rows, study=study)])
    for axes in list(grid.flat)[len(places) :]:
        axes.remove()
    fig.suptitle("Fresh weights: Trace_ELBO's gradient variance, times the analytic ELBO's")
    return fig


def _mark(axes: "matplotlib.axes.Axes", points: Sequence[float]) -> None:
    """Ticks where something was measured, and nowhere else."""
    places = sorted(set(points))
    axes.set_xticks(places, [f"{point:,g}" for point in places], minor=False)
    axes.xaxis.minorticks_off()


def _plain(axes: "matplotlib.axes.Axes") -> None:
    """Numbers on the axis of ratios, not powers of ten."""
    from matplotlib.ticker import LogFormatter

    axes.yaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _line(
    axes: "matplotlib.axes.Axes", rows: Sequence[Row], what: str, label: str, number: int
) -> None:
    """Values over points, with their intervals."""
    found = [(row.point, getattr(row, what)) for row in rows if getattr(row, what) is not None]
    values = [estimate.value for _, estimate in found]
    below = [estimate.value - estimate.low for _, estimate in found]
    above = [estimate.high - estimate.value for _, estimate in found]
    axes.errorbar(
        [point for point, _ in found],
        values,
        [below, above],
        ms=4,
        capsize=2,
        label=label,
        **look(number),
    )
