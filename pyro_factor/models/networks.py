"""The encoder and decoder of tables 4 and 5."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import require

ImageShape = tuple[int, int, int]


class Encoder(nn.Module):
    """The convolutional encoder of table 4: the guide's mean and scale from single frames.

    Each stage is a 3x3 convolution and another of stride 2. Batch normalisation stands before
    every ReLU; its shift is the layer's bias. Both heads are computed in float32.

    Args:
        num_features: D, features in all.
        image_shape: (channels, height, width) of a frame.
        channels: Channels of each stage.
        hidden: Units of the linear layer.
        beside: Numbers that the heads get beside the hidden layer; none in the paper.
    """

    def __init__(
        self,
        num_features: int,
        image_shape: ImageShape = (1, 64, 64),
        channels: Sequence[int] = (16, 32, 64, 128),
        hidden: int = 256,
        beside: int = 0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise([image_shape[0], *channels]):
            layers += _convolution(nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False))
            layers += _convolution(nn.Conv2d(outputs, outputs, 3, 2, 1, bias=False))
        self.convolutions = nn.Sequential(*layers)
        height, width = _sizes(image_shape, len(channels))[-1]
        self.linear = _linear(channels[-1] * height * width, hidden)
        self.loc = nn.Linear(hidden + beside, num_features)
        self.scale = nn.Linear(hidden + beside, num_features)

    def forward(
        self, images: Float[Tensor, "images channels height width"]
    ) -> tuple[Float[Tensor, "images features"], Float[Tensor, "images features"]]:
        """Return the guide's loc and scale of each image."""
        return self.heads(self.features(images))

    def features(
        self, images: Float[Tensor, "images channels height width"]
    ) -> Float[Tensor, "images hidden"]:
        """Return the last hidden layer."""
        return self.linear(self.convolutions(images).flatten(1))

    def heads(
        self, hidden: Float[Tensor, "images hidden"]
    ) -> tuple[Float[Tensor, "images features"], Float[Tensor, "images features"]]:
        """Return loc and scale from the last hidden layer, and what stands beside it."""
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.to(self.loc.weight.dtype)
            # softplus keeps the scale positive, and its gradient bounded
            return self.loc(hidden), F.softplus(self.scale(hidden)) + 1e-6


class FourierFeatures(nn.Module):
    """Codes with the sines and cosines of their features at octaves, from a period of 4 down.

    A network learns what varies slowly with its inputs first; from these it can as soon learn what
    varies fast, such as where each pixel of a stroke is (Tancik et al. 2020, arXiv:2006.10739).

    Args:
        frequencies: Octaves.
    """

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.frequencies = frequencies

    def forward(self, h: Float[Tensor, "images features"]) -> Float[Tensor, "images more_features"]:
        """Return h and 2 · frequencies more columns for each of its own."""
        octaves = 2 ** torch.arange(self.frequencies, dtype=h.dtype, device=h.device)
        angles = (math.pi / 2 * octaves * h.unsqueeze(-1)).flatten(1)
        return torch.cat([h, angles.sin(), angles.cos()], -1)


class Decoder(nn.Module):
    """The transposed-convolutional decoder of table 5: pixel logits from single frames' codes.

    Args:
        num_features: D, features in all.
        image_shape: (channels, height, width) of a frame.
        channels: Channels of the encoder's stages, which are gone through in reverse.
        hidden: Units of the first linear layer.
        frequencies: Octaves of `FourierFeatures` before the first layer; none in the paper.
    """

    def __init__(
        self,
        num_features: int,
        image_shape: ImageShape = (1, 64, 64),
        channels: Sequence[int] = (16, 32, 64, 128),
        hidden: int = 256,
        frequencies: int = 0,
    ) -> None:
        super().__init__()
        sizes = _sizes(image_shape, len(channels))[::-1]
        self._shape = (channels[-1], *sizes[0])
        height, width = sizes[0]
        self.inputs = FourierFeatures(frequencies) if frequencies else nn.Identity()
        self.linear = nn.Sequential(
            _linear(num_features * (1 + 2 * frequencies), hidden),
            _linear(hidden, channels[-1] * height * width),
        )
        outputs = [*channels[-2::-1], image_shape[0]]
        layers: list[nn.Module] = []
        for i, (inputs, out) in enumerate(zip(channels[::-1], outputs, strict=True)):
            last = i == len(channels) - 1
            layers += _convolution(nn.ConvTranspose2d(inputs, inputs, 3, 1, 1, bias=False))
            upsample = nn.ConvTranspose2d(
                inputs, out, 3, 2, 1, _padding(sizes[i], sizes[i + 1]), bias=last
            )
            layers += [upsample] if last else _convolution(upsample)
        self.convolutions = nn.Sequential(*layers)

    def forward(
        self, h: Float[Tensor, "images features"]
    ) -> Float[Tensor, "images channels height width"]:
        """Return the logits of the pixels."""
        return self.convolutions(self.linear(self.inputs(h)).unflatten(-1, self._shape))


def check_sizes(
    image_shape: ImageShape, channels: Sequence[int], hidden: int, frequencies: int, glimpse: int
) -> None:
    """Raise unless networks of these sizes can be built.

    Raises:
        InputError: Names the size that is wrong.
    """
    whole = len(image_shape) == 3 and all(isinstance(n, int) and n > 0 for n in image_shape)
    require(whole, "image_shape", image_shape, "give (channels, height, width), each 1 or more")
    require(
        len(channels) > 0 and all(isinstance(n, int) and n > 0 for n in channels),
        "channels",
        channels,
        "give one or more stages, each with 1 channel or more",
    )
    require(isinstance(hidden, int) and hidden > 0, "hidden", hidden, "give 1 unit or more")
    counted = isinstance(frequencies, int) and frequencies >= 0
    require(counted, "frequencies", frequencies, "give 0 octaves or more")
    fits = isinstance(glimpse, int) and 0 <= glimpse <= min(image_shape[1:])
    advice = "give 0 for the whole frame, or a window's pixels, no more than the frame has"
    require(fits, "glimpse", glimpse, advice)


def _convolution(layer: nn.Conv2d | nn.ConvTranspose2d) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(layer.out_channels), nn.ReLU(inplace=True)]


def _linear(inputs: int, outputs: int) -> nn.Sequential:
    layer = nn.Linear(inputs, outputs, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True))


def _sizes(image_shape: ImageShape, stages: int) -> list[tuple[int, int]]:
    """Height and width of the image and after each stage, which halves them, rounding up."""
    _, height, width = image_shape
    return [(-(-height // 2**i), -(-width // 2**i)) for i in range(stages + 1)]


def _padding(small: tuple[int, int], large: tuple[int, int]) -> tuple[int, int]:
    """The output padding that makes a stride-2 transposed convolution undo the rounding."""
    return large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1)


def full_precision(output: Tensor) -> Tensor:
    """A network's output in at least float32, whatever autocast has made of it."""
    return output.to(torch.promote_types(output.dtype, torch.float32))
