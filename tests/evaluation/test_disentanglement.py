"""DCI on planted codes, and its scores against hand-worked importances."""

import numpy as np
import pytest
from scipy.stats import entropy

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Split
from pyro_factor.evaluation.disentanglement import (
    by_part,
    completeness,
    dci,
    disentanglement,
    importance,
)


def part(make, frames=1_000, seed=0):
    """Features made of independent labels of 4 and 5 classes and of noise, with the labels."""
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(4, size=frames), rng.integers(5, size=frames)], -1)
    return make(labels.astype(float), rng.normal(size=(frames, 4))), labels


def scored(make, **options):
    return dci(*part(make), *part(make, seed=1), **options)


def test_perfect_codes_even_among_noise():
    assert scored(lambda y, _: y) == pytest.approx((1, 1, 1))
    assert scored(lambda y, e: np.hstack([y, e])) == pytest.approx((1, 1, 1), abs=0.02)


def test_useless_codes():
    found = scored(lambda _, e: e)
    assert found.disentanglement < 0.02
    assert found.completeness < 0.02
    # chance is 1/4 and 1/5
    assert found.informativeness == pytest.approx(0.225, abs=0.03)
    assert scored(lambda y, _: 0 * y) == pytest.approx((0, 0, 0.225), abs=0.03)


def test_duplicated_codes_are_disentangled_and_half_complete():
    """Two columns each of four: 1 − log 2 / log 4."""
    assert scored(lambda y, _: y[:, [0, 0, 1, 1]]) == pytest.approx((1, 0.5, 1), abs=0.02)


def test_one_column_for_both_factors_is_complete_and_entangled():
    def mixed(y, _):
        return np.stack([5 * y[:, 0] + y[:, 1], 0 * y[:, 0]], -1)

    found = scored(mixed)
    assert found.disentanglement == pytest.approx(0, abs=0.01)
    assert found.completeness == pytest.approx(1)
    assert found.informativeness > 0.95


def test_shuffled_labels_leave_chance():
    features, labels = part(lambda y, _: y)
    shuffled = np.random.default_rng(2).permutation(labels)
    assert dci(features, shuffled, *part(lambda y, _: y, seed=1)).informativeness < 0.3


def test_order_and_scale_of_columns_do_not_matter():
    def noisy(y, e):
        return y[:, [0, 1, 0, 1]] + e * [0.2, 0.4, 1, 2]

    expected = scored(noisy)
    assert 0.2 < expected.completeness < 0.9
    moved = scored(lambda y, e: noisy(y, e)[:, [2, 0, 3, 1]])
    scaled = scored(lambda y, e: 5 - noisy(y, e) * [8, 0.25, 2, 16])
    assert moved == pytest.approx(expected, abs=0.02)
    assert scaled == pytest.approx(expected, abs=0.02)


def test_a_seed_fixes_everything_beyond_5000_frames():
    noisy = part(lambda y, e: y + e[:, :2], frames=6_000)
    test = part(lambda y, e: y + e[:, :2], seed=1)
    found = dci(*noisy, *test, seed=3)
    assert found == dci(*noisy, *test, seed=3)
    other = dci(*noisy, *test, seed=4)
    assert found != other
    assert found == pytest.approx(other, abs=0.03)


def test_importances_sum_to_one_over_columns():
    noisy = [part(lambda y, e: np.hstack([y, e]), seed=seed) for seed in (0, 1)]
    matrix, accuracies = importance(*noisy[0], *noisy[1])
    np.testing.assert_allclose(matrix.sum(0), 1)
    assert accuracies.shape == (2,)


def test_scores_by_hand():
    """Rows share 1:0 and 0.2:0.8 and weigh 3:5; columns share 0.75:0.25 and 0:1."""
    matrix = np.array([[0.75, 0], [0.25, 1]])
    rows = 1, 1 - entropy([0.2, 0.8], base=2)
    columns = 1 - entropy([0.75, 0.25], base=2), 1
    assert disentanglement(matrix) == pytest.approx((3 * rows[0] + 5 * rows[1]) / 8)
    assert completeness(matrix) == pytest.approx(sum(columns) / 2)
    assert disentanglement(np.eye(3)) == completeness(np.eye(3)) == 1
    even, nothing = np.full((4, 2), 0.25), np.zeros((4, 2))
    assert disentanglement(even) == completeness(even) == pytest.approx(0)
    assert disentanglement(nothing) == completeness(nothing) == 0
    # a dead column has no weight
    assert disentanglement(np.array([[1.0, 0], [0, 1], [0, 0]])) == 1


def test_parts_by_hand():
    matrix = np.array([[0.5, 0], [0, 0.3], [0.5, 0], [0, 0.7]])
    np.testing.assert_allclose(by_part(matrix, Split([0, 2], [1, 3])), np.eye(2))
    np.testing.assert_allclose(by_part(matrix, Split([0, 1], [2, 3])), [[0.5, 0.3], [0.5, 0.7]])


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named():
    train, test = part(lambda y, _: y, 50), part(lambda y, e: np.hstack([y, e]), 40, seed=1)
    with pytest.raises(InputError, match=r"test: got \(6, 2\); give \(2, 2\) features"):
        dci(*train, *test)
    with pytest.raises(InputError, match=r"labels: got \(50, 1\).*2 factors or more"):
        dci(train[0], train[1][:, :1], *train)
    with pytest.raises(InputError, match=r"labels: got \[0, 1\].*draw more clips"):
        dci(train[0], 0 * train[1], *train)
    with pytest.raises(InputError, match=r"features: got \[0, 1\].*not finite"):
        dci(*train, train[0] + np.inf, train[1])
