"""Networks that see, and draw, one window of the frame wherever it lies.

What moves is a picture and a place. The networks of tables 4 and 5 learn every picture at every
place anew; these learn it once, by one glimpse of DRAW (Gregor et al. 2015, arXiv:1502.04623). Both
the encoder's heads and the decoder get picture and place side by side, so that which feature holds
which is still left to the prior.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import Decoder, Encoder, ImageShape

Images = Float[Tensor, "images channels height width"]
Places = Float[Tensor, "images 2"]


class GlimpseEncoder(Encoder):
    """Table 4's encoder on the window around the centre of brightness, which the heads get too.

    Args:
        num_features: D, features in all.
        image_shape: (channels, height, width) of a frame.
        glimpse: Pixels across the window.
        sizes: `channels` and `hidden`, as `Encoder` has them.
    """

    def __init__(
        self,
        num_features: int,
        image_shape: ImageShape = (1, 64, 64),
        glimpse: int = 28,
        **sizes: Any,
    ) -> None:
        super().__init__(num_features, (image_shape[0], glimpse, glimpse), beside=2, **sizes)
        self.glimpse = glimpse

    def forward(
        self, images: Images
    ) -> tuple[Float[Tensor, "images features"], Float[Tensor, "images features"]]:
        """Return the guide's loc and scale of each image."""
        height, width = images.shape[-2:]
        with torch.autocast(images.device.type, enabled=False):
            centre = brightness_centre(images)
            rows, columns = window(centre, (height, width), self.glimpse)
            glimpse = rows.mT @ images @ columns
        hidden = self.features(glimpse)
        return self.heads(torch.cat([hidden, centre], -1))


class GlimpseDecoder(Decoder):
    """Table 5's decoder draws a window; a linear map of the code says where in the frame it lies.

    Each of its pixels is drawn as a tent, eight pixels wide at first, so that a gradient reaches
    the place from further away than by linear interpolation; the width is learned. What lies
    outside is a background, learned as well: were it not darker than the window at first, nothing
    would pull the window anywhere.

    Args:
        num_features: D, features in all.
        image_shape: (channels, height, width) of a frame.
        glimpse: Pixels across the window.
        background: What the decoder gives for a pixel outside, before training.
        sizes: `channels`, `hidden` and `frequencies`, as `Decoder` has them.
    """

    def __init__(
        self,
        num_features: int,
        image_shape: ImageShape = (1, 64, 64),
        glimpse: int = 28,
        background: float = -4.0,
        **sizes: Any,
    ) -> None:
        super().__init__(num_features, (image_shape[0], glimpse, glimpse), **sizes)
        self.glimpse, self._frame = glimpse, image_shape[1:]
        self.place = nn.Linear(num_features, 2)
        self.log_width = nn.Parameter(torch.tensor(4.0).log())
        self.background = nn.Parameter(torch.full((image_shape[0], 1, 1), background))

    def forward(self, h: Float[Tensor, "images features"]) -> Images:
        """Return the logits of the pixels."""
        picture = super().forward(h)
        with torch.autocast(h.device.type, enabled=False):
            dtype = self.place.weight.dtype
            picture, place = picture.to(dtype), self.place(h.to(dtype))
            # not by a tensor of the frame's sizes, whose making would wait for the GPU
            quarters = zip(place.unbind(-1), self._frame, strict=True)
            place = torch.stack([axis * (size / 4) for axis, size in quarters], -1)
            rows, columns = window(place, self._frame, self.glimpse, self.log_width.exp())
            return self.background + rows @ (picture - self.background) @ columns.mT


def default_encoder(
    num_features: int, image_shape: ImageShape, glimpse: int, **sizes: Any
) -> Encoder:
    """Build the encoder of table 4, or the one for glimpses of so many pixels."""
    if not glimpse:
        return Encoder(num_features, image_shape, **sizes)
    return GlimpseEncoder(num_features, image_shape, glimpse, **sizes)


def default_decoder(
    num_features: int, image_shape: ImageShape, glimpse: int, background: float, **sizes: Any
) -> Decoder:
    """Build the decoder of table 5, or the one for glimpses of so many pixels."""
    if not glimpse:
        return Decoder(num_features, image_shape, **sizes)
    return GlimpseDecoder(num_features, image_shape, glimpse, background, **sizes)


def brightness_centre(images: Images) -> Places:
    """Where the brightness of each image is centred, in pixels down and right of its middle."""
    brightness = images.mean(1).clamp_min(0)
    total = brightness.sum((1, 2)).clamp_min(torch.finfo(images.dtype).tiny)
    down, right = (_positions(n, images) for n in images.shape[-2:])
    moments = [brightness.sum(2) @ down, brightness.sum(1) @ right]
    return torch.stack(moments, -1) / total[:, None]


def window(
    place: Places, frame: tuple[int, int], glimpse: int, width: Tensor | int = 1
) -> tuple[Float[Tensor, "images 1 height glimpse"], Float[Tensor, "images 1 width glimpse"]]:
    """The linear maps from a window to a frame's rows and columns; their transposes see it.

    Args:
        place: The window's centre, in pixels down and right of the frame's middle.
        frame: (height, width).
        glimpse: Pixels across the window.
        width: Half the base, in pixels, of the tent that each pixel becomes; 1 is linear
            interpolation, and any whole number leaves the brightness alone.

    Returns:
        R and C; the frame is R window Cᵀ.
    """
    inside = _positions(glimpse, place)

    def tents(size: int, centre: Float[Tensor, "images"]) -> Tensor:
        distance = _positions(size, place)[:, None] - inside - centre[:, None, None, None]
        return F.relu(1 - distance.abs() / width) / width

    rows, columns = (tents(size, place[:, i]) for i, size in enumerate(frame))
    return rows, columns


def _positions(size: int, like: Tensor) -> Tensor:
    """Where so many pixels in a row lie, from the middle."""
    return torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
