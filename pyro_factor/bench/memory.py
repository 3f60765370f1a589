"""Memory of whole processes."""

import multiprocessing as mp
import os
import resource
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from ..evaluation.track import Track
from .apart import Recipe
from .rows import Row, exact
from .sizes import Sizes

KIBIBYTES_PER_GB = 1e9 / 1024
STEPS = 3


def quickstart_memory(sizes: Sizes, track: Track) -> list[Row]:
    """The peak of a quickstart, training, evaluation and figures, cut short."""
    with TemporaryDirectory() as folder:
        words = ["--folder", str(Path(folder, "run")), "--iterations", str(sizes.quickstart)]
        if not sizes.apart:  # quick
            words += ["--clips", "20"]
        command = [sys.executable, "-m", "pyro_factor", "quickstart", *words]
        (peak,) = track((_peak_of(command) for _ in range(1)), 1, "The quickstart's memory")
    quantity = f"peak memory of the quickstart, {sizes.quickstart} iterations"
    return [Row(quantity=quantity, value=exact(peak), unit="GB", at_most=3)]


def step_memory(recipe: Recipe) -> float:
    """GB that a few steps add to a process of their own, at their peak."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_report_peak, args=(recipe, theirs), daemon=True)
    process.start()
    theirs.close()
    peak = float(ours.recv())
    process.join()
    return peak


def _report_peak(recipe: Recipe, pipe: Connection) -> None:
    work = recipe.build()
    before = _own_peak()
    for _ in range(STEPS):
        work()
    pipe.send(_own_peak() - before)


def _own_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_GB


def _peak_of(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss / KIBIBYTES_PER_GB
