"""SAP on planted codes, against hand-worked gaps and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from pyro_factor.errors import InputError
from pyro_factor.evaluation.sap import sap, threshold_accuracy

BOTH = pytest.mark.parametrize("classifier", ["linear", "thresholds"])


def part(make, frames=1_000, seed=0, classes=(2, 2)):
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(count, size=frames) for count in classes], -1)
    return make(labels.astype(float), rng.normal(size=(frames, 4))), labels


def scored(make, classifier="linear", classes=(2, 2)):
    parts = (part(make, classes=classes), part(make, seed=1, classes=classes))
    return sap(*parts[0], *parts[1], classifier=classifier)


@BOTH
def test_perfect_codes_of_two_classes_gain_all_but_chance(classifier):
    assert scored(lambda y, _: y, classifier) == pytest.approx(0.5, abs=0.04)
    among_noise = scored(lambda y, e: np.hstack([y, e]), classifier)
    assert among_noise == pytest.approx(0.5, abs=0.06)


def test_ten_classes_along_one_column():
    """Thresholds cut out every class, a linear SVM only those at the ends."""
    assert scored(lambda y, _: y, "thresholds", (10, 10)) == pytest.approx(0.9, abs=0.04)
    assert 0.2 < scored(lambda y, _: y, "linear", (10, 10)) < 0.6


@BOTH
def test_useless_and_shuffled_codes(classifier):
    assert scored(lambda _, e: e, classifier) < 0.05
    assert scored(lambda y, _: 0 * y, classifier) == 0
    rng = np.random.default_rng(2)
    shuffled = [(x, rng.permutation(y)) for x, y in (part(lambda y, _: y, seed=s) for s in (0, 1))]
    assert sap(*shuffled[0], *shuffled[1], classifier=classifier) < 0.08


@BOTH
def test_duplicated_codes_have_no_gap(classifier):
    assert scored(lambda y, _: y[:, [0, 0, 1, 1]], classifier) == 0
    assert scored(lambda y, _: y[:, [0, 1, 1]], classifier) == pytest.approx(0.25, abs=0.03)


@BOTH
def test_order_scale_and_shift_do_not_matter(classifier):
    def noisy(y, e):
        return y[:, [0, 1, 0, 1]] + e * [0.4, 0.6, 1, 2]

    expected = scored(noisy, classifier)
    assert 0.1 < expected < 0.4
    assert scored(lambda y, e: noisy(y, e)[:, [2, 0, 3, 1]], classifier) == expected
    moved = scored(lambda y, e: 3 - noisy(y, e) * [4, 0.25, 64, 1], classifier)
    assert moved == pytest.approx(expected, abs=0.003)


def test_linear_by_scikit_learn():
    """Accuracies of every column for every factor, without our pipeline."""
    (x, y), (unseen, z) = (
        part(lambda y, e: y[:, [0, 1, 1]] + e[:, :3], 300, seed, (3, 4)) for seed in (0, 1)
    )
    scaler, svm = StandardScaler().fit(x), LinearSVC(dual=False)
    table = np.array(
        [
            [
                svm.fit(scaler.transform(x)[:, [i]], y[:, j]).score(
                    scaler.transform(unseen)[:, [i]], z[:, j]
                )
                for j in range(2)
            ]
            for i in range(3)
        ]
    )
    gaps = [np.diff(np.sort(column)[-2:])[0] for column in table.T]
    assert sap(x, y, unseen, z) == pytest.approx(np.mean(gaps))
    assert np.mean(gaps) > 0.01


def test_thresholds_by_hand():
    """One threshold between 2 and 3: all four of class 0 are right, and one of two of class 1."""
    train, labels = np.array([[0.0], [1], [2], [3], [4]]), np.array([0, 0, 0, 1, 1])
    test, told = np.array([[0.0], [1], [2], [2.4], [2.4], [9]]), np.array([0, 0, 0, 0, 1, 1])
    assert threshold_accuracy(train, labels, test, told) == pytest.approx((1 + 0.5) / 2)
    assert balanced_accuracy_score(told, [0, 0, 0, 0, 0, 1]) == pytest.approx(0.75)


def test_a_rare_class_weighs_as_much_as_others():
    column, labels = np.arange(100.0)[:, None], np.repeat([0, 1], [97, 3])
    assert threshold_accuracy(column, labels, column, labels) == 1
    constant = np.zeros((100, 1))
    assert threshold_accuracy(constant, labels, constant, labels) == 0.5


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named():
    train, test = part(lambda y, _: y, 50), part(lambda y, e: np.hstack([y, e]), 40, seed=1)
    with pytest.raises(InputError, match=r"classifier: got 'rbf'.*linear.*thresholds"):
        sap(*train, *train, classifier="rbf")
    with pytest.raises(InputError, match=r"test: got \(6, 2\); give \(2, 2\) features"):
        sap(*train, *test)
    with pytest.raises(InputError, match=r"features: got \(50, 1\)"):
        sap(train[0][:, :1], train[1], *train)
    with pytest.raises(InputError, match=r"labels: got \[0, 1\].*draw more clips"):
        sap(*train, train[0], 0 * train[1])
