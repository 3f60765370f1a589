"""What a training shows while it runs."""

import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

QUIET_SECONDS = 30.0  # between lines where there is no terminal


class Progress:
    """A bar in a terminal, a line now and then elsewhere, scalars in TensorBoard if installed.

    Args:
        folder: The run folder; TensorBoard's files go to `tensorboard` in it.
        start: Completed iterations.
        iterations: Iterations in all.
        show: Whether to show anything.
    """

    def __init__(self, folder: Path, start: int, iterations: int, show: bool) -> None:
        self.start, self.iterations = start, iterations
        self._began = self._printed = time.monotonic()
        # the reproduction's script also runs without rich
        terminal = sys.stderr.isatty() and find_spec("rich") is not None
        self._bar = _bar(start, iterations) if show and terminal else None
        self._lines = show and self._bar is None
        self._board = _tensorboard(folder / "tensorboard", start)

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._board.close()

    def advance(self, iteration: int) -> None:
        """Show that one more iteration has been completed."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=iteration)

    def report(self, row: Mapping[str, Any]) -> None:
        """Show a row of metrics: the ELBO and its terms in nats per video."""
        speed = (row["iteration"] - self.start) / (time.monotonic() - self._began)
        if self._bar is not None:
            rate = f"{describe(row)}  {speed:.1f} it/s"
            self._bar.update(self._bar.task_ids[0], report=rate)
        if self._board is not None:
            for name, value in (row | row["terms"]).items():
                if name not in {"iteration", "terms"}:
                    self._board.add_scalar(name, value, row["iteration"])
        last = row["iteration"] == self.iterations
        if self._lines and (last or time.monotonic() - self._printed >= QUIET_SECONDS):
            self._printed = time.monotonic()
            left = (self.iterations - row["iteration"]) / speed
            print(
                f"{row['iteration']}/{self.iterations}  {describe(row)}  "
                f"{speed:.1f} it/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )


def describe(row: Mapping[str, Any]) -> str:
    """The ELBO and its terms, nats per video."""
    terms = "  ".join(f"{name} {value:.1f}" for name, value in row["terms"].items())
    return f"ELBO {row['elbo']:.1f}  ({terms})"


def _bar(start: int, iterations: int) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (MofNCompleteColumn(), BarColumn(20), TimeRemainingColumn())
    bar = Bar(*columns, TextColumn("{task.fields[report]}"), console=Console(stderr=True))
    bar.add_task("", total=iterations, completed=start, report="nats per video follow")
    return bar


def _tensorboard(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=start + 1)
