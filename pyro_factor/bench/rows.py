"""What a benchmark finds: numbers with their spread, and what they are to be."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..evaluation.intervals import Estimate
from ..files import write_json

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number.

    Args:
        quantity: What it is.
        value: The repetitions' median, between their quartiles; None where it wasn't measured.
        unit: "×" for a ratio, "s", "GB", ...
        at_most: The goal, if it is an upper limit.
        at_least: The goal, if it is a lower limit.
    """

    quantity: str
    value: Estimate | None
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """The goal in words, empty if there is none."""
        goals = {"at most": self.at_most, "at least": self.at_least}
        return "".join(f"{sense} {goal:g}" for sense, goal in goals.items() if goal is not None)

    @property
    def verdict(self) -> str:
        """Whether the median meets the goal, or only a quartile; empty if there is none of both."""
        if self.value is None or not self.goal:
            return ""
        value, low, high = self.value
        if self._meets(value, value):
            return "met"
        return "met within the spread" if self._meets(low, high) else "missed"

    def _meets(self, low: float, high: float) -> bool:
        least = self.at_least is None or high >= self.at_least
        return least and (self.at_most is None or low <= self.at_most)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one benchmark found, and where.

    Args:
        name: The benchmark's name.
        title: What it is about.
        note: How to read it.
        machine: Processor, threads, precision, versions.
        command: The words after `pyro-factor` that measured it.
        finished: When, in UTC.
        seconds: How long it took.
        rows: The numbers.
    """

    name: str
    title: str
    note: str
    machine: dict[str, str]
    command: str
    finished: str
    seconds: float
    rows: tuple[Row, ...]

    @property
    def measured(self) -> bool:
        """Whether there is any number."""
        return any(row.value is not None for row in self.rows)


def exact(value: float) -> Estimate:
    """A number without spread."""
    return Estimate(value, value, value)


def merge(held: Sequence[Result], new: Sequence[Result], order: Sequence[str]) -> list[Result]:
    """Put new results in the place of those of the same name.

    One without a number, as from a machine without a GPU, doesn't replace one that has some.
    """
    found = {result.name: result for result in held}
    for result in new:
        if result.measured or result.name not in found:
            found[result.name] = result
    return [found[name] for name in order if name in found]


def write_results(results: Sequence[Result], path: Path) -> Path:
    """Write results as JSON, whole or not at all."""
    write_json(path, {"version": VERSION, "results": [asdict(result) for result in results]})
    return path


def read_results(path: Path) -> list[Result]:
    """Read results back; none if the file is absent.

    Raises:
        InputError: The file is damaged, foreign or of a newer version.
    """
    if not path.exists():
        return []
    try:
        record = json.loads(path.read_bytes())
        if record["version"] != VERSION:
            raise ValueError
        return [_result(result) for result in record["results"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        advice = "not the benchmarks' file, or of a newer version; remove it or name another"
        raise InputError(f"{path}: {advice}") from None


def _result(record: dict[str, Any]) -> Result:
    rows = (
        Row(**row | {"value": row["value"] and Estimate(*row["value"])}) for row in record["rows"]
    )
    return Result(**record | {"rows": tuple(rows)})
