"""Frames as they lie in files, brought to one size and one number of channels."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

CHUNK = 8  # frames that are held in their own size, which may be large
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's grey

# A few frames of a clip, bytes or floats in [0, 1].
Chunk = Shaped[np.ndarray, "frames height width channels"]


class Unusable(Exception):
    """Why a clip, or a file of clips, can't be used."""


def stacked(frames: Iterable[Shaped[np.ndarray, "height width channels"]]) -> Iterator[Chunk]:
    """Stack frames, a few at a time.

    Raises:
        Unusable: Frames of several sizes.
    """
    remaining, shape = iter(frames), None
    while chunk := list(islice(remaining, CHUNK)):
        shape = shape or chunk[0].shape
        for height, width, _ in (frame.shape for frame in chunk if frame.shape != shape):
            raise Unusable(f"a frame of {height}×{width} after one of {shape[0]}×{shape[1]}")
        yield np.stack(chunk)


def fit(chunk: Chunk, image_size: int, channels: int) -> UInt8[Tensor, "frames c h w"]:
    """Cut the middle square out of each frame, and resize it without aliasing.

    Args:
        chunk: Frames of 1 or 3 channels.
        image_size: Height and width afterwards, in pixels.
        channels: 1 for grey, 3 for colour.

    Returns:
        Bytes (frames, channels, image_size, image_size).

    Raises:
        Unusable: Values outside [0, 1].
    """
    pixels = _in_colours(_unit(chunk).movedim(-1, 1), channels)
    height, width = pixels.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[..., top : top + side, left : left + side]
    if side != image_size:
        square = interpolate(square, (image_size, image_size), mode="bilinear", antialias=True)
    return (255 * square).round().byte()


def _unit(chunk: Chunk) -> Float[Tensor, "frames height width channels"]:
    """Floats in [0, 1]."""
    if chunk.dtype == np.uint8:
        return torch.from_numpy(chunk.astype(np.float32)) / 255
    low, high = chunk.min(), chunk.max()
    if not (low >= 0 and high <= 1):  # also NaN
        raise Unusable(f"values from {low:g} to {high:g}; scale floats to [0, 1], or save bytes")
    return torch.from_numpy(chunk.astype(np.float32))


def _in_colours(
    pixels: Float[Tensor, "frames given height width"], channels: int
) -> Float[Tensor, "frames {channels} height width"]:
    if pixels.shape[1] == channels:
        return pixels
    if channels == 3:
        return pixels.expand(-1, 3, -1, -1)
    return torch.einsum("fchw,c->fhw", pixels, pixels.new_tensor(LUMA)).unsqueeze(1)
