"""Times of several ways to do a thing, in turns, so that what else the machine does hits all."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float

from ..evaluation.intervals import Estimate
from ..track import Track, untracked

Work = Callable[[], object]
Contestant = Callable[[], float]  # does its work once, and returns the seconds it took
Times = dict[str, Float[np.ndarray, "repetitions"]]


def timed(work: Work, device: torch.device | None = None) -> Contestant:
    """Time a piece of work by the clock on the wall, until the device has done it."""

    def contestant() -> float:
        _wait(device)
        began = time.perf_counter()
        work()
        _wait(device)
        return time.perf_counter() - began

    return contestant


def take_turns(
    contestants: Mapping[str, Contestant],
    repetitions: int,
    *,
    warmup: int = 1,
    track: Track = untracked,
    title: str = "",
) -> Times:
    """Time contestants in turns: A B A B ...

    Args:
        contestants: By name.
        repetitions: Times of each.
        warmup: Rounds before these, which don't count.
        track: Shows progress.
        title: What to show.

    Returns:
        Seconds by name, round by round.
    """
    rounds = warmup + repetitions
    times = [
        [contestant() for contestant in contestants.values()]
        for _ in track(range(rounds), rounds, title)
    ]
    columns = np.array(times[warmup:]).T
    return dict(zip(contestants, columns, strict=True))


def spread(samples: Float[np.ndarray, "repetitions"]) -> Estimate:
    """The median, between the quartiles."""
    low, median, high = np.quantile(samples, [0.25, 0.5, 0.75])
    return Estimate(float(median), float(low), float(high))


def _wait(device: torch.device | None) -> None:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
