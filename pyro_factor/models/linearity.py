"""Is a prior linear-Gaussian? Every draw Gaussian, means affine in earlier draws, scales fixed.

A constant Hessian is no test (a Laplace walk has one). So each draw's family is looked up, its
scale must stay bit-equal, and its mean and h must be affine along random lines, near and far.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .autoregression import GaussianAutoregression
from .errors import NotGaussianPrior
from .layout import Layout
from .program import Prior, Program, run_prior, without_event
from .random_walk import GaussianRandomWalk

MAGNITUDES = (1.0, 10.0, 1000.0)
LINES_EACH = 3
# of the magnitude of the draws, and of what varies with them
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}
DIGITS = 32  # the last ones, of the largest value

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

    def program(values: Mapping[str, Tensor]) -> tuple[Tensor, list[dict[str, Any]]]:
        return run_prior(prior, layout.num_frames, values)

    check_program(program, {draw.name: draw.shape for draw in layout.draws}, "prior")


def check_program(program: Program, shapes: Mapping[str, torch.Size], subject: str) -> None:
    """Raise unless a program is linear-Gaussian.

    Args:
        program: From the values of its draws to what it returns, and its sample sites in order.
        shapes: The shape of each draw, by name, in their order.
        subject: What the program is, for the message.

    Raises:
        NotGaussianPrior: Names the draw whose family, scale or mean is to blame.
    """
    for magnitude in MAGNITUDES:
        for _ in range(LINES_EACH):
            _check_line(program, shapes, subject, magnitude)


def split(z: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Cut z, all draws laid end to end, into values by name."""
    parts = z.split([shape.numel() for shape in shapes.values()])
    return {n: part.reshape(s) for (n, s), part in zip(shapes.items(), parts, strict=True)}


def _check_line(
    program: Program, shapes: Mapping[str, torch.Size], subject: str, magnitude: float
) -> None:
    """Check f(t·a + (1-t)·b) = t·f(a) + (1-t)·f(b) for random a, b and t in (-1, 2)."""
    a, b = magnitude * torch.randn(2, sum(shape.numel() for shape in shapes.values()))
    t = 3 * torch.rand(()) - 1
    points = [split(z, shapes) for z in (a, b, t * a + (1 - t) * b)]
    (draws_a, h_a), (draws_b, h_b), (draws_c, h_c) = (_probe(program, z, subject) for z in points)
    for (name, loc_a, scale_a), (_, loc_b, scale_b), (_, loc_c, scale_c) in zip(
        draws_a, draws_b, draws_c, strict=True
    ):
        if not (torch.equal(scale_a, scale_b) and torch.equal(scale_a, scale_c)):
            raise NotGaussianPrior(f"{subject}: the scale of draw {name!r} depends on a draw")
        if not _affine(loc_a, loc_b, loc_c, t, magnitude).all():
            raise NotGaussianPrior(
                f"{subject}: the mean of draw {name!r} is not affine in the draws before it"
            )
    affine = _affine(h_a, h_b, h_c, t, magnitude)
    if not affine.all():
        names = _depends_on(program, points[0], points[1], ~affine)
        raise NotGaussianPrior(f"{subject}: it returns an h that is not affine in draw {names}")


def _probe(program: Program, values: Mapping[str, Tensor], subject: str) -> Probe:
    h, sites = program(values)
    names = [site["name"] for site in sites]
    if names != list(values):
        changed = sorted(set(names) ^ values.keys()) or names
        raise NotGaussianPrior(
            f"{subject}: whether it draws {', '.join(changed)} depends on a draw"
        )
    return [(site["name"], *_mean_and_scale(site, subject)) for site in sites], h.detach()


def _mean_and_scale(site: dict[str, Any], subject: str) -> tuple[Tensor, Tensor]:
    fn = site["fn"]
    base = without_event(fn)
    if type(base) not in FAMILIES:
        raise NotGaussianPrior(
            f"{subject}: draw {site['name']!r} is {type(base).__name__}, not Gaussian; "
            f"Gaussian are {', '.join(family.__name__ for family in FAMILIES)}"
        )
    return fn.mean.detach(), FAMILIES[type(base)](base).detach()


def _affine(a: Tensor, b: Tensor, c: Tensor, t: Tensor, magnitude: float) -> Tensor:
    error = (c - (t * a + (1 - t) * b)).abs()
    if not a.numel():
        return error <= 0
    # beside a large constant much that varies would pass; to that there are its digits
    varies, largest = (a - b).abs().max(), torch.maximum(a.abs(), b.abs()).max()
    rounding = DIGITS * torch.finfo(a.dtype).eps * largest
    tolerance = TOLERANCE[a.dtype] * (magnitude + varies) + rounding
    # not (error <= tolerance) rather than error > tolerance, so that NaN fails
    return error <= tolerance


def _depends_on(
    program: Program, a: Mapping[str, Tensor], b: Mapping[str, Tensor], where: Tensor
) -> str:
    """Name the draws that some entries of h depend on."""
    h, _ = program(a)
    names = []
    for name, other in b.items():
        changed, _ = program({**a, name: other})
        if (changed != h)[where].any():
            names.append(repr(name))
    return ", ".join(names) or "any"
