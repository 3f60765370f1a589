"""The paper's three priors (eqs. 6-8), as Pyro model functions.

A prior samples, and returns the per-frame code h of shape (..., N, D). It never mentions the plate
over clips: that plate encloses it. Bind hyperparameters with `functools.partial`.
"""

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .hyperparameters import check_scales, check_sizes
from .random_walk import GaussianRandomWalk


def factored(
    num_frames: int,
    static: int = 2,
    temporal: int = 2,
    static_scale: float | Tensor = 0.1,
    temporal_scale: float | Tensor = 0.1,
) -> Tensor:
    """p(h) = p(hs) p(ht): a static factor around a global centre, and a random walk (eqs. 6-8).

    Args:
        num_frames: N, the number of frames.
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        static_scale: σs, the spread of a clip's static codes around its centre.
        temporal_scale: σt, the scale of a step of the walk.

    Returns:
        h = [hs; ht] of shape (..., N, static + temporal).

    Raises:
        InputError: A size or a scale is not positive.
    """
    check_sizes(num_frames=num_frames, static=static, temporal=temporal)
    check_scales(static_scale=static_scale, temporal_scale=temporal_scale)
    hs = static_draws(num_frames, static, static_scale)
    # eq. 8:  ht_1 ~ N(0, I),  ht_i | ht_{i-1} ~ N(ht_{i-1}, σt² I)
    ht = pyro.sample("ht", GaussianRandomWalk(num_frames, temporal, temporal_scale))
    # eq. 6:  h_i = [hs_i; ht_i]
    return torch.cat([hs, ht], -1)


def static_draws(num_frames: int, features: int, static_scale: float | Tensor) -> Tensor:
    """Sample the static factor hs of shape (..., N, features) around its centre hs0 (eq. 7)."""
    # hs0 ~ N(0, I),  hs_i | hs0 ~ N(hs0, σs² I)
    hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0).expand([features]).to_event(1))
    centre = hs0.unsqueeze(-2).expand(*hs0.shape[:-1], num_frames, features)
    return pyro.sample("hs", dist.Normal(centre, static_scale).to_event(2))


def slow(num_frames: int, features: int = 4, temporal_scale: float | Tensor = 0.1) -> Tensor:
    """A Gaussian random walk on all features: the paper's slow-feature baseline (eq. 8).

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.
        temporal_scale: σt, the scale of a step of the walk.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size or a scale is not positive.
    """
    check_sizes(num_frames=num_frames, features=features)
    check_scales(temporal_scale=temporal_scale)
    return pyro.sample("ht", GaussianRandomWalk(num_frames, features, temporal_scale))


def independent(num_frames: int, features: int = 4) -> Tensor:
    """h_i ~ N(0, I) in every frame: the paper's VAE baseline.

    Args:
        num_frames: N, the number of frames.
        features: D, the number of features.

    Returns:
        h of shape (..., N, features).

    Raises:
        InputError: A size is not positive.
    """
    check_sizes(num_frames=num_frames, features=features)
    return pyro.sample("h", dist.Normal(0.0, 1.0).expand([num_frames, features]).to_event(2))
