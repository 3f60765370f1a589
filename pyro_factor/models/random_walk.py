"""The Gaussian random walk of the temporal factor (eqs. 8 and 9)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import Normal, constraints


class GaussianRandomWalk(TorchDistribution):
    """A Gaussian random walk over frames, independent across features (eq. 9).

    h_1 ~ N(0, initial_scale²),  h_i | h_{i-1} ~ N(h_{i-1}, scale²),  i = 2..N.

    Args:
        num_frames: N, the number of frames.
        num_features: F, the number of features.
        scale: Scale of a step; a number, or a tensor that broadcasts to (*batch, F).
        initial_scale: Scale of the first frame; likewise.

    Raises:
        ValueError: A scale is not positive.
    """

    arg_constraints: ClassVar = {
        "scale": constraints.independent(constraints.positive, 1),
        "initial_scale": constraints.independent(constraints.positive, 1),
    }
    support = constraints.independent(constraints.real, 2)
    has_rsample = True

    def __init__(
        self,
        num_frames: int,
        num_features: int,
        scale: float | Tensor,
        initial_scale: float | Tensor = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.scale: Tensor
        self.initial_scale: Tensor
        self.scale, self.initial_scale, _ = torch.broadcast_tensors(
            torch.as_tensor(scale, dtype=_dtype(scale)),
            torch.as_tensor(initial_scale, dtype=_dtype(initial_scale)),
            torch.empty(num_features),
        )
        super().__init__(self.scale.shape[:-1], Size([num_frames, num_features]), validate_args)

    @property
    def step_scales(self) -> Float[Tensor, "*batch frames features"]:
        """The scale of h_1 and of each step after it."""
        num_steps = self.event_shape[0] - 1
        steps = self.scale.unsqueeze(-2).expand(*self.batch_shape, num_steps, -1)
        return torch.cat([self.initial_scale.unsqueeze(-2), steps], -2)

    @property
    def mean(self) -> Float[Tensor, "*batch frames features"]:
        """Zero in every frame."""
        return self.scale.new_zeros(self.batch_shape + self.event_shape)

    @property
    def variance(self) -> Float[Tensor, "*batch frames features"]:
        """Grows by scale² a frame."""
        return self.step_scales.square().cumsum(-2)

    def expand(
        self, batch_shape: Sequence[int], _instance: "GaussianRandomWalk | None" = None
    ) -> "GaussianRandomWalk":
        """Return the same walk for another batch shape."""
        new = self._get_checked_instance(GaussianRandomWalk, _instance)
        batch_shape = Size(batch_shape)
        new.scale = self.scale.expand(batch_shape + self.event_shape[-1:])
        new.initial_scale = self.initial_scale.expand(batch_shape + self.event_shape[-1:])
        super(GaussianRandomWalk, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw walks of shape (*sample_shape, *batch_shape, N, F)."""
        scales = self.step_scales.expand(self._extended_shape(Size(sample_shape)))
        return (scales * torch.randn_like(scales)).cumsum(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) (eq. 9) of walks (..., N, F), in nats, one per walk."""
        if self._validate_args:
            self._validate_sample(value)
        # h_1 and the steps h_i - h_{i-1} are independent Normals
        steps = torch.cat([value[..., :1, :], value.diff(dim=-2)], -2)
        return Normal(0.0, self.step_scales, validate_args=False).log_prob(steps).sum((-2, -1))


def _dtype(number: float | Tensor) -> torch.dtype:
    return number.dtype if isinstance(number, Tensor) else torch.get_default_dtype()
