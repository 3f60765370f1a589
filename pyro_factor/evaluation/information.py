"""Metrics from the mutual information of single columns with the factors: MIG and modularity.

Mutual information is that of counts: each column is cut into 20 bins of equal width over its
range, as in disentanglement_lib (Locatello et al. 2019, appendix D). Counts of few frames
overstate it, by about (bins − 1)(classes − 1)/(2 · frames) nats where frames are independent; a
column or label that is constant within its clips has as many independent draws as there are clips.
"""

import numpy as np
from jaxtyping import Float, Int

from .factors import check_factors

NUM_BINS = 20
NOTHING = 1e-9  # nats; below is rounding


def mutual_information(
    features: Float[np.ndarray, "frames features"],
    labels: Int[np.ndarray, "frames factors"],
    num_bins: int = NUM_BINS,
) -> Float[np.ndarray, "features factors"]:
    """I(column; factor) of each binned column with each factor.

    Args:
        features: Features of each frame.
        labels: Labels of each frame, one column a factor.
        num_bins: Number of bins of equal width over a column's range.

    Returns:
        Mutual information in nats, 0 for a column that is constant.

    Raises:
        InputError: see `check_factors`.
    """
    check_factors(features, labels)
    classes = [np.unique(column, return_inverse=True)[1] for column in labels.T]
    return np.array(
        [
            [_of_joint(_joint(bins, classes_of_factor)) for classes_of_factor in classes]
            for bins in _bins(features, num_bins).T
        ]
    )


def mig(
    features: Float[np.ndarray, "frames features"],
    labels: Int[np.ndarray, "frames factors"],
) -> float:
    """Mutual information gap: does one column alone tell each factor?

    For each factor, the information of the best column less that of the second best, over the
    factor's entropy; averaged over factors. It is 1 where one column tells the factor and no
    other does, and 0 where a second column tells it as well: a factor that has to be spread over
    columns, such as a position in the plane, scores about 0. One factor alone: `labels[:, [j]]`.

    Args:
        features: Features of each frame, 2 columns at least.
        labels: Labels of each frame, one column a factor.

    Returns:
        The gap in [0, 1]; the order of columns does not matter, nor do their scales and shifts.

    Raises:
        InputError: see `check_factors`.

    Source: Chen et al. 2018, "Isolating sources of disentanglement in variational autoencoders",
    section 4.1, with bins as in disentanglement_lib.
    """
    second, best = np.sort(mutual_information(features, labels), axis=0)[-2:]
    entropy = np.array([_entropy(np.unique(y, return_counts=True)[1]) for y in labels.T])
    return float(np.clip((best - second) / entropy, 0, 1).mean())


def modularity(
    features: Float[np.ndarray, "frames features"],
    labels: Int[np.ndarray, "frames factors"],
) -> float:
    """Does each column tell one factor alone?

    For each column, 1 − Σ I² over all factors but the best / (I² of the best · (factors − 1));
    averaged over columns, a column that tells nothing counting 0. Every column counts alike, so
    columns of noise pull the average to about 0.2, where the overstated information of both
    labels is of one size.

    Args:
        features: Features of each frame, 2 columns at least.
        labels: Labels of each frame, one column a factor, 2 factors at least.

    Returns:
        Modularity in [0, 1]; the order of columns does not matter, nor do their scales and shifts.

    Raises:
        InputError: see `check_factors`.

    Source: Ridgeway & Mozer 2018, "Learning deep disentangled embeddings with the F-statistic
    loss", section 3.
    """
    check_factors(features, labels, least_factors=2)
    squared = mutual_information(features, labels) ** 2
    best = squared.max(1)
    told = best > NOTHING**2
    others = (squared.sum(1) - best)[told] / (best[told] * (labels.shape[1] - 1))
    return float(np.clip(1 - others, 0, 1).sum() / len(best))


def _bins(
    features: Float[np.ndarray, "frames features"], num_bins: int
) -> Int[np.ndarray, "frames features"]:
    """The bin of each entry, from 0; all of a constant column lies in bin 0."""
    shifted = features - features.min(0)
    width = shifted.max(0)
    unit = shifted / np.where(width > 0, width, 1)
    return np.minimum((num_bins * unit).astype(int), num_bins - 1)


def _joint(
    bins: Int[np.ndarray, "frames"], classes: Int[np.ndarray, "frames"]
) -> Float[np.ndarray, "bins classes"]:
    """How often each pair of bin and class occurs, as a fraction of the frames."""
    num_classes = classes.max() + 1
    counts = np.bincount(num_classes * bins + classes, minlength=num_classes * (bins.max() + 1))
    return counts.reshape(-1, num_classes) / len(bins)


def _of_joint(joint: Float[np.ndarray, "bins classes"]) -> float:
    """Σ p(a, b) log( p(a, b) / (p(a) p(b)) )."""
    product = joint.sum(1, keepdims=True) * joint.sum(0)
    seen = joint > 0
    return max(0.0, float((joint[seen] * np.log(joint[seen] / product[seen])).sum()))


def _entropy(counts: Int[np.ndarray, "classes"]) -> float:
    """−Σ p log p, in nats."""
    p = counts / counts.sum()
    return float(-(p * np.log(p)).sum())
