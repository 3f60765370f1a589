"""Cross leakage: what each part of the features tells of the factor that is not its own."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from ..errors import require
from .codes import Codes, Split
from .scores import Accuracies, Fraction, LabelAccuracies, split_accuracies

LEAST_RANGE = 0.02  # two standard errors of chance: 1,200 clips of ten digits


@dataclass(frozen=True)
class Leakage:
    """How far the wrong features get from chance to the ceiling, named `features_labels`.

    0: no better than the most frequent class. 1: as good as the ceiling.
    """

    static_temporal: Fraction
    temporal_static: Fraction


def cross_leakage(
    train: Codes,
    test: Codes,
    split: Split,
    *,
    classifier: str = "linear",
    ceiling: LabelAccuracies | None = None,
) -> Leakage:
    """What the static features tell of the temporal label, and the other way round.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        split: Columns of the static and of the temporal features, both given.
        classifier: "linear" or "rbf", see `accuracy`.
        ceiling: Accuracy on each label that counts as 1, see `leakage`.

    Returns:
        Both leakages in [0, 1].

    Raises:
        InputError: a part of the split is empty; see `accuracy`.
    """
    require(all(map(len, split)), "split", tuple(split), "give each part a column or more")
    return leakage(split_accuracies(train, test, split, classifier), chance(test), ceiling)


def leakage(
    accuracies: Accuracies, chance: LabelAccuracies, ceiling: LabelAccuracies | None = None
) -> Leakage:
    """(accuracy − chance) / (ceiling − chance), cut to [0, 1], from accuracies known already.

    Sequential disentanglement is judged by how well a classifier tells one factor from the
    other's code (Berman et al. 2024, "Sequential disentanglement by extracting static information
    from a single sequence element"). Accuracies alone can't be compared between labels of nine
    and of ten classes; this can.

    Args:
        accuracies: The four accuracies.
        chance: Accuracy of the most frequent class, see `chance`.
        ceiling: Accuracy on each label that counts as 1. Unless given, what the right part of the
            same model reaches: 1 then says that the wrong part tells as much as the right one.
            To compare models, give all of them one ceiling, such as that of the true factors.

    Returns:
        Both leakages. Where the ceiling is less than 0.02 above chance it counts as 0.02 above,
        so that noise isn't divided by noise.
    """
    if ceiling is None:
        ceiling = LabelAccuracies(accuracies.static_static, accuracies.temporal_temporal)
    return Leakage(
        _share(accuracies.static_temporal, chance.temporal, ceiling.temporal),
        _share(accuracies.temporal_static, chance.static, ceiling.static),
    )


def chance(test: Codes) -> LabelAccuracies:
    """What is right without any features: the share of the most frequent class.

    Args:
        test: The codes scored on.

    Returns:
        The share of the test frames that have the most frequent label.
    """
    labels = (test.told_from((), label)[1] for label in LabelAccuracies._fields)
    return LabelAccuracies(*map(most_frequent, labels))


def most_frequent(labels: Int[np.ndarray, "examples"]) -> float:
    """The share of the most frequent class."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _share(accuracy: float, chance: float, ceiling: float) -> float:
    return float(np.clip((accuracy - chance) / max(ceiling - chance, LEAST_RANGE), 0, 1))
