"""Train and score the cells of the paper's tables that the ledger lacks."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

from ..checkpoint import read_checkpoint
from ..errors import InUse, TimeUp, TrainingDiverged, require
from ..evaluation import evaluate
from ..evaluation.decoded import measure_decoded
from ..evaluation.figures import figures
from ..files import atomic
from ..inference.hardware import choose_device, choose_precision, name_precision
from ..inference.runs import Run, build_data, checkpoint_path
from ..inference.training import train_described
from ..track import tracking
from .claims_page import render_claims
from .figure import draw
from .ledger import Ledger, Row
from .paper import Cell, every_cell
from .provenance import commit, describe_device, source, versions
from .schedules import NUM_FRAMES, SCHEDULES, check_schedule
from .side_by_side import side_by_side
from .tables import render

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
    if several:
        write_tables(book)  # of two that were rendered at once, the last may lack the other's row
    diverged = [outcome for outcome in found if isinstance(outcome, str)]
    if diverged:
        raise TrainingDiverged("\n".join(diverged))
    return [outcome for outcome in found if isinstance(outcome, Row)]


@dataclass(frozen=True)
class Work:
    """What is done for each cell.

    Args:
        schedule: The schedule's name.
        ledger: The ledger.
        runs: Folder of the run folders.
        roots: Where the data are, by the name of their set.
        where: Where and how it is done: `device` and `cuda_graph`.
        until: When to stop, in seconds since the epoch.
        progress: Whether to show progress.
    """

    schedule: str
    ledger: Ledger
    runs: Path
    roots: Mapping[str, str | Path | None]
    where: Mapping[str, Any]
    until: float
    progress: bool

    def __call__(self, cell: Cell) -> Row | str | None:
        """Train and score a cell, and add its row to the ledger.

        Returns:
            The row; what is to be said of a training that diverged; None if another process is at
            the cell.

        Raises:
            TimeUp: The time is over.
        """
        minutes = (self.until - time.time()) / 60
        if minutes <= 0:
            raise TimeUp(f"The time is up before {cell.name}; call again to go on.")
        print(f"{self.schedule}: {cell.name}", file=sys.stderr)
        try:
            run, row = self._row(cell, minutes)
        except InUse as error:
            print(f"Left out: {error}", file=sys.stderr)
            return None
        except TrainingDiverged as error:
            return f"{cell.name}: {error}"
        self.ledger.add([row])  # before anything else can fail
        write_tables(self.ledger)
        if SCHEDULES[self.schedule].in_tables and _can_draw():
            figures(run)
        return row

    def _row(self, cell: Cell, minutes: float) -> tuple[Run, Row]:
        plan, show, root = SCHEDULES[self.schedule], self.progress, self.roots[cell.dataset]
        config = plan.config(cell, **self.where)
        data = build_data(config, root)
        made_by = commit(), source()
        folder = run_folder(self.runs, self.schedule, cell)
        run = train_described(config, folder, data=data, max_minutes=minutes, progress=show)
        scores = evaluate(run, num_frames=NUM_FRAMES, clips=plan.clips, progress=show).record()
        if cell.prior == "factored":
            decoded = measure_decoded(
                run,
                run.vae.factors["hs"],
                clips=plan.judged_clips,
                iterations=plan.judge_iterations,
                progress=show,
            )
            scores["decoded"] = asdict(decoded)
        device = choose_device(config.training.device)
        precision = name_precision(choose_precision(config.training.precision, device))
        description = config.model_dump(mode="json")
        if cell.dataset == "chairs" and root is not None:
            description["data"]["root"] = Path(root).name  # whose meshes, wherever they lie
        return run, Row(
            schedule=self.schedule,
            cell=cell,
            config=description,
            device=describe_device(device, precision),
            versions=versions(),
            commit=made_by[0],
            source=made_by[1],
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(read_checkpoint(checkpoint_path(run.folder)).seconds, 1),
            scores=scores,
        )


def chosen(only: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """The cells whose names fit one of the patterns, with their seed or without.

    Raises:
        InputError: A pattern that fits none, no seed, or one that is negative.
    """
    sound = len(seeds) > 0 and min(seeds) >= 0
    require(sound, "seeds", tuple(seeds), "give one or more, from 0")
    every = every_cell(tuple(seeds))
    for pattern in only:
        known = any(_fits(cell, pattern) for cell in every)
        require(known, "only", pattern, f"no cell has such a name; one is {every[0].name}")
    return [cell for cell in every if not only or any(_fits(cell, each) for each in only)]


def _fits(cell: Cell, pattern: str) -> bool:
    return fnmatch(cell.name, pattern) or fnmatch(cell.name, f"{pattern}-seed{cell.seed}")


def run_folder(runs: str | Path, schedule: str, cell: Cell) -> Path:
    """Where a cell is trained."""
    return Path(runs, schedule, cell.name)


def write_tables(ledger: Ledger) -> Path:
    """Render tables.md and claims.md, and a figure if matplotlib is there, beside the ledger."""
    rows, path = ledger.rows(), ledger.path.with_name("tables.md")
    for name, page in (("tables.md", render(rows)), ("claims.md", render_claims(rows))):
        with atomic(path.with_name(name)) as temporary:
            temporary.write_text(page, encoding="utf-8")
    if _can_draw():
        draw(rows, path.with_name("tables.png"))
    return path


def _can_draw() -> bool:
    # what a stand-in of pydantic lacks is needed for a run's figures
    return all(find_spec(name) for name in ("matplotlib", "pydantic_core"))
