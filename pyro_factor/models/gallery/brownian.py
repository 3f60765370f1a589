"""Brownian motions: one with a memory, and one that comes back. Each feature has its own."""

import torch
from torch import Tensor

from ..hyperparameters import Number, check_range, check_scales, check_sizes
from .processes import lags, process


def fractional_brownian(
    num_frames: int, features: int = 4, hurst: Number = 0.9, temporal_scale: Number = 0.1
) -> Tensor:
    """A walk with a memory: its steps go on as before, or turn back.

    Cov(h_i, h_j) = 1 + ½ temporal_scale² (s^{2H} + t^{2H} - |s - t|^{2H}),  s = i - 1,  t = j - 1.

    At H = ½ it is `priors.slow`; above, steps have positive correlations, below, negative ones.

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        hurst: H, from 0.01 to 0.99.
        temporal_scale: σ, the scale of a step.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive, or `hurst` is out of range.

    MGP-VAE, arXiv:2001.02408, with the start of eq. 8 in place of zero: h_1 ~ N(0, 1).
    """
    check_sizes(num_frames=num_frames, features=features)
    check_range(0.01, 0.99, hurst=hurst)
    check_scales(temporal_scale=temporal_scale)
    lag = lags(num_frames - 1)
    # the covariance of two steps, k frames apart: ½ σ² (|k + 1|^{2H} - 2 |k|^{2H} + |k - 1|^{2H})
    power = 2 * hurst
    steps = (lag + 1) ** power - 2 * lag**power + (lag - 1).abs() ** power
    # the factor of the sums is the sum of the factor's rows: nothing cancels
    first_and_steps = torch.block_diag(lag.new_ones(1, 1), 0.5 * temporal_scale**2 * steps)
    return process(torch.linalg.cholesky(first_and_steps).cumsum(0), features)


def brownian_bridge(num_frames: int, features: int = 4, scale: Number = 2.0) -> Tensor:
    """A walk that comes back: zero just before the first frame and just after the last.

    Cov(h_i, h_j) = scale² (min(s, t) - s t),  s = i / (N + 1),  t = j / (N + 1).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        scale: σ, twice the scale of h half-way.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or the scale is not positive.

    MGP-VAE, arXiv:2001.02408.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_scales(scale=scale)
    t = torch.arange(1, num_frames + 1, dtype=torch.float64) / (num_frames + 1)
    covariance = torch.minimum(t, t.unsqueeze(-1)) - t * t.unsqueeze(-1)
    return process(scale * torch.linalg.cholesky(covariance), features)
