"""Memory of whole processes."""

import multiprocessing as mp
import os
import re
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
TOLD = """
import sys
from pyro_factor.bench.memory import peak_resident
from pyro_factor.cli import main
code = main(sys.argv[1:])
print(peak_resident())
sys.exit(code)
"""


def quickstart_memory(sizes: Sizes, track: Track) -> list[Row]:
    """The peak of a quickstart, training, evaluation and figures, cut short."""
    with TemporaryDirectory() as folder:
        command = [*sizes.command.split(), "--folder", f"{folder}/run"]
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
    pipe.send(max(peak_resident() - before, LEAST))


def _resident() -> float:
    """GB of this process now, as Linux counts them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e9


def peak_resident() -> float:
    """GB of this process at its peak.

    `ru_maxrss` won't do: Linux counts in it the process that this one was started from.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak) / KIBIBYTES_PER_GB


def _peak_of(words: list[str]) -> float:
    """The peak of a command in a process of its own, which tells it at its end."""
    command = [sys.executable, "-c", TOLD, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])
