"""Random states of their own for numbered pieces of work."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ..errors import check_seed


@contextmanager
def forked(seed: int | None = None) -> Iterator[None]:
    """Leave the random states of the CPU, and of the GPU if one is in use, as they were.

    Args:
        seed: Seeds both for the while, if it is given.

    Raises:
        InputError: A seed that is out of range.
    """
    if seed is not None:
        check_seed(seed)
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield


@contextmanager
def seeded(seed: int, *numbers: int) -> Iterator[None]:
    """Seed torch for a piece of work by its numbers; the random state is as before afterwards.

    Raises:
        InputError: A seed that is out of range.
    """
    check_seed(seed)
    sequence = np.random.SeedSequence(seed, spawn_key=numbers)
    with forked(int(sequence.generate_state(1, np.uint64)[0])):
        yield
