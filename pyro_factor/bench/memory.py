"""Memory of whole processes."""

import multiprocessing as mp
import os
import resource
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from ..track import Track
from .apart import Recipe
from .rows import Row, exact
from .sizes import Sizes

KIBIBYTES_PER_GB = 1e9 / 1024
STEPS = 3
LEAST = 1e-3  # GB, so that it has a logarithm


def quickstart_memory(sizes: Sizes, track: Track) -> list[Row]:
    """The peak of a quickstart, training, evaluation and figures, cut short."""
    words = sizes.command.split()
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pyro_factor", *words, "--folder", f"{folder}/run"]
        (peak,) = track((_peak_of(command) for _ in range(1)), 1, "A whole process's memory")
    quantity = f"peak memory of `pyro-factor {sizes.command}`"
    return [Row(quantity=quantity, value=exact(peak), unit="GB", at_most=3.0)]


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
    before = _resident()
    for _ in range(STEPS):
        work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_GB
    pipe.send(max(peak - before, LEAST))


def _resident() -> float:
    """GB of this process now, as Linux counts them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e9


def _peak_of(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss / KIBIBYTES_PER_GB
