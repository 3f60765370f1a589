"""Memory of processes, whatever the one that starts them holds."""

from dataclasses import dataclass

import torch

from pyro_factor.bench.memory import step_memory

MEGABYTE = 250_000  # numbers of float32


@dataclass(frozen=True)
class Holding:
    """A piece of work that fills some megabytes."""

    megabytes: int
    device: str = "cpu"

    def build(self):
        return lambda: torch.ones(self.megabytes * MEGABYTE).sum()


def test_a_process_counts_what_it_fills_itself():
    held = torch.ones(1_000 * MEGABYTE)  # more than what is measured, and its peak is ours
    small, large = (step_memory(Holding(megabytes)) for megabytes in (50, 200))
    assert 0.05 <= small < 0.12
    assert 0.2 <= large < 0.27
    assert len(held)
