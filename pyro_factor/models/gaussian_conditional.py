"""One draw of a joint Gaussian, given the draws before it."""

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import Distribution, constraints, register_kl

from .errors import InvalidPairError


def flat(value: Tensor, num_dims: int) -> Float[Tensor, "*batch entries"]:
    """The last so many dimensions as one; none are one of a single entry."""
    return value.reshape(*value.shape[: value.dim() - num_dims], -1)


class GaussianConditional(TorchDistribution):
    """N(loc, scale_tril scale_trilᵀ) over the entries of one draw, in the draw's own shape.

    A draw may lie under plates of the prior. Its log-density is then given entry by entry, each
    given the entries before it, so that the sum over plates and event is the joint density.

    Args:
        loc: The mean, (*batch, K), K = the product of `shape`.
        scale_tril: Lower triangular, (K, K) or (*batch, K, K).
        shape: The draw's plates and event, one dimension each.
        event_dim: How many of them are the event's.
    """

    arg_constraints: ClassVar = {}
    has_rsample = True

    def __init__(
        self,
        loc: Float[Tensor, "*batch entries"],
        scale_tril: Float[Tensor, "*videos entries entries"],
        shape: Size,
        event_dim: int,
    ) -> None:
        self.loc, self.scale_tril, self._shape = loc, scale_tril, shape
        num_plates = len(shape) - event_dim
        batch_shape = loc.shape[:-1] + shape[:num_plates]
        super().__init__(batch_shape, shape[num_plates:], validate_args=False)

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        """All reals."""
        return constraints.independent(constraints.real, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """The conditional mean, in the draw's shape."""
        return self.loc.reshape(self.batch_shape + self.event_shape)

    def expand(
        self, batch_shape: Sequence[int], _instance: "GaussianConditional | None" = None
    ) -> "GaussianConditional":
        """Return the same conditional for more particles or clips."""
        num_plates = len(self._shape) - self.event_dim
        leading = Size(batch_shape)[: len(batch_shape) - num_plates]
        loc = self.loc.expand(*leading, self.loc.shape[-1])
        return GaussianConditional(loc, self.scale_tril, self._shape, self.event_dim)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw values of shape (*sample_shape, *batch_shape, *event_shape)."""
        shape = (*sample_shape, *self.loc.shape)
        return self.colour(torch.randn(shape, dtype=self.loc.dtype, device=self.loc.device))

    def colour(self, noise: Float[Tensor, "*batch entries"]) -> Tensor:
        """Return the value that standard Normal noise makes: the inverse of `whiten`."""
        value = self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)
        return value.reshape(*value.shape[:-1], *self._shape)

    def whiten(self, value: Tensor) -> Float[Tensor, "*batch entries"]:
        """Return scale_tril⁻¹ (value - loc): standard Normal under this distribution."""
        distance = flat(value, len(self._shape)) - self.loc
        solution = torch.linalg.solve_triangular(
            self.scale_tril, distance.unsqueeze(-1), upper=False
        )
        return solution.squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density, in nats; its sum over the draw's plates is the joint one."""
        entries = -0.5 * (self.whiten(value).square() + math.log(2 * math.pi))
        entries = entries - self.scale_tril.diagonal(dim1=-2, dim2=-1).log()
        entries = entries.reshape(*entries.shape[:-1], *self._shape)
        return entries.sum(tuple(range(-self.event_dim, 0))) if self.event_dim else entries


@register_kl(GaussianConditional, Distribution)
def _per_site_kl(q: GaussianConditional, p: Distribution) -> Tensor:
    # With q(hs0 | hs) the sites' KLs do not add up to the KL of the whole
    raise InvalidPairError(
        "TraceMeanField_ELBO adds up the KL of each site, which is valid only if the guide draws "
        "each site independently of the others; this guide draws a site given others, a global "
        "one given the frames, and the sum would overstate the KL. "
        "Use AnalyticKL_ELBO, which knows the joint Gaussian, or Trace_ELBO."
    )
