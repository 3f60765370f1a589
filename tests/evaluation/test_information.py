"""Mutual information, its gap and modularity against scikit-learn, hand-worked values, extremes."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Codes
from pyro_factor.evaluation.factors import check_factors, factor_labels
from pyro_factor.evaluation.information import mig, modularity, mutual_information


@pytest.fixture
def labels():
    """Every pair of 4 static and 5 temporal classes equally often: independent exactly."""
    static, temporal = (part.ravel() for part in np.indices((4, 5)))
    return np.tile(np.stack([static, temporal], -1), (30, 1))


def noise(labels, columns):
    return np.random.default_rng(0).normal(size=(len(labels), columns))


def test_labels_side_by_side():
    codes = Codes(np.zeros((2, 1)), np.array([3, 4]), np.array([5, 6]))
    np.testing.assert_array_equal(factor_labels(codes), [[3, 5], [4, 6]])


def test_mutual_information_is_scikit_learns(labels):
    features = noise(labels, 3) + labels[:, [0, 1, 1]] * [0.3, 1, 0]
    found = mutual_information(features, labels)
    for i, column in enumerate(features.T):
        bins = np.digitize(column, np.histogram(column, 20)[1][:-1])
        for j, factor in enumerate(labels.T):
            assert found[i, j] == pytest.approx(mutual_info_score(bins, factor), abs=1e-12)


def test_mutual_information_by_hand():
    """Bins halve four frames as the first factor does, and have nothing of the second."""
    features = np.array([[0.0, 0], [0.1, 1], [9.9, 1], [10, 0]])
    labels = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    coarse = mutual_information(features, labels, num_bins=2)
    np.testing.assert_allclose(coarse, [[np.log(2), 0], [0, 0]], atol=1e-12)


def test_perfect_codes(labels):
    codes = labels.astype(float)
    assert mig(codes, labels) == pytest.approx(1)
    assert modularity(codes, labels) == pytest.approx(1)


def test_useless_codes(labels):
    constant = np.ones((len(labels), 3))
    assert mig(constant, labels) == modularity(constant, labels) == 0
    many = np.tile(labels, (40, 1))
    assert mig(noise(many, 4), many) == pytest.approx(0, abs=0.003)
    assert modularity(noise(many, 4), many) < 0.7


def test_duplicated_codes_have_no_gap_and_are_modular(labels):
    codes = labels[:, [0, 0, 1, 1]].astype(float)
    assert mig(codes, labels) == 0
    assert modularity(codes, labels) == pytest.approx(1)
    one = labels[:, [0, 1, 1]].astype(float)
    assert mig(one, labels) == pytest.approx(0.5)
    assert mig(one, labels[:, [0]]) == pytest.approx(1)


def test_gap_by_hand(labels):
    """The second column tells whether the first factor is below 2: log 2 of log 4."""
    codes = np.stack([labels[:, 0], labels[:, 0] // 2, labels[:, 1]], -1).astype(float)
    assert mig(codes, labels) == pytest.approx((0.5 + 1) / 2)


def test_entropy_of_unequal_classes_divides_the_gap():
    factor = np.repeat([0, 1, 2], [70, 20, 10])[:, None]
    codes = np.hstack([factor > 0, 0 * factor]).astype(float)
    expected = entropy([0.7, 0.3]) / entropy([0.7, 0.2, 0.1])
    assert mig(codes, factor) == pytest.approx(expected)


def test_modularity_by_hand(labels):
    """A column that names the pair of labels: I = log 4 and log 5. Another that names one."""
    mixed = 5 * labels[:, 0] + labels[:, 1]
    codes = np.stack([mixed, labels[:, 1], 0 * mixed], -1).astype(float)
    expected = (1 - (np.log(4) / np.log(5)) ** 2 + 1 + 0) / 3
    assert modularity(codes, labels) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [mig, modularity])
def test_order_scale_shift_and_names_of_classes_do_not_matter(labels, metric):
    codes = noise(labels, 4) + labels[:, [0, 1, 0, 1]] * [2, 1, 0.5, 0]
    expected = metric(codes, labels)
    assert 0.05 < expected < 0.95
    assert metric(codes[:, [2, 0, 3, 1]], labels) == pytest.approx(expected)
    assert metric(codes * [1e-6, 3, -2, 1e4] + [0, 5, -7, 1], labels) == pytest.approx(expected)
    assert metric(codes, labels[:, ::-1] * 7 - 3) == pytest.approx(expected)


def test_shuffled_labels_are_useless(labels):
    many = np.tile(labels, (40, 1))
    shuffled = np.random.default_rng(1).permutation(many)
    assert mig(many.astype(float), shuffled) < 0.01


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named(labels):
    codes = labels.astype(float)
    broken = codes.copy()
    broken[3, 1] = np.nan
    cases = [
        (codes[:, :1], labels, r"features: got \(600, 1\).*2 features or more"),
        (broken, labels, r"features: got \[1\].*not finite"),
        (codes[:5], labels, r"frames: got \(5, 600\)"),
        (codes[:0], labels[:0], r"frames: got \(0, 0\)"),
        (codes, labels * [1, 0], r"labels: got \[1\].*draw more clips"),
        (codes, labels[:, 0], r"labels: got \(600,\).*1 factors or more"),
    ]
    for features, factors, message in cases:
        with pytest.raises(InputError, match=message):
            mig(features, factors)
        with pytest.raises(InputError):
            modularity(features, factors)
    with pytest.raises(InputError, match="2 factors or more"):
        modularity(codes, labels[:, :1])
    check_factors(codes, labels)
