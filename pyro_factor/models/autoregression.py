"""A Gaussian autoregression over frames: the one distribution behind the priors that recur."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import Independent, Normal, constraints, register_kl
from torch.nn import functional as F


class GaussianAutoregression(TorchDistribution):
    """A linear recursion over frames, driven by Gaussian noise, independent across features.

    h_i = Σ_k a_ik h_{i-k} + s_i ε_i,  ε_i ~ N(0, 1),  i = 1..N,  k = 1..K;  h_i = 0 for i < 1.

    Args:
        coefficients: a; numbers, or a tensor, that broadcast to (*batch, N, F, K).
        scales: s, positive, (*batch, N, F).

    Raises:
        ValueError: A scale is not positive, or a shape does not fit.
    """

    arg_constraints: ClassVar = {
        "coefficients": constraints.independent(constraints.real, 3),
        "scales": constraints.independent(constraints.positive, 2),
    }
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(
        self,
        coefficients: Tensor | Sequence[float],
        scales: Tensor,
        validate_args: bool | None = None,
    ) -> None:
        if scales.dim() < 2:
            raise ValueError(f"scales: got {tuple(scales.shape)}; give (*batch, frames, features)")
        coefficients = torch.as_tensor(coefficients, dtype=scales.dtype, device=scales.device)
        shape = torch.broadcast_shapes(coefficients.shape[:-1], scales.shape)
        self.coefficients = coefficients.expand(*shape, -1)
        self.scales = scales.expand(shape)
        super().__init__(shape[:-2], shape[-2:], validate_args)

    @property
    def mean(self) -> Float[Tensor, "*batch frames features"]:
        """Zero in every frame."""
        return torch.zeros_like(self.scales)

    @property
    def variance(self) -> Float[Tensor, "*batch frames features"]:
        """The sum over all ε_j of the squared response of h_i to ε_j."""
        num_frames = self.event_shape[0]
        impulses = torch.eye(num_frames).to(self.scales)
        impulses = impulses.reshape(num_frames, *[1] * len(self.batch_shape), num_frames, 1)
        return self._recur(impulses * self.scales).square().sum(0)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the same autoregression for another batch shape."""
        new = self._get_checked_instance(GaussianAutoregression, _instance)
        shape = Size(batch_shape) + self.event_shape
        new.coefficients = self.coefficients.expand(*shape, -1)
        new.scales = self.scales.expand(shape)
        super(GaussianAutoregression, new).__init__(
            shape[:-2], self.event_shape, validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw sequences of shape (*sample_shape, *batch_shape, N, F)."""
        scales = self.scales.expand(self._extended_shape(Size(sample_shape)))
        return self._recur(scales * torch.randn_like(scales))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) of sequences (..., N, F), in nats, one per sequence."""
        if self._validate_args:
            self._validate_sample(value)
        # the noises h_i - Σ_k a_ik h_{i-k} are independent Normals
        noise = value - (self.coefficients * self._lagged(value)).sum(-1)
        centred = Normal(torch.zeros_like(self.scales), self.scales, validate_args=False)
        return centred.log_prob(noise).sum((-2, -1))

    def expected_log_prob(
        self,
        loc: Float[Tensor, "*videos frames features"],
        scale: Float[Tensor, "*videos frames features"],
    ) -> Float[Tensor, "*videos"]:
        """Return E_q[log p(h)] for q = ∏ N(loc, scale²), in nats, one per sequence."""
        # E (h_i - Σ_k a_ik h_{i-k})² = (μ_i - Σ_k a_ik μ_{i-k})² + σ_i² + Σ_k a_ik² σ_{i-k}²
        past = (self.coefficients.square() * self._lagged(scale.square())).sum(-1)
        spread = (scale.square() + past) / self.scales.square()
        return self.log_prob(loc) - 0.5 * spread.sum((-2, -1))

    def _lagged(self, value: Tensor) -> Tensor:
        """h_{i-1} ... h_{i-K} of every frame, (..., N, F, K)."""
        num_frames, num_lags = self.event_shape[0], self.coefficients.shape[-1]
        padded = F.pad(value, (0, 0, num_lags, 0))
        lags = [padded[..., start : start + num_frames, :] for start in reversed(range(num_lags))]
        return torch.stack(lags, -1)

    def _recur(self, noise: Tensor) -> Tensor:
        """Turn noise s_i ε_i into h, both (..., N, F)."""
        frames: list[Tensor] = []
        for i in range(self.event_shape[0]):
            past = reversed(frames[-self.coefficients.shape[-1] :])
            terms = [self.coefficients[..., i, :, k] * h for k, h in enumerate(past)]
            frames.append(sum(terms, start=noise[..., i, :]))
        return torch.stack(frames, -2)


@register_kl(Independent, GaussianAutoregression)
def _kl(q: Independent, p: GaussianAutoregression) -> Tensor:
    # without it TraceMeanField_ELBO would estimate this site's KL by its draw
    if not (isinstance(q.base_dist, Normal) and len(q.event_shape) == len(p.event_shape)):
        raise NotImplementedError
    shape = q.batch_shape + q.event_shape
    loc, scale = q.base_dist.loc.expand(shape), q.base_dist.scale.expand(shape)
    return -q.entropy() - p.expected_log_prob(loc, scale)
