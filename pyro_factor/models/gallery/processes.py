"""Gaussian processes over frames, each feature one of its own: h_d ~ N(0, K), K over frames.

The kernels of the `gp_` priors are so smooth that K alone is all but singular: neighbouring frames
nearly determine each other. So every frame has noise of its own besides, K + noise² I, which keeps
the condition number below (N + noise²) / noise²: 1,600 for 16 frames at noise = 0.1, of which
float32 loses three of its seven digits. The Cholesky factor is made in float64.
"""

import math

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ...errors import require
from ..hyperparameters import Number, check_range, check_scales, check_sizes

NOISES = (1e-3, 1e3)


def gp_rbf(
    num_frames: int, features: int = 4, length_scale: Number = 4.0, noise: Number = 0.1
) -> Tensor:
    """A Gaussian process with the squared exponential kernel: infinitely smooth.

    Cov(h_i, h_j) = exp(-(i - j)² / 2 length_scale²) + noise² [i = j].

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        length_scale: ℓ, in frames.
        noise: Scale of each frame's own noise, 0.001 or more.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive, or `noise` is too small.

    Rasmussen and Williams, Gaussian Processes for Machine Learning, eq. 4.9.
    """
    check_scales(length_scale=length_scale)
    kernel = (-0.5 * (lags(num_frames) / length_scale).square()).exp()
    return _noisy(kernel, features, noise)


def gp_matern(
    num_frames: int,
    features: int = 4,
    smoothness: float = 1.5,
    length_scale: Number = 4.0,
    noise: Number = 0.1,
) -> Tensor:
    """A Gaussian process with a Matérn kernel: as smooth as is chosen.

    With r = |i - j| √(2ν) / length_scale, Cov(h_i, h_j) = noise² [i = j] +

        e^{-r},  ν = 1/2;    (1 + r) e^{-r},  ν = 3/2;    (1 + r + r²/3) e^{-r},  ν = 5/2.

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        smoothness: ν: 0.5, 1.5 or 2.5.
        length_scale: ℓ, in frames.
        noise: Scale of each frame's own noise, 0.001 or more.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive, `noise` is too small, or there is no such
            `smoothness`.

    Rasmussen and Williams, Gaussian Processes for Machine Learning, eqs. 4.16 and 4.17.
    """
    check_scales(length_scale=length_scale)
    polynomials = {0.5: (1.0, 0.0, 0.0), 1.5: (1.0, 1.0, 0.0), 2.5: (1.0, 1.0, 1 / 3)}
    require(smoothness in polynomials, "smoothness", smoothness, "choose 0.5, 1.5 or 2.5")
    r = lags(num_frames) * math.sqrt(2 * smoothness) / length_scale
    polynomial = sum(c * r**power for power, c in enumerate(polynomials[smoothness]))
    return _noisy(polynomial * (-r).exp(), features, noise)


def gp_periodic(
    num_frames: int,
    features: int = 4,
    period: Number = 8.0,
    length_scale: Number = 1.0,
    noise: Number = 0.1,
) -> Tensor:
    """A Gaussian process that repeats itself every so many frames.

    Cov(h_i, h_j) = exp(-2 sin²(π (i - j) / period) / length_scale²) + noise² [i = j].

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        period: Frames in which it repeats itself.
        length_scale: ℓ, how smooth it is within a period; in no unit.
        noise: Scale of each frame's own noise, 0.001 or more.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive, or `noise` is too small.

    Rasmussen and Williams, Gaussian Processes for Machine Learning, eq. 4.31.
    """
    check_scales(period=period, length_scale=length_scale)
    sine = (math.pi * lags(num_frames) / period).sin()
    return _noisy((-2 * (sine / length_scale).square()).exp(), features, noise)


def lags(num_frames: int) -> Tensor:
    """|i - j|, (N, N), in float64."""
    frames = torch.arange(num_frames, dtype=torch.float64)
    return (frames - frames.unsqueeze(-1)).abs()


def _noisy(kernel: Tensor, features: int, noise: Number) -> Tensor:
    check_sizes(num_frames=len(kernel), features=features)
    check_range(*NOISES, noise=noise)
    return process(torch.linalg.cholesky(kernel + noise**2 * torch.eye(len(kernel))), features)


def process(scale_tril: Tensor, features: int) -> Tensor:
    """Draw every feature's codes of all frames, (..., F, N), and put the frames first."""
    scale_tril = scale_tril.to(torch.get_default_dtype())
    loc = scale_tril.new_zeros(len(scale_tril))
    feature = dist.MultivariateNormal(loc, scale_tril=scale_tril)
    return pyro.sample("ht", feature.expand([features]).to_event(1)).mT
