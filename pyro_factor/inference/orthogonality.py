"""A penalty on what the factors of a code have in common, to be added to any ELBO's loss."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ..models.layout import columns_of

ROUNDING = 1e-6  # of a feature's size: what varies less is constant


def orthogonality_penalty(
    h: Float[Tensor, "videos frames features"], factors: Mapping[str, Sequence[int]]
) -> Float[Tensor, ""]:
    """Σ ‖C_ab‖² over pairs of factors, C_ab their features' correlations over a batch's frames.

    A pair has no column in common. Each square is a squared Frobenius norm: zero if no feature of
    one factor is correlated with one of the other, and at most the product of their numbers of
    features. Correlations have no unit, so a small code does not escape the penalty. A feature that
    is constant counts as uncorrelated.

        q = vae.encode(videos)
        loss = elbo(videos) + weight * orthogonality_penalty(q.loc, vae.factors)

    `train(orthogonality=weight)` does so.

    Args:
        h: Codes, or the guide's means, of a batch's frames, (B, N, D).
        factors: Columns of each factor, such as `vae.factors`.

    Returns:
        The sum over these pairs; zero where there is none.

    Orthogonality is the further work of Grathwohl and Wilson, arXiv:1612.04440.
    """
    frames = h.flatten(0, 1)
    centred = frames - frames.mean(0)
    varies = centred.norm(dim=0) > ROUNDING * frames.norm(dim=0)
    # columns of zero mean and of length one, so that their products are correlations
    unit = normalize(centred * varies, dim=0)
    parts = [(columns_of(unit, a), columns_of(unit, b)) for a, b in pairs_apart(factors)]
    squares = [(a.T @ b).square().sum() for a, b in parts]
    return torch.stack(squares).sum() if squares else h.new_zeros(())


def pairs_apart(
    factors: Mapping[str, Sequence[int]],
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Columns of any two factors that have none in common; draws of other frames may have all."""
    return [(a, b) for a, b in combinations(factors.values(), 2) if not {*a} & {*b}]
