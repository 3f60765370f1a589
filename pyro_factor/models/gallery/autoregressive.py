"""A stationary autoregression of any order, alone and beside a static factor."""

import math

import pyro
import torch
from torch import Tensor

from ...errors import require
from ..autoregression import GaussianAutoregression
from ..hyperparameters import Number, Numbers, check_scales, check_sizes, several
from ..priors import static_draws


def autoregressive(
    num_frames: int, features: int = 4, coefficients: Numbers = (1.7, -0.9)
) -> Tensor:
    """A stationary AR(K) process of variance 1; the default swings with a period of 14 frames.

    h_i | h_{i-1}, ..., h_{i-K} ~ N(Σ_k coefficients[k] h_{i-k}, σ²),  h_i ~ N(0, 1),

    σ following from the coefficients. The first K frames start from the stationary distribution.

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        coefficients: a_1 ... a_K, any number of them, or text: "1.7,-0.9".

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size is not positive, or no stationary process has these coefficients.

    Box and Jenkins, Time Series Analysis, 1970.
    """
    check_sizes(num_frames=num_frames, features=features)
    numbers = several("coefficients", coefficients)
    learned = any(isinstance(a, Tensor) and a.requires_grad for a in numbers)
    require(not learned, "coefficients", coefficients, "give numbers: they can't be learned")
    rows, scales = _levinson(tuple(float(a) for a in numbers))
    later = torch.arange(num_frames).clamp(max=len(rows) - 1)
    process = GaussianAutoregression(
        torch.tensor(rows)[later].unsqueeze(-2),
        torch.tensor(scales)[later].unsqueeze(-1).expand(num_frames, features),
    )
    return pyro.sample("ht", process)


def factored_autoregressive(
    num_frames: int,
    static: int = 2,
    temporal: int = 2,
    static_scale: Number = 0.1,
    coefficients: Numbers = (1.82, -0.87),
) -> Tensor:
    """The factored prior, with an autoregression for what moves: it goes on, and stays in bounds.

    hs0, hs as in `factored`; ht as in `autoregressive`. A walk forgets its velocity and spreads
    without end; this has both a velocity, from order 2 on, and one spread in every frame. The
    default swings with a period of 28 frames, as the codes of bouncing MNIST's places do.

    Args:
        num_frames: N, the number of frames.
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        static_scale: σs, the spread of a clip's static codes around its centre.
        coefficients: a_1 ... a_K of ht, any number of them, or text: "1.82,-0.87".

    Returns:
        h = [hs; ht] of shape (..., N, static + temporal).

    Raises:
        InputError: A size or the scale is not positive, or no stationary process has these
            coefficients.

    Eq. 7 of Grathwohl and Wilson, arXiv:1612.04440; Box and Jenkins, Time Series Analysis, 1970.
    """
    check_sizes(num_frames=num_frames, static=static, temporal=temporal)
    check_scales(static_scale=static_scale)
    hs = static_draws(num_frames, static, static_scale)
    return torch.cat([hs, autoregressive(num_frames, temporal, coefficients)], -1)


def _levinson(coefficients: tuple[float, ...]) -> tuple[list[tuple[float, ...]], list[float]]:
    """Coefficients and scales of h_i given all frames before it, i = 1..K+1, by Levinson's steps.

    The best prediction from k frames, Σ_j a^k_j h_{i-j}, has

        a^{k-1}_j = (a^k_j + a^k_k a^k_{k-j}) / (1 - (a^k_k)²),    σ_k² = σ_{k-1}² (1 - (a^k_k)²),

    σ_0² = 1, and the process is stationary if every |a^k_k| < 1.
    """
    order, row = len(coefficients), coefficients
    rows, unexplained = [row], []
    while row:
        *others, last = row
        advice = "no stationary process has them; give smaller ones, such as 1.7,-0.9"
        require(abs(last) < 1, "coefficients", coefficients, advice)
        unexplained.append(1 - last**2)
        row = tuple(
            (a + last * b) / unexplained[-1] for a, b in zip(others, others[::-1], strict=True)
        )
        rows.append(row)
    padded = [row + (0.0,) * (order - len(row)) for row in reversed(rows)]
    return padded, [math.prod(unexplained[order - k :]) ** 0.5 for k in range(order + 1)]
