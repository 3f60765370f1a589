"""A penalty on what a factor keeps through a clip, to be added to any ELBO's loss."""

from collections.abc import Sequence
from functools import reduce
from itertools import chain, combinations, combinations_with_replacement
from math import comb
from operator import mul

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..config import TrainingConfig
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

    Raises:
        InputError: Codes of one frame, no columns, or an order below 1.
    """
    return _information(_covariance(h, columns, order)).to(h.dtype)


class Persistence(nn.Module):
    """The penalty with a memory: the covariances of the steps before count as well.

    Of a higher order there are more products than a batch tells from chance, and codes change
    little from step to step, so that the covariances are averaged over the last of them, their
    features in units of their spread in a batch. The gradient is the batch's own.

    Args:
        columns: The factor's features, D' of them.
        order: The largest number of features in a product, 1 or more.
        memory: Steps that count; 1 for `persistence_penalty`, which has no memory.
    """

    covariance: Tensor
    steps: Tensor

    def __init__(self, columns: Sequence[int], order: int = 1, memory: int = 1) -> None:
        super().__init__()
        self.columns, self.order, self.memory = columns, order, memory
        size = 2 * (comb(len(columns) + order, order) - 1) if memory > 1 else 0
        self.register_buffer("covariance", torch.zeros(size, size, dtype=torch.float64))
        self.register_buffer("steps", torch.zeros((), dtype=torch.float64))

    def forward(self, h: Float[Tensor, "videos frames features"]) -> Float[Tensor, ""]:
        """Return the penalty of a batch's codes, nats, and remember their covariances."""
        if self.memory == 1:
            return persistence_penalty(h, self.columns, self.order)
        own = _in_units_of_spread(_covariance(h, self.columns, self.order))
        self.steps += 1
        weight = (1 / self.steps).clamp(min=1 / self.memory)
        self.covariance.lerp_(own.detach(), weight)
        return _information(self.covariance + own - own.detach()).to(h.dtype)


def _covariance(
    h: Float[Tensor, "videos frames features"], columns: Sequence[int], order: int
) -> Float[Tensor, "both both"]:
    """Of the features of any two frames, the earlier one's first."""
    advice = "give (videos, frames, features), two frames or more"
    require(h.ndim == 3 and h.shape[1] > 1, "h", tuple(h.shape), advice)
    require(len(columns) > 0, "columns", columns, "give one feature or more")
    require(isinstance(order, int) and order >= 1, "order", order, "give a whole number from 1")
    # in float64, since the spread of mixed directions is nearly singular
    codes = columns_of(h, columns).double().unbind(1)
    pairs = zip(*combinations(codes, 2), strict=True)
    both = torch.cat([_features(torch.cat(frames), order) for frames in pairs], -1)
    return both.T @ both / len(both)


def _in_units_of_spread(
    covariance: Float[Tensor, "both both"],
) -> Float[Tensor, "both both"]:
    earlier, later = covariance.detach().diagonal().chunk(2)
    unit = ((earlier + later) / 2 + FLOOR**2).rsqrt().repeat(2)
    return covariance * torch.outer(unit, unit)


def _information(covariance: Float[Tensor, "both both"]) -> Float[Tensor, ""]:
    """−½ Σ log(1 − ρ²), the floor on the diagonal."""
    size = len(covariance)
    floor = torch.eye(size, dtype=covariance.dtype, device=covariance.device) * FLOOR**2
    whole, half = covariance + floor, size // 2
    parts = whole[:half, :half], whole[half:, half:]
    return (sum(map(_log_volume, parts)) - _log_volume(whole)) / 2


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


def _log_volume(spread: Float[Tensor, "features features"]) -> Float[Tensor, ""]:
    """Log of the determinant; not a number unless it is positive definite."""
    if spread.is_cuda:  # cuSOLVER may not be captured in a CUDA graph
        return _log_pivots(spread)
    return 2 * torch.linalg.cholesky_ex(spread).L.diagonal().log().sum()


def _log_pivots(spread: Float[Tensor, "features features"]) -> Float[Tensor, ""]:
    """The same by elimination, a row at a time."""
    volume = spread.new_zeros(())
    for _ in range(len(spread)):
        pivot, column = spread[0, 0], spread[1:, 0]
        volume = volume + pivot.log()
        spread = spread[1:, 1:] - torch.outer(column, column) / pivot
    return volume


def check_persistence(vae: VideoVAE, config: TrainingConfig) -> None:
    """Raise unless the penalty has no weight, or a temporal factor has time to forget.

    Raises:
        InputError: A prior without the factor `ht`, clips of one frame, one clip in a batch, or
            all of several distances but not in one memory.
    """
    weight, memory, distances = config.persistence, config.persistence_memory, len(config.every)
    if not weight:
        return
    advice = f"it is of {TEMPORAL}, the prior's factors are {', '.join(vae.factors)}; leave it 0"
    require(TEMPORAL in vae.factors, "persistence", weight, advice)
    advice = "nothing is forgotten within one frame; leave it 0, or give longer clips"
    require(vae.num_frames > 1, "persistence", weight, advice)
    advice = "it compares the clips of a batch; leave it 0, or give 2 videos or more"
    require(config.videos > 1, "persistence", weight, advice)
    averaged = config.persistence_at == "largest" or memory >= distances
    advice = f"the covariances of all {distances} distances are averaged; give {distances} or more"
    require(averaged, "persistence_memory", memory, advice)
