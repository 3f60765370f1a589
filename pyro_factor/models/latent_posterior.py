"""Exact Gaussian conditioning of the codes: smoothing, imputation, prediction, global draws.

A prior's Gaussian form times a Gaussian factor N(h_n; μ_n, σ_n²) for each seen frame is Gaussian:

    precision  P + diag(1/σ²),    linear part  b + μ/σ²,    with 1/σ² = 0 where a frame is not seen.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import pyro.distributions as dist
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from ..errors import require
from .gaussian_form import GaussianForm
from .global_conditional import GlobalConditional


@dataclass(frozen=True)
class LatentPosterior:
    """A joint Gaussian over latent entries, one for each video, in float64.

    Args:
        loc: The means, (..., *shape): (..., N, D) for codes, (..., G) for global draws.
        covariance: Of the entries of `shape`, flattened: frame-major for codes.
    """

    loc: Float[Tensor, "..."]
    covariance: Float[Tensor, "*videos entries entries"]

    @cached_property
    def scale(self) -> Float[Tensor, "..."]:
        """The marginal standard deviations, in the shape of `loc`."""
        return self.covariance.diagonal(dim1=-2, dim2=-1).sqrt().reshape(self.loc.shape)

    @cached_property
    def scale_tril(self) -> Float[Tensor, "*videos entries entries"]:
        """The Cholesky factor of the covariance."""
        return torch.linalg.cholesky(self.covariance)

    @property
    def entropy(self) -> Float[Tensor, "*videos"]:
        """½ log |2πe Σ|, in nats."""
        entries = self.scale_tril.diagonal(dim1=-2, dim2=-1)
        return (0.5 * (1 + math.log(2 * math.pi)) + entries.log()).sum(-1)

    def log_prob(self, value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The joint log-density of values (..., *loc.shape), in nats, one for each video."""
        batch = self.covariance.dim() - 2
        normal = MultivariateNormal(self.loc.flatten(batch), scale_tril=self.scale_tril)
        return normal.log_prob(value.double().flatten(batch - self.loc.dim()))

    def marginals(self, dtype: torch.dtype) -> dist.Normal:
        """The Normal of every entry by itself, in a dtype."""
        return dist.Normal(self.loc.to(dtype), self.scale.to(dtype))

    def sample(self, num_samples: int) -> Float[Tensor, "samples ..."]:
        """Draw jointly, (num_samples, *loc.shape)."""
        factor = self.scale_tril
        flat = self.loc.reshape(*factor.shape[:-1])
        noise = torch.randn(num_samples, *flat.shape, dtype=flat.dtype, device=flat.device)
        return (flat + (factor @ noise.unsqueeze(-1)).squeeze(-1)).reshape(-1, *self.loc.shape)


def smooth(
    form: GaussianForm,
    loc: Float[Tensor, "*videos frames features"],
    scale: Float[Tensor, "*videos frames features"],
    seen: Bool[Tensor, "frames"] | None = None,
) -> LatentPosterior:
    """Return p(h) ∏_n N(h_n; μ_n, σ_n²) over the seen frames, normalised.

    Args:
        form: p(h) of N frames.
        loc: μ, (..., n, D), of the first n ≤ N frames; the others are not seen.
        scale: σ, (..., n, D), positive.
        seen: Which of the first n frames count; all unless given.

    Returns:
        The joint posterior of all N frames: smoothed where they were seen, imputed or predicted
        where they were not.

    Raises:
        InputError: More frames than the form has, other features, or a mask of another length.
    """
    (num_frames, num_features), (given, features) = form.linear.shape, loc.shape[-2:]
    require(features == num_features, "loc", tuple(loc.shape), f"give {num_features} features")
    require(given <= num_frames, "loc", tuple(loc.shape), f"give at most {num_frames} frames")
    seen = torch.ones(given, dtype=torch.bool) if seen is None else seen
    require(len(seen) == given, "seen", tuple(seen.shape), f"give a mask of {given} frames")
    form = form.to(loc.device)
    weight = scale.double().square().reciprocal() * seen.to(loc.device)[:, None]
    weight = torch.nn.functional.pad(weight, (0, 0, 0, num_frames - given))
    mean = torch.nn.functional.pad(loc.double(), (0, 0, 0, num_frames - given))
    precision = form.precision + torch.diag_embed(weight.flatten(-2))
    factor = torch.linalg.cholesky(precision)
    linear = (form.linear + weight * mean).flatten(-2).unsqueeze(-1)
    posterior = torch.cholesky_solve(linear, factor).squeeze(-1)
    return LatentPosterior(
        posterior.unflatten(-1, (num_frames, num_features)), torch.cholesky_inverse(factor)
    )


def global_posterior(
    conditional: GlobalConditional, q: dist.Normal | LatentPosterior
) -> LatentPosterior:
    """Return E_q[p(g | h)] of the global draws g.

    Args:
        conditional: p(g | h) of the prior.
        q: The guide's codes h, its loc (..., N, D).

    Returns:
        The joint Gaussian of all global entries, in the order of the prior's program.
    """
    gain = conditional.gain.to(q.loc.device)
    own = (conditional.scale_tril @ conditional.scale_tril.T).to(q.loc.device)
    # Cov g = Cov(g | h) + K Σ Kᵀ
    if isinstance(q, LatentPosterior):
        spread = gain @ q.covariance @ gain.T
    else:
        spread = (gain * q.scale.double().square().flatten(-2).unsqueeze(-2)) @ gain.T
    return LatentPosterior(conditional.loc(q.loc), own + spread)
