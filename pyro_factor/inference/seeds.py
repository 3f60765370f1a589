"""Random states of their own for numbered pieces of work."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(seed: int, *numbers: int) -> Iterator[None]:
    """Seed torch for a piece of work by its numbers; the random state is as before afterwards."""
    sequence = np.random.SeedSequence(seed, spawn_key=numbers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
        yield
