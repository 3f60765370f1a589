"""The Gaussian random walk of the temporal factor (eqs. 8 and 9)."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Size, Tensor

from .autoregression import GaussianAutoregression


class GaussianRandomWalk(GaussianAutoregression):
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

    def __init__(
        self,
        num_frames: int,
        num_features: int,
        scale: float | Tensor,
        initial_scale: float | Tensor = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        step, first, _ = torch.broadcast_tensors(
            torch.as_tensor(scale, dtype=_dtype(scale)),
            torch.as_tensor(initial_scale, dtype=_dtype(initial_scale)),
            torch.empty(num_features),
        )
        steps = step.unsqueeze(-2).expand(*step.shape[:-1], num_frames - 1, -1)
        # h_i = 1 · h_{i-1} + scale ε_i
        super().__init__(
            step.new_ones(1), torch.cat([first.unsqueeze(-2), steps], -2), validate_args
        )

    @property
    def variance(self) -> Float[Tensor, "*batch frames features"]:
        """Grows by scale² a frame."""
        return self.scales.square().cumsum(-2)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Any:
        """Return the same walk for another batch shape."""
        return super().expand(batch_shape, _instance or self.__new__(type(self)))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw walks of shape (*sample_shape, *batch_shape, N, F)."""
        scales = self.scales.expand(self._extended_shape(Size(sample_shape)))
        return (scales * torch.randn_like(scales)).cumsum(-2)


def _dtype(number: float | Tensor) -> torch.dtype:
    return number.dtype if isinstance(number, Tensor) else torch.get_default_dtype()
