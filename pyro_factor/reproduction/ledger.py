"""The ledger: one JSON line for each cell that was trained and scored, from any machine."""

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import locked, write_text
from .paper import ACCURACY, CLASSIFIERS, D_SCORE, Cell

VERSION = 1
PATIENCE = 60.0  # seconds for another writer to end


@dataclass(frozen=True)
class Row:
    """One cell's result with what made it.

    Args:
        schedule: The schedule's name.
        cell: The cell.
        config: The description of the run, as in its config.json, without the data's folder.
        device: The machine's part that computed, and in which precision.
        versions: Of Python and of the libraries that compute.
        commit: The checkout's commit, "-dirty" added if files differed from it; None without git.
        source: Checksum of the package's files.
        finished: When, in UTC.
        seconds: Of training.
        scores: As in the run's scores.json, and under "decoded" as in its decoded.json.

    Raises:
        InputError: The scores lack what the tables show.
    """

    schedule: str
    cell: Cell
    config: dict[str, Any]
    device: str
    versions: dict[str, str | None]
    commit: str | None
    source: str
    finished: str
    seconds: float
    scores: dict[str, Any]

    def __post_init__(self) -> None:
        for name, title in CLASSIFIERS.items():
            judged = self.scores.get(name) or {}
            shown = (judged.get("accuracies") or {}).get(D_SCORE), judged.get(ACCURACY)
            if not all(isinstance(value, int | float) for value in shown):
                raise InputError(f"scores: {self.cell.name} has no accuracies by the {title}")

    @property
    def key(self) -> tuple[str, str]:
        """What a row is counted once by."""
        return self.schedule, self.cell.name


class Ledger:
    """A file of rows; any number of processes may read it and add to it.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> list[Row]:
        """The rows in the order of the file, each cell of a schedule once: the first stands.

        Raises:
            InputError: A line is not a row.
        """
        return _once(_read(self.path))

    def add(self, rows: Iterable[Row]) -> int:
        """Add the rows whose cells are not in the ledger yet, and say how many those were.

        The file is replaced whole, by one writer at a time; a row that an interrupted writer of
        some other tool cut off at the end is dropped.

        Raises:
            InUse: Another process has been writing for a minute.
            InputError: A line is not a row.
        """
        with self.alone():
            held = _read(self.path)
            known = {row.key for row in held}
            new = [row for row in _once(rows) if row.key not in known]
            if new:
                lines = (json.dumps({"version": VERSION, **asdict(row)}) for row in held + new)
                write_text(self.path, "\n".join(lines) + "\n")
        return len(new)

    def alone(self) -> AbstractContextManager[None]:
        """Be the only process that writes to the ledger or to the pages beside it.

        Raises:
            InUse: Another process has been writing for a minute.
        """
        return locked(self.path.parent, PATIENCE)


def _once(rows: Iterable[Row]) -> list[Row]:
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        found.setdefault(row.key, row)
    return list(found.values())


def _read(path: Path) -> list[Row]:
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.strip()]
    rows = []
    for number, line in enumerate(whole, start=1):
        try:
            rows.append(_row(line))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if number == len(whole) and not line.endswith(b"\n"):
                break  # cut off
            raise InputError(
                f"{path}: line {number} is not a row of the ledger ({error}); remove or mend it"
            ) from None
    return rows


def _row(line: bytes) -> Row:
    record = json.loads(line)
    version = record.pop("version")
    if version != VERSION:
        raise ValueError(f"version {version!r}, this pyro-factor reads {VERSION}")
    if record.keys() != {field.name for field in fields(Row)}:
        raise ValueError("its keys are others")
    return Row(**record | {"cell": Cell(**record["cell"])})
