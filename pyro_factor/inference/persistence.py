"""A penalty on what a factor keeps through a clip, to be added to any ELBO's loss."""

from collections.abc import Sequence
from functools import reduce
from itertools import chain, combinations, combinations_with_replacement
from operator import mul

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..models import VideoVAE
from ..models.layout import columns_of

TEMPORAL = "ht"
FLOOR = 0.05  # of a prior of unit scale: what varies less fades, or its gradient would blow up


def persistence_penalty(
    h: Float[Tensor, "videos frames features"], columns: Sequence[int], order: int = 1
) -> Float[Tensor, ""]:
    """−½ Σ log(1 − ρ²), ρ the canonical correlations of a factor's codes of two frames of a clip.

    It is the mutual information of the two frames' codes, were they Gaussian; any two frames, the
    earlier one first. What moves is forgotten between frames that lie far apart; a direction of the
    code that is not forgotten holds what stays. A walk costs little more than a static draw, so
    that no ELBO keeps identity out of the features that motion leaves over. Correlations of single
    features don't show it where the directions are mixed, so all of them are compared, in units of
    their own spread: a feature that has nearly collapsed is still read by whoever scales it up. Of
    a direction that is wholly kept, ρ = 1, the slope is steep; that of Σ ρ² would vanish there.

    What stays can hide in how the code moves: of an angle θ, a·cos θ and a·sin θ are uncorrelated
    between frames a quarter of a turn apart, whatever a is. Of order 2, squares and products of the
    features count beside them, and show a²; of a higher one, products of as many features.

        q = vae.encode(videos)
        loss = elbo(videos) + weight * persistence_penalty(q.loc, vae.factors["ht"])

    `train(persistence=weight, persistence_order=2)` does so.

    Args:
        h: Codes, or the guide's means, of a batch's frames, (B, N, D); two clips or more, and two
            frames or more, that lie far apart.
        columns: The factor's features, D' of them.
        order: The largest number of features in a product, 1 or more.

    Returns:
        Nats; about F² / 2B by chance, F the number of features and products, and at most 6 for a
        feature of unit spread.
    """
    # in float64, since the spread of mixed directions is nearly singular
    codes = columns_of(h, columns).double().unbind(1)
    earlier, later = (
        _features(torch.cat(frames), order) for frames in zip(*combinations(codes, 2), strict=True)
    )
    apart = _log_volume(earlier) + _log_volume(later)
    return ((apart - _log_volume(torch.cat([earlier, later], -1))) / 2).to(h.dtype)


def _features(codes: Float[Tensor, "pairs columns"], order: int) -> Float[Tensor, "pairs features"]:
    """The codes, centred, and their products of up to so many, in units of their spread."""
    centred = codes - codes.mean(0)
    if order == 1:
        return centred
    unit = centred / (centred.square().mean(0) + FLOOR**2).sqrt()
    columns = unit.unbind(-1)
    chosen = (combinations_with_replacement(columns, degree) for degree in range(2, order + 1))
    products = torch.stack([reduce(mul, each) for each in chain(*chosen)], -1)
    return torch.cat([centred, products - products.mean(0)], -1)


def _log_volume(centred: Float[Tensor, "pairs features"]) -> Float[Tensor, ""]:
    """Log |S|, S the covariance with the floor on its diagonal."""
    spread = centred.T @ centred / len(centred)
    spread = spread + FLOOR**2 * torch.eye(len(spread), dtype=spread.dtype, device=spread.device)
    volume = spread.new_zeros(())
    for _ in range(len(spread)):  # by elimination: cuSOLVER may not be captured in a CUDA graph
        pivot, column = spread[0, 0], spread[1:, 0]
        volume = volume + pivot.log()
        spread = spread[1:, 1:] - torch.outer(column, column) / pivot
    return volume


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
