"""Train and score the cells of the paper's tables that the ledger lacks."""

import time
from collections.abc import Sequence
from fnmatch import fnmatch
from math import inf
from pathlib import Path

from ..errors import TrainingDiverged, check_seed, require
from ..track import tracking
from .ledger import Ledger, Row
from .paper import Cell, every_cell
from .schedules import check_schedule
from .side_by_side import side_by_side
from .work import Work

LEDGER = Path("docs/reproduction/ledger.jsonl")
RUNS = Path("runs/reproduction")


def reproduce(
    schedule: str = "short",
    only: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    *,
    ledger: str | Path = LEDGER,
    runs: str | Path = RUNS,
    data_root: str | Path | None = None,
    chairs_root: str | Path | None = None,
    device: str = "auto",
    cuda_graph: bool = False,
    jobs: int = 1,
    max_minutes: float = inf,
    progress: bool = True,
) -> list[Row]:
    """Train and score what is missing, cell after cell; add each to the ledger as it is done.

    Decoded clips of the factored prior are judged too, and each cell's figures drawn.
    A cell that was begun goes on; one that another process is at is left to it. The tables are
    rendered anew after each.

    Args:
        schedule: A name in `SCHEDULES`.
        only: Names of cells, with or without `-seed0`, also as patterns such as
            `mnist-factored-*`; all unless given.
        seeds: Seeds of each cell.
        ledger: The ledger's file.
        runs: Folder of the run folders.
        data_root: Folder of the digits.
        chairs_root: Folder of meshes of chairs; generated ones unless given.
        device: "auto", "cpu", "cuda" or "cuda:1".
        cuda_graph: As in `train`.
        jobs: How many cells are done at once, in processes of their own.
        max_minutes: Stop after this time, between two iterations.
        progress: Whether to show progress.

    Returns:
        The new rows.

    Raises:
        InputError: An unknown schedule, names that fit no cell, or a process that died.
        TimeUp: `max_minutes` are over; calling again goes on.
        TrainingDiverged: Cells whose training diverged, after the others are done.
    """
    check_schedule(schedule)
    require(max_minutes > 0, "max_minutes", max_minutes, "give a positive number of minutes")
    require(jobs >= 1, "jobs", jobs, "give 1 or more")
    book, until = Ledger(Path(ledger)), time.time() + 60 * max_minutes
    done = {row.key for row in book.rows()}
    cells = [cell for cell in chosen(only, seeds) if (schedule, cell.name) not in done]
    roots = {"mnist": data_root, "chairs": chairs_root}
    several = jobs > 1 and len(cells) > 1
    where = {"device": device, "cuda_graph": cuda_graph}
    work = Work(schedule, book, Path(runs), roots, where, until, progress and not several)
    with tracking(progress and several) as track:
        found = list(side_by_side(work, cells, jobs, track) if several else map(work, cells))
    diverged = [outcome for outcome in found if isinstance(outcome, str)]
    if diverged:
        raise TrainingDiverged("\n".join(diverged))
    return [outcome for outcome in found if isinstance(outcome, Row)]


def chosen(only: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """The cells whose names fit one of the patterns, with their seed or without.

    Raises:
        InputError: A pattern that fits none, no seed, or one that is out of range.
    """
    require(len(seeds) > 0, "seeds", tuple(seeds), "give one or more")
    for seed in seeds:
        check_seed(seed, "seeds")
    every = every_cell(tuple(dict.fromkeys(seeds)))
    for pattern in only:
        known = any(_fits(cell, pattern) for cell in every)
        require(known, "only", pattern, f"no cell has such a name; one is {every[0].name}")
    return [cell for cell in every if not only or any(_fits(cell, each) for each in only)]


def _fits(cell: Cell, pattern: str) -> bool:
    return fnmatch(cell.name, pattern) or fnmatch(cell.name, f"{pattern}-seed{cell.seed}")
