"""Swaps and interpolations that move."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..files import atomic
from ..models import VideoVAE
from .gather import evaluating
from .interpolation import STEPS, decoded_path
from .style import as_shown
from .swaps import exchanged

ENLARGED, GAP = 2, 2  # each pixel's size, and the white pixels between images
MILLISECONDS = 120  # a frame

Animation = UInt8[np.ndarray, "pictures high wide 3"]


def swap_animation(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    columns: Sequence[int],
) -> Animation:
    """Pairs of clips, decoded, and below them decoded with their static parts exchanged.

    Args:
        vae: The model.
        videos: Pairs of clips, one after the other.
        columns: The static columns.

    Returns:
        A picture for each frame.
    """
    with evaluating(vae, seed=0):
        h = vae.encode(videos).loc
        pairs = h.unflatten(0, (-1, 2))
        swapped = exchanged(pairs, pairs.flip(1), columns).flatten(0, 1)
        rows = torch.stack([videos, vae.decode(h), vae.decode(swapped)])
    return tile(rows.movedim(2, 0))


def interpolation_animation(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    factors: Sequence[Sequence[int]],
    steps: int = STEPS,
) -> Animation:
    """One factor moves from clip to clip and back, the other held fixed.

    Args:
        vae: The model.
        videos: Pairs of clips, one after the other.
        factors: The columns of each factor, a row of the picture each.
        steps: Pictures from one end to the other.

    Returns:
        A picture for each step.
    """
    rows = torch.stack([decoded_path(vae, videos, columns, steps) for columns in factors])
    there = rows.movedim(2, 0)
    return tile(torch.cat([there, there[1:-1].flip(0)]))


def tile(images: Float[Tensor, "times rows columns channels height width"]) -> Animation:
    """Images side by side, enlarged, white between them."""
    large = as_shown(images).repeat_interleave(ENLARGED, -1).repeat_interleave(ENLARGED, -2)
    padded = torch.nn.functional.pad(large, (0, GAP, 0, GAP), value=1.0)
    times, rows, columns, _, height, width = padded.shape
    placed = padded.permute(0, 1, 4, 2, 5, 3).reshape(times, rows * height, columns * width, 3)
    return (255 * placed[:, :-GAP, :-GAP]).round().byte().numpy()


def save_animation(pictures: Animation, path: Path) -> Path:
    """Write an animated GIF that starts over at its end, whole or not at all."""
    from PIL import Image

    first, *others = map(Image.fromarray, pictures)
    given = {"save_all": True, "append_images": others, "duration": MILLISECONDS, "loop": 0}
    with atomic(path) as temporary:
        first.save(temporary, format="GIF", **given)
    return path
