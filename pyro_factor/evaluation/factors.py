"""Labels of several factors side by side, and what every metric asks of features and labels."""

import numpy as np
from jaxtyping import Float, Int

from ..errors import require
from .codes import Codes


def factor_labels(codes: Codes) -> Int[np.ndarray, "frames 2"]:
    """The static and the temporal label of each frame, as two columns."""
    return np.stack([codes.static, codes.temporal], -1)


def check_finite(features: Float[np.ndarray, "frames features"]) -> None:
    """Raise `InputError` unless every feature is finite; the columns of others are named."""
    broken = np.flatnonzero(~np.isfinite(features).all(0)).tolist()
    require(not broken, "features", broken, "these columns hold a number that is not finite")


def check_factors(
    features: Float[np.ndarray, "frames features"],
    labels: Int[np.ndarray, "frames factors"],
    *,
    least_factors: int = 1,
) -> None:
    """What the metrics of single columns ask for.

    Args:
        features: Features of each frame, two columns at least, so that there is a second best.
        labels: Labels of each frame, one column a factor, each of two classes at least.
        least_factors: How many factors the metric needs.

    Raises:
        InputError: one of these does not hold, or a feature is not finite.
    """
    require(
        features.ndim == 2 and features.shape[1] > 1,
        "features",
        features.shape,
        "give frames × features, with 2 features or more",
    )
    require(
        labels.ndim == 2 and labels.shape[1] >= least_factors,
        "labels",
        labels.shape,
        f"give frames × factors, with {least_factors} factors or more",
    )
    counts = (len(features), len(labels))
    require(counts[0] == counts[1] > 0, "frames", counts, "give each frame its features and labels")
    check_finite(features)
    single = [j for j, column in enumerate(labels.T) if len(np.unique(column)) < 2]
    require(not single, "labels", single, "these factors show one class only; draw more clips")


def check_parts(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train factors"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test factors"],
    *,
    least_factors: int = 1,
) -> None:
    """What a metric asks for that is fitted on one part and scored on another.

    Args:
        train_features: Features to fit on.
        train_labels: Their labels, one column a factor.
        test_features: Features to score on.
        test_labels: Their labels.
        least_factors: How many factors the metric needs.

    Raises:
        InputError: see `check_factors`; the parts differ in the number of features or factors.
    """
    check_factors(train_features, train_labels, least_factors=least_factors)
    check_factors(test_features, test_labels, least_factors=least_factors)
    fitted = (train_features.shape[1], train_labels.shape[1])
    given = (test_features.shape[1], test_labels.shape[1])
    require(given == fitted, "test", given, f"give {fitted} features and factors, as in training")
