"""A penalty on what the factors of a code have in common, to be added to any ELBO's loss."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ..config import TrainingConfig
from ..errors import require
from ..models import VideoVAE
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


def orthogonal_parts(vae: VideoVAE, of: str) -> dict[str, Sequence[int]]:
    """Columns of the factors of a model, or of each of its features by itself.

    The features of one factor may be mixed for all that the ELBO's prior says. But the guide gives
    each a noise of its own: where one direction holds most of a factor and lies across them, its
    noise is as small as the other directions need. Squared correlations of single features are
    a part of the penalty of DIP-VAE-I (Kumar et al., arXiv:1711.00848).
    """
    if of == "factors":
        return dict(vae.factors)
    return {f"feature {i}": [i] for i in range(vae.num_features)}


def check_orthogonality(vae: VideoVAE, config: TrainingConfig) -> None:
    """Raise unless the penalty has no weight, or there are parts to keep apart.

    Raises:
        InputError: A prior of a single factor, or of a single feature.
    """
    parts = orthogonal_parts(vae, config.orthogonality_of)
    names = " and ".join(vae.factors)
    advice = f"the prior has one factor, {names}; leave it 0, or choose a prior with several"
    if config.orthogonality_of == "features":
        advice = "the prior has one feature; leave it 0"
    apart = bool(pairs_apart(parts))
    require(config.orthogonality == 0 or apart, "orthogonality", config.orthogonality, advice)


def pairs_apart(
    factors: Mapping[str, Sequence[int]],
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Columns of any two factors that have none in common; draws of other frames may have all."""
    return [(a, b) for a, b in combinations(factors.values(), 2) if not {*a} & {*b}]
