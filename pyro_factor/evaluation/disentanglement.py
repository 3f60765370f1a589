"""DCI: disentanglement, completeness and informativeness from the importances of a forest."""

from os import cpu_count
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .codes import Split
from .factors import check_parts

MAX_FRAMES = 5_000
TREES = 50
LEAST_LEAF = 0.005  # of the training frames


class Importance(NamedTuple):
    """Importance of each column for each factor, summing to 1, and the test accuracies."""

    matrix: Float[np.ndarray, "features factors"]
    accuracies: Float[np.ndarray, "factors"]


class Dci(NamedTuple):
    """The three scores, in [0, 1]: the higher the better."""

    disentanglement: float
    completeness: float
    informativeness: float


def dci(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train factors"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test factors"],
    *,
    seed: int = 0,
) -> Dci:
    """Disentanglement, completeness and informativeness.

    Args:
        train_features: Features to fit on, 2 columns at least.
        train_labels: Their labels, one column a factor, 2 factors at least.
        test_features: Features to score on.
        test_labels: Their labels.
        seed: Seed of the forests and of the frames they are fitted on.

    Returns:
        Disentanglement: whether each column serves one factor. Completeness: whether each factor
        is served by one column; a factor spread evenly over m of D columns reaches
        1 − log m / log D. Informativeness: test accuracy of the forests, averaged over factors.

    Raises:
        InputError: see `importance`.

    Source: Eastwood & Williams 2018, "A framework for the quantitative evaluation of disentangled
    representations", section 2.
    """
    found = importance(train_features, train_labels, test_features, test_labels, seed=seed)
    return Dci(
        disentanglement(found.matrix), completeness(found.matrix), float(found.accuracies.mean())
    )


def importance(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train factors"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test factors"],
    *,
    seed: int = 0,
) -> Importance:
    """How much each column serves to tell each factor, by one random forest a factor.

    Eastwood & Williams use random forests, and so do we: 50 trees on at most 5,000 frames, drawn
    at random, in about a second; the boosted trees of disentanglement_lib, which fit one tree a
    class, took a minute on 19,200 frames. Importance is the mean decrease of impurity. Two
    choices keep it from columns of noise: each split may look at every column, and a leaf holds
    0.5% of the frames, which is more than a clip has among 5,000 frames of 1,200 clips, so that a
    tree can't learn clips by heart.

    Args:
        train_features: Features to fit on, 2 columns at least.
        train_labels: Their labels, one column a factor, 2 factors at least.
        test_features: Features to score on.
        test_labels: Their labels.
        seed: Seed of the forests and of the frames they are fitted on.

    Returns:
        The importances, which sum to 1 over columns (to 0 where a forest finds no split), and the
        forests' test accuracies.

    Raises:
        InputError: see `check_parts`.
    """
    from sklearn.ensemble import RandomForestClassifier

    check_parts(train_features, train_labels, test_features, test_labels, least_factors=2)
    rng = np.random.default_rng(seed)
    frames = min(MAX_FRAMES, len(train_labels))
    chosen = rng.choice(len(train_labels), frames, replace=False)
    columns, accuracies = [], []
    for train, test in zip(train_labels[chosen].T, test_labels.T, strict=True):
        forest = RandomForestClassifier(
            TREES,
            max_features=None,
            min_samples_leaf=LEAST_LEAF,
            n_jobs=cpu_count(),
            random_state=seed,
        ).fit(train_features[chosen], train)
        columns.append(forest.feature_importances_)
        forest.set_params(n_jobs=1)  # votes are added up in one order
        accuracies.append(forest.score(test_features, test))
    return Importance(np.stack(columns, -1), np.array(accuracies))


def disentanglement(matrix: Float[np.ndarray, "features factors"]) -> float:
    """Whether each column serves one factor: Σ_i ρ_i (1 − H_K(P_i)), ρ_i the column's share.

    Args:
        matrix: Importance of each column, or part of the columns, for each factor.

    Returns:
        In [0, 1], 0 if nothing is important.
    """
    return _concentration(matrix)


def completeness(matrix: Float[np.ndarray, "features factors"]) -> float:
    """Whether each factor is served by one column: Σ_j (1 − H_D(P_j)), weighted by importance.

    Args:
        matrix: Importance of each column, or part of the columns, for each factor.

    Returns:
        In [0, 1], 0 if nothing is important.
    """
    return _concentration(matrix.T)


def by_part(
    matrix: Float[np.ndarray, "features factors"], split: Split
) -> Float[np.ndarray, "2 factors"]:
    """Importance of the static and of the temporal part: the sums over their columns.

    A factored prior says which factor a column belongs to, not that one column is enough. Scored
    by part, a digit held by two static columns is as good as by one.

    Args:
        matrix: Importance of each column for each factor.
        split: Columns of the static and of the temporal part.

    Returns:
        Importance of each part for each factor.
    """
    return np.stack([matrix[list(part)].sum(0) for part in split])


def _concentration(matrix: Float[np.ndarray, "rows columns"]) -> float:
    """1 − H(row)/log(columns), H the entropy of the row's shares, averaged by the rows' sums."""
    from scipy.special import xlogy

    weight = matrix.sum(1, keepdims=True)
    if not weight.sum() > 0:
        return 0.0
    shares = matrix / np.where(weight > 0, weight, 1)
    score = 1 + xlogy(shares, shares).sum(1) / np.log(matrix.shape[1])
    return float(np.clip(score @ weight[:, 0] / weight.sum(), 0, 1))
