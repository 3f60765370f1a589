"""A penalty on what a factor keeps through a clip, to be added to any ELBO's loss."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..models import VideoVAE

TEMPORAL = "ht"


def persistence_penalty(q: dist.Normal, columns: Sequence[int]) -> Float[Tensor, ""]:
    """Σ ρ², ρ the canonical correlations between a factor's codes of the first and last frames.

    What moves is forgotten between frames that lie far apart; a direction of the code that is not
    forgotten, ρ = 1, holds what stays. A walk costs little more than a static draw, so that no
    ELBO keeps identity out of the features that motion leaves over. Correlations of single
    features don't show it where the directions are mixed, so all of them are compared, in units of
    their own spread. The guide's noise is part of the spread: what it drowns counts as nothing.

    Args:
        q: The guide's Normals of a batch's frames, .loc and .scale (B, N, D); two clips or more.
        columns: The factor's features.

    Returns:
        Without a unit, at most the number of features; about their square over B by chance.
    """
    # in float64, since little noise leaves the spread of mixed directions nearly singular
    loc, noise = q.loc[..., columns].double(), q.scale[..., columns].double().square().mean(0)
    centred = loc - loc.mean(0)
    whitened = []
    for frame in (0, -1):
        codes = centred[:, frame]
        spread = codes.T @ codes / len(codes) + noise[frame].diag()
        whitener, _ = torch.linalg.cholesky_ex(spread)  # cholesky would wait for the GPU
        whitened.append(torch.linalg.solve_triangular(whitener, codes.T, upper=False))
    first, last = whitened
    return (first @ last.T / len(loc)).square().sum().to(q.loc.dtype)


def check_persistence(vae: VideoVAE, weight: float) -> None:
    """Raise unless the penalty has no weight, or a temporal factor has time to forget.

    Raises:
        InputError: A prior without the factor `ht`, or clips of one frame.
    """
    if not weight:
        return
    advice = f"it is of {TEMPORAL}, the prior's factors are {', '.join(vae.factors)}; leave it 0"
    require(TEMPORAL in vae.factors, "persistence", weight, advice)
    advice = "nothing is forgotten within one frame; leave it 0, or give longer clips"
    require(vae.num_frames > 1, "persistence", weight, advice)
