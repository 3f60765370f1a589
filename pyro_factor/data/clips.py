"""A batch of labelled video clips."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Clips:
    """Videos with what stays and what moves in them.

    Attributes:
        videos: Pixels in [0, 1], (videos, frames, channels, height, width).
        static: What stays: the digit, or the chair's number in its split, (videos,).
        temporal: What moves: the 3×3 cell, 0..8 in row-major order, or the eighth of a turn, 0..7,
            (videos, frames).
        position: (y, x) in [0, 1] of the free range, or (sin, cos) of the azimuth,
            (videos, frames, 2).
    """

    videos: Float[Tensor, "videos frames channels height width"]
    static: Int[Tensor, "videos"]
    temporal: Int[Tensor, "videos frames"]
    position: Float[Tensor, "videos frames 2"]


def join(parts: Iterable[Clips]) -> Clips:
    """Clips one after another; all of one length and size."""
    given = list(parts)
    return Clips(
        *(torch.cat([getattr(part, field.name) for part in given]) for field in fields(Clips))
    )
