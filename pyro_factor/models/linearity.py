"""Is a prior linear-Gaussian? Every draw Gaussian, means affine in earlier draws, scales fixed.

A constant Hessian is no test (a Laplace walk has one). So each draw's family is looked up, its
scale must stay bit-equal, and its mean and h must be affine along random lines, near and far.
"""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .autoregression import GaussianAutoregression
from .errors import NotGaussianPrior
from .layout import Layout
from .program import Prior, run_prior
from .random_walk import GaussianRandomWalk

MAGNITUDES = (1.0, 10.0, 1000.0)
LINES_EACH = 3
TOLERANCE = 1e-8  # of the magnitude of the values compared, in float64

# The Gaussian families, and what of each must not depend on a draw.
FAMILIES: dict[type, Callable[[Any], Tensor]] = {
    dist.Normal: lambda fn: fn.scale,
    dist.MultivariateNormal: lambda fn: fn.scale_tril,
    dist.LowRankMultivariateNormal: lambda fn: fn.covariance_matrix,
    GaussianAutoregression: lambda fn: torch.cat([fn.coefficients, fn.scales.unsqueeze(-1)], -1),
    GaussianRandomWalk: lambda fn: fn.scales,
}

Probe = tuple[list[tuple[str, Tensor, Tensor]], Tensor]  # (name, mean, scale) of each draw; h


def check_linear_gaussian(prior: Prior, layout: Layout) -> None:
    """Raise unless a prior is linear-Gaussian. Run it inside `algebra`.

    Args:
        prior: The prior.
        layout: Its layout.

    Raises:
        NotGaussianPrior: Names the draw whose family, scale or mean is to blame.
    """
    for magnitude in MAGNITUDES:
        for _ in range(LINES_EACH):
            _check_line(prior, layout, magnitude)


def split(z: Tensor, layout: Layout) -> dict[str, Tensor]:
    """Cut z, all draws laid end to end, into values by name."""
    parts = z.split([draw.shape.numel() for draw in layout.draws])
    return {d.name: part.reshape(d.shape) for d, part in zip(layout.draws, parts, strict=True)}


def _check_line(prior: Prior, layout: Layout, magnitude: float) -> None:
    """Check f(t·a + (1-t)·b) = t·f(a) + (1-t)·f(b) for random a, b and t in (-1, 2)."""
    size = sum(draw.shape.numel() for draw in layout.draws)
    a, b = magnitude * torch.randn(2, size)
    t = 3 * torch.rand(()) - 1
    (draws_a, h_a), (draws_b, h_b), (draws_c, h_c) = (
        _probe(prior, layout, z) for z in (a, b, t * a + (1 - t) * b)
    )
    for (name, loc_a, scale_a), (_, loc_b, scale_b), (_, loc_c, scale_c) in zip(
        draws_a, draws_b, draws_c, strict=True
    ):
        if not (torch.equal(scale_a, scale_b) and torch.equal(scale_a, scale_c)):
            raise NotGaussianPrior(f"prior: the scale of draw {name!r} depends on a draw")
        if not _affine(loc_a, loc_b, loc_c, t, magnitude).all():
            raise NotGaussianPrior(
                f"prior: the mean of draw {name!r} is not affine in the draws before it"
            )
    affine = _affine(h_a, h_b, h_c, t, magnitude)
    if not affine.all():
        names = _depends_on(prior, layout, a, b, ~affine)
        raise NotGaussianPrior(f"prior: it returns an h that is not affine in draw {names}")


def _probe(prior: Prior, layout: Layout, z: Tensor) -> Probe:
    h, sites = run_prior(prior, layout.num_frames, split(z, layout))
    names = [site["name"] for site in sites]
    if names != [draw.name for draw in layout.draws]:
        changed = sorted(set(names) ^ {draw.name for draw in layout.draws}) or names
        raise NotGaussianPrior(f"prior: whether it draws {', '.join(changed)} depends on a draw")
    return [(site["name"], *_mean_and_scale(site)) for site in sites], h.detach()


def _mean_and_scale(site: dict[str, Any]) -> tuple[Tensor, Tensor]:
    fn = site["fn"]
    base = fn
    while isinstance(base, dist.Independent | torch.distributions.Independent):
        base = base.base_dist
    if type(base) not in FAMILIES:
        raise NotGaussianPrior(
            f"prior: draw {site['name']!r} is {type(base).__name__}, not Gaussian; "
            f"Gaussian are {', '.join(family.__name__ for family in FAMILIES)}"
        )
    return fn.mean.detach(), FAMILIES[type(base)](base).detach()


def _affine(a: Tensor, b: Tensor, c: Tensor, t: Tensor, magnitude: float) -> Tensor:
    error = (c - (t * a + (1 - t) * b)).abs()
    # not (error <= tolerance) rather than error > tolerance, so that NaN fails
    return error <= TOLERANCE * (magnitude + a.abs().max() + b.abs().max())


def _depends_on(prior: Prior, layout: Layout, a: Tensor, b: Tensor, where: Tensor) -> str:
    """Name the draws that some entries of h depend on."""
    values, others = split(a, layout), split(b, layout)
    h, _ = run_prior(prior, layout.num_frames, values)
    names = []
    for name, other in others.items():
        changed, _ = run_prior(prior, layout.num_frames, values | {name: other})
        if (changed != h)[where].any():
            names.append(repr(name))
    return ", ".join(names) or "any"
