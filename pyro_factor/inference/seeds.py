"""Random states of their own for numbered pieces of work."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import torch


def forked() -> AbstractContextManager[None]:
    """Leave the random states of the CPU, and of the GPU if one is in use, as they were.

    `torch.manual_seed` seeds both.
    """
    return torch.random.fork_rng(
        [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    )


@contextmanager
def seeded(seed: int, *numbers: int) -> Iterator[None]:
    """Seed torch for a piece of work by its numbers; the random state is as before afterwards."""
    sequence = np.random.SeedSequence(seed, spawn_key=numbers)
    with forked():
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
        yield
