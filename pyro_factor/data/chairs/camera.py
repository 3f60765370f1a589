"""The views of a turning chair, and the rays of the camera that takes them."""

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ...errors import require

DISTANCE = 4.0  # from the camera to the chair's centre; the chair is in the unit sphere
SUPERSAMPLING = 4  # rays each way in a pixel


@dataclass(frozen=True)
class Views:
    """A chair seen from azimuths all around, by a camera that just frames the unit sphere.

    Args:
        image_size: Height and width of an image in pixels.
        num_azimuths: How many images make a full turn.
        elevation: The camera's height above the horizon in degrees.
        half_step: Azimuths halfway between the usual ones.

    Raises:
        InputError: An argument out of its range.
    """

    image_size: int = 64
    num_azimuths: int = 31
    elevation: float = 20.0
    half_step: bool = False

    def __post_init__(self) -> None:
        require(self.image_size >= 8, "image_size", self.image_size, "give at least 8")
        require(self.num_azimuths >= 2, "num_azimuths", self.num_azimuths, "give at least 2")
        require(-90 < self.elevation < 90, "elevation", self.elevation, "give degrees in -90..90")

    @property
    def settings(self) -> dict[str, Any]:
        """All that an image of a given chair depends on, ready for JSON."""
        return asdict(self)

    @cached_property
    def azimuths(self) -> Float[np.ndarray, "azimuths"]:
        """By how much the chair is turned, in radians, counterclockwise seen from above."""
        step = 2 * math.pi / self.num_azimuths
        return step * (np.arange(self.num_azimuths) + 0.5 * self.half_step)

    @cached_property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """The camera's right, up and backward directions; it sees an unturned chair's front."""
        angle = math.radians(self.elevation)
        up = [-math.sin(angle), 0.0, math.cos(angle)]
        return np.array([[0.0, 1.0, 0.0], up, [math.cos(angle), 0.0, math.sin(angle)]])

    @cached_property
    def rays(self) -> Float[np.ndarray, "height width 3"]:
        """Directions (right, up, backward) of the rays, `SUPERSAMPLING` each way in a pixel."""
        samples = SUPERSAMPLING * self.image_size
        across = self.half_width * ((2 * np.arange(samples) + 1) / samples - 1)
        right, down = np.meshgrid(across, across)
        return np.stack([right, -down, -np.ones_like(right)], -1)

    @property
    def half_width(self) -> float:
        """Half the frame's width at distance 1, where the unit sphere touches its borders."""
        return math.tan(math.asin(1 / DISTANCE))

    def cameras(self) -> Float[np.ndarray, "azimuths 3 3"]:
        """The camera's axes around a chair that stands still: the same images, turned rays."""
        cos, sin = np.cos(self.azimuths), np.sin(self.azimuths)
        turn = np.zeros((len(cos), 3, 3))
        turn[:, 0, 0] = turn[:, 1, 1] = cos
        turn[:, 0, 1], turn[:, 1, 0], turn[:, 2, 2] = -sin, sin, 1.0
        return self.axes @ turn  # axes · (turn · point) = (axes · turn) · point
