"""Which cells are done, begun or missing."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..evaluation.tables import markdown
from ..inference.runs import config_path, read_state
from .ledger import Ledger, Row
from .paper import Cell
from .reproduce import chosen
from .schedules import check_schedule
from .work import run_folder


def status(
    schedule: str, only: Sequence[str], seeds: Sequence[int], ledger: Ledger, runs: Path
) -> str:
    """A table of cells: name, how far each is, its D-score and static accuracy.

    Raises:
        InputError: An unknown schedule, or names that fit no cell.
    """
    check_schedule(schedule)
    rows = {row.cell: row for row in ledger.rows() if row.schedule == schedule}
    wanted = chosen(only, seeds)
    lines = [_line(cell, rows.get(cell), schedule, runs) for cell in wanted]
    done = sum(cell in rows for cell in wanted)
    table = markdown(["cell", "state", "D-score", "static accuracy"], lines)
    where = "" if ledger.path.exists() else f" There is no ledger {ledger.path}."
    return f"{table}\n{done} of {len(wanted)} cells of the schedule {schedule} are done.{where}"


def _line(cell: Cell, row: Row | None, schedule: str, runs: Path) -> list[str]:
    if row is None:
        return [cell.name, _progress(cell, schedule, runs), "", ""]
    linear = row.scores["linear"]
    scores = [f"{linear['accuracies']['d_score']:.2f}", f"{linear['transfer']:.3f}"]
    return [cell.name, f"done in {row.seconds / 60:.0f} min", *scores]


def _progress(cell: Cell, schedule: str, runs: Path) -> str:
    folder = run_folder(runs, schedule, cell)
    if not config_path(folder).exists():
        return "missing"
    try:
        config, checkpoint = read_state(folder)
    except InputError as error:
        return f"broken: {error}"
    return f"{checkpoint.iteration} of {config.training.iterations} iterations"
