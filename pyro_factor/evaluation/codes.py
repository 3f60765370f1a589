"""Features of frames with their labels, and the factors themselves as features."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Codes:
    """Features of single frames, with the two labels of each frame."""

    features: Float[np.ndarray, "frames features"]
    static: Int[np.ndarray, "frames"]
    temporal: Int[np.ndarray, "frames"]


class Split(NamedTuple):
    """Columns of the static and of the temporal features, Hs and Ht of eq. 19."""

    static: list[int]
    temporal: list[int]


def true_codes(
    static: Int[np.ndarray, "frames"],
    temporal: Int[np.ndarray, "frames"],
    position: Float[np.ndarray, "frames 2"],
    num_classes: int,
) -> tuple[Codes, Split]:
    """The factors themselves as features: what a classifier reaches on them is its ceiling.

    Args:
        static: Static label of each frame.
        temporal: Temporal label of each frame.
        position: True position of each frame.
        num_classes: Number of static classes, K.

    Returns:
        Codes of K + 2 features, the one-hot static label and the position, and their split.
    """
    features = np.hstack([np.eye(num_classes)[static], position])
    split = Split(list(range(num_classes)), [num_classes, num_classes + 1])
    return Codes(features, static, temporal), split
