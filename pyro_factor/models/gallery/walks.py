"""Walks: every frame goes on from the frames before it, with noise of its own."""

import pyro
import torch
from torch import Tensor

from ..autoregression import GaussianAutoregression
from ..closed_forms import REGISTRY, expected_walk
from ..hyperparameters import Number, Numbers, check_range, check_scales, check_sizes, several
from ..random_walk import GaussianRandomWalk


def multi_rate(num_frames: int, features: int = 1, scales: Numbers = (0.03, 0.1, 0.3)) -> Tensor:
    """Factors that each change at a rate of their own, from all but static to fast.

    h^k_1 ~ N(0, 1),  h^k_i | h^k_{i-1} ~ N(h^k_{i-1}, scales[k]²),  a draw `rate_<k>` for each.

    Args:
        num_frames: N, the number of frames.
        features: Features of each factor.
        scales: The scale of a step of each factor; any number of them, or text: "0.03,0.1,0.3".

    Returns:
        h of shape (..., N, features · number of scales).

    Raises:
        InputError: A size or a scale is not positive.

    The further work of Grathwohl and Wilson, arXiv:1612.04440.
    """
    check_sizes(num_frames=num_frames, features=features)
    steps = several("scales", scales)
    for step in steps:
        check_scales(scales=step)
    walks = [GaussianRandomWalk(num_frames, features, step) for step in steps]
    return torch.cat([pyro.sample(f"rate_{k}", walk) for k, walk in enumerate(walks)], -1)


def damped(
    num_frames: int, features: int = 4, damping: Number = 0.9, temporal_scale: Number = 0.1
) -> Tensor:
    """A walk that is drawn back to zero: probabilistic slow feature analysis.

    h_1 ~ N(0, 1),  h_i | h_{i-1} ~ N(damping · h_{i-1}, temporal_scale²).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        damping: λ, from 0, where frames are independent, to 1, where it is `priors.slow`.
        temporal_scale: σ, the scale of a step.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive, or `damping` is not from 0 to 1.

    Eq. 3 of Grathwohl and Wilson, arXiv:1612.04440.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_range(0.0, 1.0, damping=damping)
    check_scales(temporal_scale=temporal_scale)
    scales = _over_frames(num_frames, features, 1.0, temporal_scale)
    coefficients = torch.as_tensor(damping).unsqueeze(-1)
    return pyro.sample("ht", GaussianAutoregression(coefficients, scales))


def ornstein_uhlenbeck(num_frames: int, features: int = 4, length_scale: Number = 8.0) -> Tensor:
    """A damped walk that is spread as widely in every frame: stationary, of variance 1.

    h_i ~ N(0, 1),  Cov(h_i, h_j) = exp(-|i - j| / length_scale).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        length_scale: ℓ, the frames in which the correlation falls to 1/e.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or `length_scale` is not positive.

    Uhlenbeck and Ornstein, On the Theory of the Brownian Motion, 1930.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_scales(length_scale=length_scale)
    # h_i | h_{i-1} ~ N(e^{-1/ℓ} h_{i-1}, 1 - e^{-2/ℓ})
    rate = 1 / torch.as_tensor(length_scale, dtype=torch.get_default_dtype())
    scales = _over_frames(num_frames, features, 1.0, (-torch.expm1(-2 * rate)).sqrt())
    return pyro.sample("ht", GaussianAutoregression((-rate).exp().unsqueeze(-1), scales))


def integrated(
    num_frames: int,
    features: int = 4,
    velocity_scale: Number = 0.1,
    acceleration_scale: Number = 0.03,
) -> Tensor:
    """Codes that keep their velocity, but for small accelerations: an integrated random walk.

    h_1 ~ N(0, 1),  h_2 | h_1 ~ N(h_1, velocity_scale²),
    h_i | h_{i-1}, h_{i-2} ~ N(2 h_{i-1} - h_{i-2}, acceleration_scale²).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        velocity_scale: The scale of the first step.
        acceleration_scale: σ, the scale of a step's change.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive.

    Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_scales(velocity_scale=velocity_scale, acceleration_scale=acceleration_scale)
    scales = _over_frames(num_frames, features, 1.0, velocity_scale, acceleration_scale)
    rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, -1.0]])
    coefficients = rows[torch.arange(num_frames).clamp(max=2)].unsqueeze(-2)
    return pyro.sample("ht", GaussianAutoregression(coefficients, scales))


def _over_frames(num_frames: int, features: int, *scales: Number) -> Tensor:
    """The scales of the first frames, and the last of them for every later frame; (N, F)."""
    number = torch.get_default_dtype()
    rows = [torch.as_tensor(scale, dtype=number).expand(features) for scale in scales]
    return torch.stack(rows)[torch.arange(num_frames).clamp(max=len(rows) - 1)]


def _expected_multi_rate(
    loc: Tensor, scale: Tensor, features: int, scales: Numbers
) -> dict[str, Tensor]:
    factors = zip(
        loc.split(features, -1), scale.split(features, -1), several("scales", scales), strict=True
    )
    return {f"rate_{k}": expected_walk(*factor) for k, factor in enumerate(factors)}


REGISTRY[multi_rate] = _expected_multi_rate
