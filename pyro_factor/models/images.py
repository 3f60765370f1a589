"""What a frame is: its shape, and how its pixels are distributed given the decoder's outputs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from ..errors import require
from .networks import ImageShape


class Images(ABC):
    """Frames of one shape.

    Args:
        shape: (C, H, W).
        scale: Standard deviation of a pixel, where its distribution has one.

    Raises:
        InputError: The scale is not positive and finite.
    """

    name: ClassVar[str]  # by which a configuration knows it
    low: ClassVar[float]  # the range of pixels
    high: ClassVar[float]
    dark: ClassVar[float]  # the decoder's output for a pixel that is nearly off

    def __init__(self, shape: ImageShape, scale: float) -> None:
        advice = "give a positive, finite standard deviation"
        require(0 < scale < float("inf"), "pixel_scale", scale, advice)
        self.shape, self.scale = shape, scale

    @abstractmethod
    def pixels(self, outputs: Tensor) -> TorchDistributionMixin:
        """Return the distribution of every pixel, given the decoder's outputs."""

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """Return the mean of every pixel."""

    @abstractmethod
    def sample(self, outputs: Tensor) -> Tensor:
        """Draw every pixel, in the smallest dtype that holds it."""


class BernoulliImages(Images):
    """Pixels in [0, 1]; the outputs are logits. The log-density of grey is cross-entropy."""

    name, low, high, dark = "bernoulli", 0.0, 1.0, -4.0

    def pixels(self, outputs: Tensor) -> TorchDistributionMixin:
        """Return a Bernoulli of every pixel."""
        # grey lies outside a Bernoulli's support
        return dist.Bernoulli(logits=outputs, validate_args=False)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the probabilities."""
        return outputs.sigmoid()

    def sample(self, outputs: Tensor) -> Tensor:
        """Draw 0 or 1."""
        return torch.bernoulli(outputs.sigmoid()).to(torch.int8)


class GaussianImages(Images):
    """Real pixels of one standard deviation; the outputs are their means."""

    name, low, high, dark = "gaussian", -float("inf"), float("inf"), 0.0

    def pixels(self, outputs: Tensor) -> TorchDistributionMixin:
        """Return a Normal of every pixel."""
        return dist.Normal(outputs, self.scale)

    def mean(self, outputs: Tensor) -> Tensor:
        """Return the outputs."""
        return outputs

    def sample(self, outputs: Tensor) -> Tensor:
        """Draw around the outputs."""
        return outputs + self.scale * torch.randn_like(outputs)


PIXELS: Mapping[str, type[Images]] = MappingProxyType(
    {kind.name: kind for kind in (BernoulliImages, GaussianImages)}
)
