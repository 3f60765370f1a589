"""SAP: separated attribute predictability, from classifiers that see one column each."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ..errors import require
from .classifiers import accuracy
from .factors import check_parts

Judge = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], float]


def threshold_accuracy(
    train_column: Float[np.ndarray, "train 1"],
    train_labels: Int[np.ndarray, "train"],
    test_column: Float[np.ndarray, "test 1"],
    test_labels: Int[np.ndarray, "test"],
) -> float:
    """Balanced accuracy of thresholds on one column, one fewer than there are classes.

    Args:
        train_column: The column to set thresholds on.
        train_labels: Its labels.
        test_column: The column to score on.
        test_labels: Its labels.

    Returns:
        Accuracy on the test frames, averaged over the classes among them, in [0, 1]. Thresholds
        are set one after the other, each where it helps most (a tree of as many leaves as there
        are classes, which weigh alike).
    """
    from sklearn.tree import DecisionTreeClassifier

    leaves = len(np.unique(train_labels))
    tree = DecisionTreeClassifier(max_leaf_nodes=leaves, class_weight="balanced", random_state=0)
    right = tree.fit(train_column, train_labels).predict(test_column) == test_labels
    return float(np.mean([right[test_labels == label].mean() for label in np.unique(test_labels)]))


JUDGES: dict[str, Judge] = {"linear": accuracy, "thresholds": threshold_accuracy}


def sap(
    train_features: Float[np.ndarray, "train features"],
    train_labels: Int[np.ndarray, "train factors"],
    test_features: Float[np.ndarray, "test features"],
    test_labels: Int[np.ndarray, "test factors"],
    *,
    classifier: str = "linear",
) -> float:
    """Separated attribute predictability: is one column by far the best to tell each factor?

    For each factor, the test accuracy of the best column less that of the second best, each from
    a classifier that sees this column alone; averaged over factors.

    Args:
        train_features: Features to fit on, 2 columns at least.
        train_labels: Their labels, one column a factor.
        test_features: Features to score on.
        test_labels: Their labels.
        classifier: "linear", one linear SVM against the rest for each class, as in
            disentanglement_lib, on standardised columns; along one column it can't cut out a
            middle class, so a column that holds ten classes in order scores about 0.4. Or
            "thresholds", as the paper defines it, see `threshold_accuracy`; such a column
            scores 0.9, since the second best reaches chance.

    Returns:
        The gap in [0, 1]; the order of columns does not matter, nor do their scales and shifts.

    Raises:
        InputError: unknown classifier; see `check_parts`.

    Source: Kumar et al. 2018, "Variational inference of disentangled latent concepts from
    unlabeled observations", section 3.
    """
    require(classifier in JUDGES, "classifier", classifier, f"one of {list(JUDGES)}")
    check_parts(train_features, train_labels, test_features, test_labels)
    accuracies = [
        [
            JUDGES[classifier](train_features[:, [i]], train, test_features[:, [i]], test)
            for train, test in zip(train_labels.T, test_labels.T, strict=True)
        ]
        for i in range(train_features.shape[1])
    ]
    second, best = np.sort(accuracies, axis=0)[-2:]
    return float((best - second).mean())
