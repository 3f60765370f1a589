"""The paper's numbers and ours, side by side."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.intervals import mean
from ..evaluation.style import look, save, styled
from .ledger import Row
from .paper import BETAS, COLUMNS, NUMBERS, PRIORS, Column
from .schedules import SCHEDULES
from .tables import values

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

PLACES = list(product(PRIORS, sorted(BETAS)))
SIDES = {"linear": -0.15, "rbf": 0.15}  # where a classifier's numbers stand, beside their place


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw the columns of tables 1–3 by both SVMs, and write the figure."""
    return save(_figure(rows), path)


@styled
def _figure(rows: Sequence[Row]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 6))
    grid = fig.subplots(2, 3)
    for axes, column in zip(grid.flat, COLUMNS, strict=False):
        _panel(axes, column, rows)
    grid.flat[-1].remove()
    fig.legend(*grid.flat[0].get_legend_handles_labels(), loc="lower right")
    told = "full: linear SVM, open: RBF SVM; 95% intervals over seeds"
    fig.suptitle(f"The paper's tables 1–3 and ours ({told})")
    return fig


def _panel(axes: "matplotlib.axes.Axes", column: Column, rows: Sequence[Row]) -> None:
    x = range(len(PLACES))
    paper = [NUMBERS[place][COLUMNS.index(column)] for place in PLACES]
    axes.plot(x, paper, "_", color="black", ms=14, label="paper")
    held = {row.schedule for row in rows}
    used = [name for name, schedule in SCHEDULES.items() if schedule.in_tables and name in held]
    for (number, name), classifier in product(enumerate(used), SIDES):
        found = {i: values(rows, column, *at, name, classifier) for i, at in enumerate(PLACES)}
        found = {i: one for i, one in found.items() if one}
        means = [mean(np.array(one)) for one in found.values()]
        full = classifier == "linear"
        axes.errorbar(
            [i + SIDES[classifier] for i in found],
            [one.value for one in means],
            [one.high - one.value for one in means],
            ls="none",
            mfc=look(number)["color"] if full else "white",
            label=f"ours, schedule {name}" if full else None,
            **look(number),
        )
    middle = sorted(BETAS)[len(BETAS) // 2]
    models = [f"\n{PRIORS[prior]}" if beta == middle else "" for prior, beta in PLACES]
    labels = [f"{beta}{model}" for (_, beta), model in zip(PLACES, models, strict=True)]
    axes.set_xticks(x, labels)
    axes.set_xlabel("β and model")
    axes.set_title(column.title.replace(", ", "\n", 1))
    axes.set_ylim(bottom=0)
    axes.grid(axis="x", visible=False)
