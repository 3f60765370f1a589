"""The two support vector machines that judge features, each on standardised features."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..errors import require
from .factors import check_finite


def _linear() -> Any:
    """The paper's text: a linear L2 SVM, one against the rest."""
    from sklearn.svm import LinearSVC

    return LinearSVC(dual=False, random_state=0)  # else NumPy's own state is drawn from


def _rbf() -> Any:
    """The authors' released code: scikit-learn's `SVC()`, which has a Gaussian kernel."""
    from sklearn.svm import SVC

    return SVC(random_state=0)


class Classifier(NamedTuple):
    """A way to build a classifier, and how many training frames it can digest."""

    build: Callable[[], Any]
    max_frames: float


CLASSIFIERS = {"linear": Classifier(_linear, np.inf), "rbf": Classifier(_rbf, 4_000)}


def accuracy(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test"],
    *,
    classifier: str = "linear",
    seed: int = 0,
) -> float:
    """Fit a classifier on training frames and score it on test frames: Acc(S, y) of eq. 19.

    Args:
        train_features: Features to fit on.
        train_labels: Their labels, of two classes at least.
        test_features: Features to score on.
        test_labels: Their labels.
        classifier: "linear" or "rbf", see `correct`.
        seed: Seed of the subsample.

    Returns:
        Fraction of the test frames classified correctly, in [0, 1].

    Raises:
        InputError: unknown classifier, or training labels of a single class.
    """
    given = (train_features, train_labels, test_features, test_labels)
    return float(correct(*given, classifier=classifier, seed=seed).mean())


def correct(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test"],
    *,
    classifier: str = "linear",
    seed: int = 0,
) -> Bool[np.ndarray, "test"]:
    """Fit a classifier on training frames and say which test frames it gets right.

    Args:
        train_features: Features to fit on.
        train_labels: Their labels, of two classes at least.
        test_features: Features to score on.
        test_labels: Their labels.
        classifier: "linear" (`LinearSVC(dual=False)`, the paper's text) or "rbf" (`SVC()`, the
            authors' released code; its cost is quadratic in the frames, so it is fitted on a
            random subsample of 4,000 training frames where there are more).
        seed: Seed of that subsample.

    Returns:
        Whether each test frame is classified correctly.

    Raises:
        InputError: unknown classifier, features that aren't finite, or training labels of a single
            class.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    require(classifier in CLASSIFIERS, "classifier", classifier, f"one of {list(CLASSIFIERS)}")
    build, max_frames = CLASSIFIERS[classifier]
    if len(train_labels) > max_frames:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(train_labels), int(max_frames), replace=False)
        train_features, train_labels = train_features[chosen], train_labels[chosen]
    check_finite(train_features)
    check_finite(test_features)
    classes = np.unique(train_labels)
    advice = "draw more clips, or take data that show two classes or more"
    require(len(classes) > 1, "labels", classes.tolist(), advice)
    model = make_pipeline(StandardScaler(), build()).fit(train_features, train_labels)
    right: np.ndarray = model.predict(test_features) == test_labels
    return right
