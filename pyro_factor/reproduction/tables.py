"""The paper's tables with our numbers beside the paper's, rendered from the ledger."""

from collections.abc import Iterable, Sequence
from itertools import groupby, product

import numpy as np

from ..evaluation.intervals import mean
from ..evaluation.tables import markdown
from .ledger import Row
from .paper import BETAS, CLASSIFIERS, COLUMNS, D_SCORE, NUMBERS, PRIORS, Column
from .schedules import SCHEDULES

HEAD = """# The paper's tables, reproduced

Rendered from `ledger.jsonl` by `pyro-factor reproduce`; don't edit. Each of our numbers is the mean
over the seeds, the 95% interval of that mean (Student's t) where there are two seeds or more, and
the number of seeds in brackets; ours is bold where it is above the paper's. Schedules:

{schedules}

The paper's text says linear SVM, its authors' code uses an RBF SVM. Our chairs are not the paper's:
they are generated (docs/data.md), unless a row's configuration names a folder, and ten of them are
told apart at azimuths between those that the classifier was fitted on.
"""


def render(rows: Sequence[Row]) -> str:
    """The tables as markdown, readable as text.

    A table has a line for each schedule that has a number in it, and a column for each classifier.
    """
    rows = in_tables(rows)
    names = [name for name in SCHEDULES if any(row.schedule == name for row in rows)]
    parts = [HEAD.format(schedules=_describe(names) or "- none yet")]
    for number, columns in groupby(COLUMNS, key=lambda column: column.table):
        parts.append(f"## Table {number}\n")
        for column in columns:
            parts += [f"### {column.title}\n", _table(column, names, rows)]
    parts += ["## What made them\n", _provenance(rows)]
    return "\n".join(parts)


def in_tables(rows: Sequence[Row]) -> list[Row]:
    """The rows of schedules whose scores are results; another version may know others."""
    known = {name for name, schedule in SCHEDULES.items() if schedule.in_tables}
    return [row for row in rows if row.schedule in known]


def score(row: Row, column: Column, classifier: str) -> float:
    """The number of a row that stands in a column."""
    judged = row.scores[classifier]
    found = judged["accuracies"] if column.measure == D_SCORE else judged
    return float(found[column.measure])


def values(
    rows: Iterable[Row], column: Column, prior: str, beta: int, schedule: str, classifier: str
) -> list[float]:
    """Our numbers for one place of a table, one for each seed."""
    return [
        score(row, column, classifier)
        for row in rows
        if row.schedule == schedule and row.cell == column.cell(prior, beta, row.cell.seed)
    ]


def average(
    rows: Iterable[Row], column: Column, prior: str, beta: int, schedule: str, classifier: str
) -> float | None:
    """The mean of our numbers over seeds; None if there is none."""
    found = values(rows, column, prior, beta, schedule, classifier)
    return float(np.mean(found)) if found else None


def _table(column: Column, names: Sequence[str], rows: Sequence[Row]) -> str:
    """A line for each schedule that has a number; one without ours where none has."""
    lines = []
    for prior, beta in product(PRIORS, sorted(BETAS)):
        paper = NUMBERS[prior, beta][COLUMNS.index(column)]
        ours = [
            [name, *(_entry(found, paper) for found in judged)]
            for name in names
            if any(judged := [values(rows, column, prior, beta, name, by) for by in CLASSIFIERS])
        ]
        place = [PRIORS[prior], str(beta), f"{paper:.2f}"]
        lines += [[*place, *line] for line in ours or [[""] * 3]]
    return markdown(["model", "β", "paper", "schedule", *CLASSIFIERS.values()], lines)


def _entry(found: Sequence[float], paper: float) -> str:
    value, low, high = mean(np.array(found))
    spread = f" ± {(high - low) / 2:.2f}" if len(found) > 1 else ""
    return (f"**{value:.2f}**" if value > paper else f"{value:.2f}") + f"{spread} ({len(found)})"


def _describe(names: Iterable[str]) -> str:
    return "\n".join(f"- {name}: {SCHEDULES[name].words}" for name in names)


def _provenance(rows: Sequence[Row]) -> str:
    header = ["cell", "schedule", "minutes", "device", "torch", "commit", "finished"]
    return markdown(
        header,
        (
            [
                row.cell.name,
                row.schedule,
                f"{row.seconds / 60:.0f}",
                row.device,
                str(row.versions.get("torch")),
                (row.commit or "none")[:10],
                row.finished,
            ]
            for row in rows
        ),
    )
