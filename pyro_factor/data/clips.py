"""A batch of video clips, labelled or not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError


@dataclass(frozen=True)
class Clips:
    """Videos with what stays and what moves in them; None where that is not known.

    Attributes:
        videos: Pixels in [0, 1], (videos, frames, channels, height, width).
        static: What stays, a class: the digit, or the chair's number in its split, (videos,).
        temporal: What moves, a class: the cell of a 3×3 grid, 0..8 in row-major order, or the
            eighth of a turn, 0..7, (videos, frames).
        position: (y, x) in [0, 1] of the free range, or (sin, cos) of the azimuth,
            (videos, frames, 2).
        item: What each video shows: the number of the digit's image, of the chair, or of the clip
            that its window is cut from, (videos,). Videos of one item are not independent.
    """

    videos: Float[Tensor, "videos frames channels height width"]
    static: Int[Tensor, "videos"] | None = None
    temporal: Int[Tensor, "videos frames"] | None = None
    position: Float[Tensor, "videos frames 2"] | None = None
    item: Int[Tensor, "videos"] | None = None

    def label(self, name: str) -> Tensor:
        """One of the labels, by its name.

        Raises:
            InputError: The clips have no such label.
        """
        value: Tensor | None = getattr(self, name)
        if value is None:
            raise InputError(f"labels: these clips have no {name} one; give a file of labels")
        return value

    def __getitem__(self, where: slice) -> "Clips":
        """Some of the clips, with their labels."""
        return self._each(lambda value: value[where])

    def to(self, device: torch.device) -> "Clips":
        """The clips with their labels on a device."""
        return self._each(lambda value: value.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Clips":
        whole = (getattr(self, field.name) for field in fields(self))
        changed = (None if value is None else change(value) for value in whole)
        return Clips(*changed)  # type: ignore[arg-type]


def join(parts: Iterable[Clips]) -> Clips:
    """Clips one after another, all of one length and size; a label that one lacks is left out."""
    given = list(parts)
    columns = ([getattr(part, field.name) for part in given] for field in fields(Clips))
    joined = (None if any(v is None for v in values) else torch.cat(values) for values in columns)
    return Clips(*joined)  # type: ignore[arg-type]
