"""E_q[log p(z)] of any model whose latent draws z are jointly Gaussian, off one trace.

log p(z) is then quadratic, with a Hessian H that no draw changes. So for q = ∏ N(μ_j, σ_j²), and
whatever z was drawn,

    E_q log p = log p(z) + gᵀ(μ - z) + ½ (μ - z)ᵀ H (μ - z) + ½ Σ_j H_jj σ_j²,    g = ∇log p(z).
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..models.errors import InvalidPairError
from .terms import Sites

Normals = Mapping[str, tuple[Tensor, Tensor]]


def expected_log_prob(sites: Sites, normals: Normals) -> Tensor:
    """Return E_q[log p(z)], in nats, each site weighted by its scale and summed over all plates.

    Args:
        sites: The model's latent sites, run on the guide's draws with gradients.
        normals: The guide's loc and scale of each.

    Returns:
        A scalar; differentiable in the guide's Normals and in the model's parameters.
    """
    log_prob, gradient = _gradient(sites)
    if not gradient:
        return log_prob
    values = [site["value"] for site in sites.values()]
    distances = [normals[name][0] - site["value"] for name, site in sites.items()]
    curvature = torch.autograd.grad(gradient, values, distances, create_graph=True)
    total = log_prob
    for g, hd, distance in zip(gradient, curvature, distances, strict=True):
        total = total + (g * distance).sum() + 0.5 * (hd * distance).sum()
    for (name, site), g in zip(sites.items(), gradient, strict=True):
        diagonal = _diagonal(g, site["value"], _probes(site))
        total = total + 0.5 * (diagonal * normals[name][1].square()).sum()
    return total


def check_plates(sites: Sites) -> None:
    """Raise if entries of a draw under a plate are coupled, by a later draw that sees several.

    Args:
        sites: The model's latent sites, run with gradients.

    Raises:
        InvalidPairError: Names the draw.
    """
    for (name, site), g in zip(sites.items(), _gradient(sites)[1], strict=True):
        value, probes = site["value"], _probes(site)
        weights = 0.5 + torch.rand_like(value)
        alone, weighted = (_diagonal(g, value, each) for each in (probes, probes * weights))
        tolerance = 1e3 * torch.finfo(value.dtype).eps  # of rounding
        if not torch.allclose(alone, weighted / weights**2, rtol=tolerance, atol=0.0):
            raise InvalidPairError(
                f"AnalyticKL_ELBO: entries of draw {name!r} under a plate are not independent, "
                "since a later draw depends on several of them; declare them by .to_event, "
                "without the plate, or use Trace_ELBO"
            )


def _gradient(sites: Sites) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The sum of log p over all sites, and its gradient in the value of each."""
    values = [site["value"] for site in sites.values()]
    if not values:
        return torch.tensor(0.0), ()
    log_prob = torch.stack([site["log_prob_sum"] for site in sites.values()]).sum()
    return log_prob, torch.autograd.grad(log_prob, values, create_graph=True)


def _probes(site: dict[str, Any]) -> Tensor:
    """A probe for each entry of a site outside plates, with ones in all its copies under them.

    Entries under a plate are independent given what is outside it (`check_plates`), so one product
    serves them all.
    """
    value, event_dim = site["value"], site["fn"].event_dim
    plates = {frame.dim - event_dim for frame in site["cond_indep_stack"] if frame.vectorized}
    shape = [1 if d - value.dim() in plates else n for d, n in enumerate(value.shape)]
    size = math.prod(shape)
    units = torch.eye(size, dtype=value.dtype, device=value.device)
    return units.reshape(size, *shape).expand(size, *value.shape)


def _diagonal(gradient: Tensor, value: Tensor, probes: Tensor) -> Tensor:
    """H's diagonal at one site: a product for each probe."""
    (products,) = torch.autograd.grad(
        gradient, [value], probes, create_graph=True, is_grads_batched=True
    )
    # entry e of the product with unit e
    return (products * probes).sum(0)
