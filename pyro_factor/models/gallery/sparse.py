"""Sparse priors, which are not Gaussian: what `REGISTRY` is for.

They have no Gaussian form, so `gaussian_form` refuses them. Each has a closed form of its own under
a Gaussian guide, registered here, so `AnalyticKL_ELBO` trains with it; and `Trace_ELBO` does.
"""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..closed_forms import LOG_2PI, REGISTRY, Codes, Nats, expected_factored
from ..hyperparameters import Number, check_scales, check_sizes
from ..random_walk import GaussianRandomWalk


def laplace_walk(num_frames: int, features: int = 4, temporal_scale: Number = 0.1) -> Tensor:
    """A walk of sparse steps: mostly small, sometimes large.

    h_1 ~ N(0, 1),  h_i | h_{i-1} ~ Laplace(h_{i-1}, temporal_scale).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        temporal_scale: b, the mean size of a step.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or the scale is not positive.

    The Laplace steps of SlowVAE, arXiv:2007.10930.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_scales(temporal_scale=temporal_scale)
    h = pyro.sample("ht_0", dist.Normal(0.0, 1.0).expand([features]).to_event(1))
    frames = [h]
    for i in range(1, num_frames):
        h = pyro.sample(f"ht_{i}", dist.Laplace(h, temporal_scale).to_event(1))
        frames.append(h)
    return torch.stack(frames, -2)


def sparse_static(
    num_frames: int,
    static: int = 2,
    temporal: int = 2,
    static_scale: Number = 0.1,
    temporal_scale: Number = 0.1,
) -> Tensor:
    """The factored prior with a sparse identity: the first frame's, around which others scatter.

    hs_1 ~ Laplace(0, 1),  hs_i | hs_1 ~ N(hs_1, σs²),  i = 2..N;  ht as in `priors.factored`.

    There is no global draw, since its conditional given the frames would not be Gaussian.

    Args:
        num_frames: N, the number of frames.
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        static_scale: σs, the spread of a clip's static codes around the first one.
        temporal_scale: σt, the scale of a step of the walk.

    Returns:
        h = [hs; ht] of shape (..., N, static + temporal).

    Raises:
        InputError: A size or a scale is not positive.

    The further work of Grathwohl and Wilson, arXiv:1612.04440, names sparsity.
    """
    check_sizes(num_frames=num_frames, static=static, temporal=temporal)
    check_scales(static_scale=static_scale, temporal_scale=temporal_scale)
    first = pyro.sample("hs_0", dist.Laplace(0.0, 1.0).expand([static]).to_event(1)).unsqueeze(-2)
    hs = [first]
    if num_frames > 1:
        centre = first.expand(*first.shape[:-2], num_frames - 1, static)
        # hs_0 and hs_1 hold the same columns of h: they are one factor, hs
        hs.append(pyro.sample("hs_1", dist.Normal(centre, static_scale).to_event(2)))
    ht = pyro.sample("ht", GaussianRandomWalk(num_frames, temporal, temporal_scale))
    return torch.cat([torch.cat(hs, -2), ht], -1)


def expected_abs(loc: Tensor, variance: Tensor) -> Tensor:
    """E|X| of X ~ N(loc, variance): the mean of a folded normal."""
    # s √(2/π) exp(-m² / 2s²) + m erf(m / (s √2))
    ratio = loc / (2 * variance).sqrt()
    return (2 * variance / math.pi).sqrt() * (-ratio.square()).exp() + loc * ratio.erf()


def expected_laplace_walk(loc: Codes, scale: Codes, temporal_scale: Number) -> Nats:
    """E_q[log p(h)] of `laplace_walk`, in nats per video."""
    variance = scale.square()
    # -½ (μ_1² + σ_1² + log 2π)
    first = -0.5 * (loc[..., 0, :].square() + variance[..., 0, :] + LOG_2PI)
    # -E|h_i - h_{i-1}| / b - log 2b,    h_i - h_{i-1} ~ N(μ_i - μ_{i-1}, σ_i² + σ_{i-1}²)
    b = torch.as_tensor(temporal_scale, dtype=loc.dtype, device=loc.device)
    distance = expected_abs(loc.diff(dim=-2), variance[..., 1:, :] + variance[..., :-1, :])
    return first.sum(-1) - (distance / b + (2 * b).log()).sum((-2, -1))


def expected_sparse_static(loc: Codes, scale: Codes, static_scale: Number) -> Nats:
    """E_q[log p(hs)] of `sparse_static`, in nats per video."""
    variance = scale.square()
    prior = torch.as_tensor(static_scale, dtype=loc.dtype, device=loc.device).square()
    # -E|hs_1| - log 2
    first = -expected_abs(loc[..., 0, :], variance[..., 0, :]) - math.log(2)
    # -½ [ ((μ_i - μ_1)² + σ_i² + σ_1²) / σs² + log 2πσs² ]
    distance = (loc[..., 1:, :] - loc[..., :1, :]).square()
    spread = distance + variance[..., 1:, :] + variance[..., :1, :]
    return first.sum(-1) - 0.5 * (spread / prior + prior.log() + LOG_2PI).sum((-2, -1))


def _laplace_walk(
    loc: Codes, scale: Codes, features: int, temporal_scale: Number
) -> dict[str, Tensor]:
    return {"temporal": expected_laplace_walk(loc, scale, temporal_scale)}


REGISTRY[laplace_walk] = _laplace_walk
REGISTRY[sparse_static] = partial(expected_factored, expected=expected_sparse_static)
