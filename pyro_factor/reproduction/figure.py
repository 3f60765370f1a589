"""The paper's numbers and ours, side by side."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.intervals import mean
from ..evaluation.style import look, save, styled
from .ledger import Row
from .paper import BETAS, CLASSIFIERS, COLUMNS, NUMBERS, PRIORS, Column
from .schedules import SCHEDULES
from .tables import values

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

PLACES = list(product(PRIORS, sorted(BETAS)))
SIDES = {"linear": -0.15, "rbf": 0.15}  # where a classifier's numbers stand, beside their place


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw the columns of tables 1–3, a line of panels for each schedule, and write the figure."""
    return save(_figure(rows), path)


@styled
def _figure(rows: Sequence[Row]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    held = {row.schedule for row in rows}
    used = [name for name, schedule in SCHEDULES.items() if schedule.in_tables and name in held]
    lines = max(len(used), 1)
    fig = Figure(figsize=(2.4 * len(COLUMNS), 1 + 1.3 * lines))
    grid = fig.subplots(lines, len(COLUMNS), sharex=True, sharey="col", squeeze=False)
    for panels, name in zip(grid, used, strict=False):
        panels[0].set_ylabel(name)
        for axes, column in zip(panels, COLUMNS, strict=True):
            _panel(axes, column, name, rows)
    for axes, column in zip(grid[0], COLUMNS, strict=True):
        axes.set_title(column.title.replace(", ", "\n", 1))
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    middle = sorted(BETAS)[len(BETAS) // 2]
    labels = [f"{beta}\n{PRIORS[prior] if beta == middle else ''}" for prior, beta in PLACES]
    grid[0, 0].set_xticks(range(len(PLACES)), labels)
    fig.supxlabel("β and model", fontsize="medium")
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return fig


def _panel(
    axes: "matplotlib.axes.Axes", column: Column, schedule: str, rows: Sequence[Row]
) -> None:
    """The paper's numbers, and ours by one schedule with their intervals over seeds."""
    paper = [NUMBERS[place][COLUMNS.index(column)] for place in PLACES]
    axes.plot(range(len(PLACES)), paper, "_", color="black", ms=11, label="the paper")
    for number, (classifier, side) in enumerate(SIDES.items()):
        found = {i: values(rows, column, *at, schedule, classifier) for i, at in enumerate(PLACES)}
        found = {i: one for i, one in found.items() if one}
        means = [mean(np.array(one)) for one in found.values()]
        axes.errorbar(
            [i + side for i in found],
            [one.value for one in means],
            [one.high - one.value for one in means],
            ls="none",
            label=f"ours, {CLASSIFIERS[classifier]}",
            **look(number),
        )
    axes.grid(axis="x", visible=False)
