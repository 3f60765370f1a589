"""Labels of clips and of their frames."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import require
from .footage import Footage
from .listing import natural
from .table import Row, Table, fail, read_table

LABELS = "labels.csv"


class Labels(NamedTuple):
    """What is known of the clips of a footage; None where nothing is said.

    Args:
        static: A class for each clip.
        temporal: A class for each frame, clip after clip.
        position: (y, x) for each frame.
        names: What the classes are called, by label, in the order of their numbers.
    """

    static: Int[Tensor, "clips"] | None = None
    temporal: Int[Tensor, "frames"] | None = None
    position: Float[Tensor, "frames 2"] | None = None
    names: Mapping[str, Sequence[str]] = MappingProxyType({})

    def to(self, device: torch.device) -> "Labels":
        """The labels on a device."""
        held = self._asdict()
        moved: dict[str, Any] = {k: v.to(device) for k, v in held.items() if isinstance(v, Tensor)}
        return self._replace(**moved)


class LabelsFile(NamedTuple):
    """A file as it is at some time; when it is written again, it is another.

    Args:
        path: Where it is.
        modified: When it was last written, in nanoseconds.
        size: Its bytes.
    """

    path: str
    modified: int
    size: int


def find_labels(given: str | None, root: str, footage: Footage) -> LabelsFile | None:
    """Find the file that is given, or `labels.csv` in the root, or beside it if that is a file.

    Raises:
        InputError: The file that is given isn't there.
    """
    folder = Path(root) if footage.file is None else Path(root).parent
    path = Path(given or folder / LABELS)
    if not path.is_file():
        require(given is None, "labels", given, "no such file")
        return None
    stat = path.stat()
    return LabelsFile(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def load_labels(file: LabelsFile, footage: Footage, device: torch.device) -> Labels:
    """Read labels once, see `read_labels`, and move them to a device once."""
    if device.type != "cpu":
        return load_labels(file, footage, torch.device("cpu")).to(device)
    return read_labels(file.path, footage)


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
    labelled = {"static": [_constant(table, rows) for rows in table.clips], "temporal": frames}
    given = {name: rows for name, rows in labelled.items() if name in table.columns}
    names = {name: _names(table, rows, name) for name, rows in given.items()}
    numbers = {name: _numbers(rows, name, names[name]) for name, rows in given.items()}
    return Labels(**numbers, position=_positions(table, frames), names=names)


def _constant(table: Table, rows: Sequence[Row]) -> Row:
    """The first row of a clip, whose static label is that of all."""
    first = rows[0]
    for row in rows:
        if row.cells.get("static") != first.cells.get("static"):
            found = f"static changes within clip {row.cells['clip']!r}"
            fail(table.path, row.line, found, f"give the same as in line {first.line}")
    return first


def _names(table: Table, rows: Sequence[Row], column: str) -> list[str]:
    """The names of all classes."""
    names = [row.cells[column] for row in rows]
    if "" in names:
        fail(table.path, rows[names.index("")].line, f"{column} is empty", "name a class")
    return sorted(set(names), key=natural)


def _numbers(rows: Sequence[Row], column: str, names: Sequence[str]) -> Int[Tensor, "rows"]:
    """The number of each row's class among all of them."""
    numbers = {name: number for number, name in enumerate(names)}
    return torch.tensor([numbers[row.cells[column]] for row in rows])


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
