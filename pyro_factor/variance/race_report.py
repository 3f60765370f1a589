"""A race as tables, a figure and a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.intervals import Estimate, mean
from ..evaluation.style import look, save, styled
from ..evaluation.tables import Listing
from ..files import atomic
from .race import Standing

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

COLUMNS = ("estimator", "seed", "iteration", "seconds", "elbo", "d_score", "d_score_rbf")


def race_listings(standings: Sequence[Standing]) -> list[Listing]:
    """The last point of each contestant, and how far it is from the first one, seed by seed.

    Args:
        standings: Those of a race.

    Returns:
        Means over seeds, with 95% intervals where there are several; then, if any, those that
        diverged.
    """
    names = list(dict.fromkeys(s.estimator for s in standings))
    last = {name: _last(standings, name) for name in names}
    point = max(s.iteration for s in standings)
    title = f"After {point:,} iterations: test ELBO, nats per video, and D-score"
    header = ("estimator", "seeds", "ELBO", f"less\n{names[0]}'s", "D", "D, RBF", "min")
    table = Listing(title, header, [(name, *_cells(last[name], last[names[0]])) for name in names])
    lost = [(s.estimator, str(s.seed), f"{s.iteration:,}") for s in standings if s.diverged]
    diverged = Listing("Diverged", ("estimator", "seed", "last good iteration"), lost)
    return [table, *([diverged] if lost else [])]


def _last(standings: Sequence[Standing], name: str) -> dict[int, Standing]:
    """By seed, where one contestant was at the last point, if it got there."""
    point = max(s.iteration for s in standings)
    mine = [s for s in standings if s.estimator == name and s.elbo is not None]
    return {s.seed: s for s in mine if s.iteration == point}


def _cells(mine: dict[int, Standing], first: dict[int, Standing]) -> list[str]:
    if not mine:
        return ["0", *[""] * 5]
    both = sorted(mine.keys() & first.keys())
    ahead = np.array([_number(mine[k].elbo) - _number(first[k].elbo) for k in both])
    same = all(mine[k] is first[k] for k in both)
    return [
        str(len(mine)),
        _text(_over(mine, "elbo"), ".1f"),
        "" if same or not both else _text(mean(ahead), "+.1f"),
        _text(_over(mine, "d_score"), ".2f"),
        _text(_over(mine, "d_score_rbf"), ".2f"),
        f"{_over(mine, 'seconds').value / 60:.1f}",
    ]


def _over(standings: dict[int, Standing], what: str) -> Estimate:
    return mean(np.array([_number(getattr(s, what)) for s in standings.values()]))


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _text(estimate: Estimate, spec: str) -> str:
    if np.isnan(estimate.value):
        return ""  # the clips have no labels
    half = estimate.high - estimate.value
    return f"{estimate.value:{spec}}" + (f"\n± {float(f'{half:.2g}'):g}" if half > 0 else "")


def race_figure(standings: Sequence[Standing], path: Path) -> Path:
    """Draw a race and write the figure: mean over seeds, and their range as a band."""
    return save(_figure([s for s in standings if s.elbo is not None]), path)


@styled
def _figure(standings: Sequence[Standing]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 3.2))
    grid = fig.subplots(1, 3)
    loss = [-s.elbo for s in standings if s.elbo is not None]
    for axes, x in zip(grid, ("iteration", "seconds", "iteration"), strict=True):
        for number, name in enumerate(dict.fromkeys(s.estimator for s in standings)):
            what = "d_score" if axes is grid[2] else "elbo"
            _line(axes, [s for s in standings if s.estimator == name], x, what, number)
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xlabel("iterations" if x == "iteration" else "seconds of training")
    for axes in grid[:2]:
        if loss and min(loss) > 0:  # a density of real pixels may be above 1
            axes.set_yscale("log")
            axes.set_ylim(0.95 * min(loss), 1.05 * max(loss))
        axes.set_title("- test ELBO, nats per video")
    grid[2].set_title("D-score (linear SVM)")
    if loss:
        grid[0].legend()
    return fig


def _line(
    axes: "matplotlib.axes.Axes", mine: Sequence[Standing], x: str, what: str, number: int
) -> None:
    points = sorted({s.iteration for s in mine})
    at = [[s for s in mine if s.iteration == point] for point in points]
    sign = -1 if what == "elbo" else 1
    values = [np.array([sign * _number(getattr(s, what)) for s in group]) for group in at]
    where = [np.mean([getattr(s, x) for s in group]) for group in at]
    style = look(number)
    axes.plot(where, [v.mean() for v in values], ms=4, label=mine[0].estimator, **style)
    low, high = [v.min() for v in values], [v.max() for v in values]
    axes.fill_between(where, low, high, color=style["color"], alpha=0.15, lw=0)


def write_csv(standings: Sequence[Standing], path: Path) -> Path:
    """Write the standings as CSV, a line for each."""
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(s, column) for column in COLUMNS] for s in standings)
    return path
