"""Labels of clips and of their frames."""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .footage import Footage
from .listing import natural
from .table import Row, Table, fail, read_table


class Labels(NamedTuple):
    """What is known of the clips of a footage; None where nothing is said.

    Args:
        static: A class for each clip.
        temporal: A class for each frame, clip after clip.
        position: (y, x) for each frame.
    """

    static: Int[Tensor, "clips"] | None = None
    temporal: Int[Tensor, "frames"] | None = None
    position: Float[Tensor, "frames 2"] | None = None


@lru_cache(maxsize=4)
def read_labels(path: str, footage: Footage) -> Labels:
    """Read a CSV file with a row for each clip, `clip,static`, or for each frame, `clip,frame,...`.

    With frames there may be columns `temporal`; `static`, the same in all rows of a clip; `y,x`.
    Classes are numbered in natural order of their names, over all clips.

    Args:
        path: The file, in UTF-8.
        footage: The clips.

    Returns:
        The labels.

    Raises:
        InputError: Names the file, the line and what to do.
    """
    table = read_table(path, footage)
    frames = list(chain.from_iterable(table.clips))
    return Labels(
        static=_classes(table, [_constant(table, rows) for rows in table.clips], "static"),
        temporal=_classes(table, frames, "temporal"),
        position=_positions(table, frames),
    )


def _constant(table: Table, rows: Sequence[Row]) -> Row:
    """The first row of a clip, whose static label is that of all."""
    first = rows[0]
    for row in rows:
        if row.cells.get("static") != first.cells.get("static"):
            found = f"static changes within clip {row.cells['clip']!r}"
            fail(table.path, row.line, found, f"give the same as in line {first.line}")
    return first


def _classes(table: Table, rows: Sequence[Row], column: str) -> Int[Tensor, "rows"] | None:
    """The number of each row's class among all of them."""
    if column not in table.columns:
        return None
    names = [row.cells[column] for row in rows]
    if "" in names:
        fail(table.path, rows[names.index("")].line, f"{column} is empty", "name a class")
    numbers = {name: number for number, name in enumerate(sorted(set(names), key=natural))}
    return torch.tensor([numbers[name] for name in names])


def _positions(table: Table, rows: Sequence[Row]) -> Float[Tensor, "rows 2"] | None:
    if "y" not in table.columns:
        return None
    return torch.tensor([[_finite(table, row, axis) for axis in "yx"] for row in rows])


def _finite(table: Table, row: Row, axis: str) -> float:
    given = row.cells[axis]
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        fail(table.path, row.line, f"{axis} is {given!r}", "give a finite number")
    return value
