"""An estimator's values and gradients, draw by draw."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyro
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """Independent draws of some terms and of their gradients.

    Args:
        values: Of each term, (S,).
        gradients: Of each term in the leaves laid end to end, (S, entries).
    """

    values: Mapping[str, Float[Tensor, "draws"]]
    gradients: Mapping[str, Float[Tensor, "draws entries"]]


def sample_terms(
    terms: Callable[[], Mapping[str, Tensor]],
    leaves: Sequence[Tensor],
    draws: Iterable[int],
    seed: int = 0,
) -> Draws:
    """Evaluate an estimator's terms and differentiate each, again and again.

    Draw number s has the same noise for every estimator that draws in the same order, so that
    estimators can be compared pairwise.

    Args:
        terms: Gives the terms, scalars, with fresh noise at each call.
        leaves: What to differentiate in.
        draws: The numbers of the draws.
        seed: Seed of all draws; the global random state is left as it was.

    Returns:
        The draws.
    """
    values: dict[str, list[Tensor]] = {}
    gradients: dict[str, list[Tensor]] = {}
    with (
        torch.random.fork_rng(devices=[leaf.device for leaf in leaves if leaf.is_cuda]),
        # the global store would give one model's parameters to the next
        pyro.settings.context(module_local_params=True),
    ):
        for number in draws:
            sequence = np.random.SeedSequence(seed, spawn_key=(number,))
            torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
            for name, value in terms().items():
                values.setdefault(name, []).append(value.detach())
                gradients.setdefault(name, []).append(_gradient(value, leaves))
    stacked = {name: torch.stack(rows) for name, rows in gradients.items()}
    return Draws({name: torch.stack(found) for name, found in values.items()}, stacked)


def _gradient(value: Tensor, leaves: Sequence[Tensor]) -> Tensor:
    if not value.requires_grad:
        return torch.zeros(sum(leaf.numel() for leaf in leaves))
    found = torch.autograd.grad(
        value, leaves, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in found])
