"""Cells side by side, each in a process of its own."""

import multiprocessing as mp
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

import torch

from ..errors import InputError
from ..track import Track, untracked
from .paper import Cell

Outcome = TypeVar("Outcome")


def side_by_side(
    work: Callable[[Cell], Outcome], cells: Sequence[Cell], jobs: int, track: Track = untracked
) -> Iterator[Outcome]:
    """Do a piece of work for each cell, several at once.

    Args:
        work: What is done; it is sent to other processes.
        cells: The cells, in the order in which they are begun.
        jobs: How many at once; they share the cores.
        track: Shows progress.

    Yields:
        What the work returns, as it comes.

    Raises:
        InputError: A process died.
        Exception: What the work raises; cells that weren't begun then are left.
    """
    context = mp.get_context("spawn")  # a process that was forked has no GPU
    with ProcessPoolExecutor(jobs, context, _share_cores, (jobs,)) as pool:
        try:
            yield from track(_in_turn(pool, work, cells, jobs), len(cells), "Cells")
        except BrokenProcessPool:
            advice = "one of the processes died, perhaps for want of memory; give fewer"
            raise InputError(f"jobs: got {jobs}; {advice}, what was begun goes on") from None


def _in_turn(
    pool: ProcessPoolExecutor, work: Callable[[Cell], Outcome], cells: Sequence[Cell], jobs: int
) -> Iterator[Outcome]:
    """Begin a cell only when it can start: what waits in a pool is begun even after an error."""
    left = iter(cells)
    running = {pool.submit(work, cell) for cell in islice(left, jobs)}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        outcomes = [future.result() for future in done]
        running |= {pool.submit(work, cell) for cell in islice(left, len(done))}
        yield from outcomes


def _share_cores(jobs: int) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))
