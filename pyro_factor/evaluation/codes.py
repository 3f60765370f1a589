"""Features of frames with their labels, and the factors themselves as features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Examples(NamedTuple):
    """Labels that are told from several frames each, and those frames' rows."""

    rows: Int[np.ndarray, "examples some"]
    labels: Int[np.ndarray, "examples"]


@dataclass(frozen=True)
class Codes:
    """Features of single frames, with the two labels of each frame.

    With `triples` the temporal label is one of several frames, see `in_order`.
    """

    features: Float[np.ndarray, "frames features"]
    static: Int[np.ndarray, "frames"]
    temporal: Int[np.ndarray, "frames"]
    triples: Examples | None = None

    def told_from(
        self, columns: Sequence[int], label: str
    ) -> tuple[Float[np.ndarray, "examples columns"], Int[np.ndarray, "examples"]]:
        """The examples of a label, "static" or "temporal": some columns, and the right answer."""
        features = self.features[:, list(columns)]
        if label == "static" or self.triples is None:
            return features, getattr(self, label)
        rows, labels = self.triples
        return features[rows].reshape(len(rows), -1), labels


class Split(NamedTuple):
    """Columns of the static and of the temporal features, Hs and Ht of eq. 19."""

    static: list[int]
    temporal: list[int]


def true_codes(
    static: Int[np.ndarray, "frames"],
    temporal: Int[np.ndarray, "frames"],
    position: Float[np.ndarray, "frames places"],
    num_classes: int,
) -> tuple[Codes, Split]:
    """The factors themselves as features: what a classifier reaches on them is its ceiling.

    Args:
        static: Static label of each frame.
        temporal: Temporal label of each frame.
        position: What moves in each frame: its true position.
        num_classes: Number of static classes, K.

    Returns:
        Codes of K features and those of the position: the one-hot static label and the position,
        and their split.
    """
    features = np.hstack([np.eye(num_classes)[static], position])
    split = Split(list(range(num_classes)), list(range(num_classes, features.shape[1])))
    return Codes(features, static, temporal), split
