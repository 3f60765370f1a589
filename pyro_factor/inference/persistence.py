"""A penalty on what a factor keeps through a clip, to be added to any ELBO's loss."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..models import VideoVAE

TEMPORAL = "ht"
FLOOR = 0.05  # of a prior of unit scale: what varies less fades, or its gradient would blow up


def persistence_penalty(
    h: Float[Tensor, "videos frames features"], columns: Sequence[int]
) -> Float[Tensor, ""]:
    """Σ ρ², ρ the canonical correlations between a factor's codes of the first and last frames.

    What moves is forgotten between frames that lie far apart; a direction of the code that is not
    forgotten, ρ = 1, holds what stays. A walk costs little more than a static draw, so that no
    ELBO keeps identity out of the features that motion leaves over. Correlations of single
    features don't show it where the directions are mixed, so all of them are compared, in units of
    their own spread: a feature that has nearly collapsed is still read by whoever scales it up.

        q = vae.encode(videos)
        loss = elbo(videos) + weight * persistence_penalty(q.loc, vae.factors["ht"])

    `train(persistence=weight)` does so.

    Args:
        h: Codes, or the guide's means, of a batch's frames, (B, N, D); two clips or more.
        columns: The factor's features.

    Returns:
        Without a unit, at most the number of features; about their square over B by chance.
    """
    # in float64, since the spread of mixed directions is nearly singular
    codes = h[..., columns].double()
    centred = codes - codes.mean(0)
    whitened = []
    for frame in (centred[:, 0], centred[:, -1]):
        spread = frame.T @ frame / len(frame) + frame.new_full((len(columns),), FLOOR**2).diag()
        whitener, _ = torch.linalg.cholesky_ex(spread)  # cholesky would wait for the GPU
        whitened.append(torch.linalg.solve_triangular(whitener, frame.T, upper=False))
    first, last = whitened
    return (first @ last.T / len(h)).square().sum().to(h.dtype)


def check_persistence(vae: VideoVAE, weight: float, videos: int) -> None:
    """Raise unless the penalty has no weight, or a temporal factor has time to forget.

    Raises:
        InputError: A prior without the factor `ht`, clips of one frame, or one clip in a batch.
    """
    if not weight:
        return
    advice = f"it is of {TEMPORAL}, the prior's factors are {', '.join(vae.factors)}; leave it 0"
    require(TEMPORAL in vae.factors, "persistence", weight, advice)
    advice = "nothing is forgotten within one frame; leave it 0, or give longer clips"
    require(vae.num_frames > 1, "persistence", weight, advice)
    advice = "it compares the clips of a batch; leave it 0, or give 2 videos or more"
    require(videos > 1, "persistence", weight, advice)
