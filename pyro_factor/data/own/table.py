"""A CSV file with a row for each clip, or for each frame."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from ...errors import InputError, require
from .footage import Footage
from .listing import composed

OF_FRAMES = {"temporal", "y", "x"}
COLUMNS = {"clip", "frame", "static", *OF_FRAMES}


class Row(NamedTuple):
    """A line of the file, from 1, and its cells by column."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The rows of a file in the order of the clips and their frames.

    Args:
        path: The file.
        columns: What it says.
        clips: The rows of each clip: one, or one for each frame.
    """

    path: str
    columns: frozenset[str]
    clips: list[list[Row]]


def read_table(path: str, footage: Footage) -> Table:
    """Read a file and find the clip and the frame of every row; each has one row.

    Rows of clips that are left out of the footage are passed over, and those of other files where
    it is of a single one.

    Raises:
        InputError: Names the file, the line and what to do.
    """
    require(Path(path).is_file(), "labels", path, "no such file")
    rows = _lines(path)
    header = next(rows, Row(1, {}))
    columns = _check_columns(path, header)
    counts = footage.lengths.tolist() if "frame" in columns else [1] * len(footage.names)
    found: list[list[Row | None]] = [[None] * count for count in counts]
    numbers = {name: number for number, name in enumerate(footage.names)}
    for row in rows:
        name = composed(row.cells["clip"])
        if name in numbers:
            _place(path, row, found[numbers[name]])
        elif not _passed_over(name, footage):
            some = ", ".join(map(repr, footage.names[:2]))
            fail(path, row.line, f"there is no clip {name!r}", f"clips are called {some}, ...")
    return Table(path, columns, _complete(path, footage.names, found))


def fail(path: str, line: int, found: str, advice: str) -> NoReturn:
    """Raise an `InputError` about a line."""
    raise InputError(f"labels: {path}, line {line}: {found}; {advice}")


def _lines(path: str) -> Iterator[Row]:
    """The header, as a row of its own names, and the rows under it."""
    line = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header: list[str] = []
            for cells in filter(None, reader):  # not the empty lines
                line = reader.line_num
                header = header or [cell.strip() for cell in cells]
                if len(cells) != len(header) or len(set(header)) < len(header):
                    named = ",".join(header)
                    fail(path, line, f"{len(cells)} cells under {named}", "give one for each name")
                values = (cell.strip() for cell in cells)
                yield Row(line, dict(zip(header, values, strict=True)))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        fail(path, line + 1, f"it can't be read ({error})", "save it as CSV, in UTF-8")


def _check_columns(path: str, header: Row) -> frozenset[str]:
    columns = frozenset(header.cells)
    framed, positions = "frame" in columns, columns & {"y", "x"}
    if not (
        "clip" in columns <= COLUMNS
        and columns & {"static", *OF_FRAMES}
        and (framed or not columns & OF_FRAMES)
        and len(positions) != 1
    ):
        advice = "name them clip,static or clip,frame,temporal[,static][,y,x]"
        fail(path, header.line, f"columns {','.join(header.cells) or 'without names'}", advice)
    return columns


def _place(path: str, row: Row, rows: list[Row | None]) -> None:
    """Put a row to its frame, or to its clip."""
    given, last = row.cells.get("frame", "0"), len(rows) - 1
    if not (given.isascii() and given.isdigit() and int(given) <= last):
        found = f"frame {given!r} of clip {row.cells['clip']!r}"
        fail(path, row.line, found, f"give a number from 0 to {last}")
    frame = int(given)
    if before := rows[frame]:
        fail(path, row.line, f"the same clip and frame as line {before.line}", "remove one of them")
    rows[frame] = row


def _passed_over(name: str, footage: Footage) -> bool:
    """Whether a clip is left out, or in another file than the only one that was read."""
    elsewhere = footage.file not in {None, name.split("/", 1)[0]}
    left_out = (skipped.name for skipped in footage.skipped)
    return elsewhere or any(name == each or name.startswith(f"{each}/") for each in left_out)


def _complete(path: str, names: tuple[str, ...], found: list[list[Row | None]]) -> list[list[Row]]:
    clips = []
    for name, rows in zip(names, found, strict=True):
        given = [row for row in rows if row]
        if len(given) < len(rows):
            missing = f"frame {rows.index(None)} of clip {name!r}" if given else f"clip {name!r}"
            raise InputError(f"labels: {path}: {missing} has no row; give every one a row")
        clips.append(given)
    return clips
