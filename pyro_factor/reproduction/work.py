"""What is done for a cell: it is trained, scored and added to the ledger."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..checkpoint import read_checkpoint
from ..errors import InUse, TimeUp, TrainingDiverged
from ..evaluation import evaluate
from ..evaluation.decoded import measure_decoded
from ..evaluation.figures import figures
from ..files import locked
from ..inference.hardware import choose_device, choose_precision, name_precision
from ..inference.runs import Run, build_data, checkpoint_path
from ..inference.training import train_described
from .ledger import Ledger, Row
from .pages import can_draw, write_tables
from .paper import Cell
from .provenance import commit, describe_device, source, versions
from .schedules import NUM_FRAMES, SCHEDULES

CELL = ".cell"  # folder of the lock on all that is done for a cell


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
            the cell, or has added its row.

        Raises:
            TimeUp: The time is over.
        """
        minutes = (self.until - time.time()) / 60
        if minutes <= 0:
            raise TimeUp(f"The time is up before {cell.name}; call again to go on.")
        print(f"{self.schedule}: {cell.name}", file=sys.stderr)
        try:
            # the training's own lock ends before the scores
            with locked(run_folder(self.runs, self.schedule, cell) / CELL):
                done = self._added(cell, minutes)
        except InUse as error:
            print(f"Left out: {error}", file=sys.stderr)
            return None
        except TrainingDiverged as error:
            return f"{cell.name}: {error}"
        if done is None:
            return None
        run, row = done
        write_tables(self.ledger)
        if SCHEDULES[self.schedule].in_tables and can_draw():
            figures(run)
        return row

    def _added(self, cell: Cell, minutes: float) -> tuple[Run, Row] | None:
        """Make the row and add it, before anything else can fail, unless another process has."""
        if (self.schedule, cell.name) in {row.key for row in self.ledger.rows()}:
            return None
        run, row = self._row(cell, minutes)
        return (run, row) if self.ledger.add([row]) else None

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


def run_folder(runs: str | Path, schedule: str, cell: Cell) -> Path:
    """Where a cell is trained."""
    return Path(runs, schedule, cell.name)
