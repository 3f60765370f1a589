"""What the benchmarks found, drawn."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..evaluation.style import COLOURS, MARKERS, save, styled
from .rows import Result, Row

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

RATIO = "×"
ON_GPU = {"gpu", "sharing"}
TIME, MEMORY = "time of a step, ", "memory of a step, "


def draw(results: Sequence[Result], path: Path) -> Path:
    """Draw the ratios with their goals, and the growth, and write the figure."""
    return save(_figure(results), path)


@styled
def _figure(results: Sequence[Result]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    ratios = [
        replace(row, quantity=f"GPU: {row.quantity}") if result.name in ON_GPU else row
        for result in results
        for row in result.rows
        if row.unit == RATIO and row.value is not None and not row.quantity.startswith("...")
    ]
    grown = [row for result in results if result.name == "growth" for row in result.rows]
    fig = Figure(figsize=(11, 1.6 + 0.25 * max(len(ratios), 6)))
    left, middle, right = fig.subplots(1, 3, width_ratios=(1.4, 1, 1))
    _ratios(left, ratios)
    _grown(middle, grown, TIME, "seconds of a step")
    _grown(right, grown, MEMORY, "GB that steps add")
    return fig


def _ratios(axes: "matplotlib.axes.Axes", rows: Sequence[Row]) -> None:
    """Medians between quartiles; the goal a bar, on the side that is to be kept clear."""
    for place, row in enumerate(rows):
        value, low, high = row.value or (1, 1, 1)
        colour = COLOURS[1] if row.verdict == "missed" else COLOURS[0]
        axes.errorbar(
            value, place, xerr=[[value - low], [high - value]], fmt="o", ms=4, color=colour
        )
        for goal, mark in ((row.at_most, "<"), (row.at_least, ">")):
            if goal:
                axes.plot(goal, place, mark, color="black", ms=6)
    axes.set_yticks(range(len(rows)), [row.quantity for row in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="0.4", lw=0.8)
    axes.set_title("Ratios; black: at most (◂), at least (▸)")


def _grown(axes: "matplotlib.axes.Axes", rows: Sequence[Row], start: str, label: str) -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row.quantity.startswith(start) and row.value is not None:
            point, _, name = row.quantity.removeprefix(start).partition(" ")
            lines.setdefault(name, []).append((float(point), row.value.value))
    for number, (name, points) in enumerate(lines.items()):
        x, y = zip(*points, strict=True)
        axes.plot(x, y, marker=MARKERS[number], color=COLOURS[number], ms=4, label=name)
    axes.set_title(label)
    if lines:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.legend(fontsize=7)
