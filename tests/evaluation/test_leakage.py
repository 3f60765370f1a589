"""Cross leakage by hand, and on codes that keep factors apart, mix or swap them."""

from dataclasses import astuple

import numpy as np
import pytest

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Codes, Split
from pyro_factor.evaluation.leakage import Leakage, chance, cross_leakage, leakage
from pyro_factor.evaluation.scores import Accuracies, LabelAccuracies, split_accuracies

CHANCE = LabelAccuracies(0.1, 0.2)


def part(make, seed, frames=3_000):
    rng = np.random.default_rng(seed)
    static, temporal = rng.integers(3, size=(2, frames))
    features = make(np.eye(3)[static], np.eye(3)[temporal], rng.normal(size=(frames, 3)))
    return Codes(features, static, temporal)


def leaked(make, split, **options):
    return cross_leakage(part(make, 0), part(make, 1), split, **options)


HALVES = Split([0, 1, 2], [3, 4, 5])


def test_by_hand():
    """(0.6 − 0.2)/(1 − 0.2), and (0.28 − 0.1)/(0.7 − 0.1), where right parts reach 1 and 0.7."""
    accuracies = Accuracies(0.7, 0.6, 0.28, 1.0, 100)
    assert astuple(leakage(accuracies, CHANCE)) == pytest.approx((0.5, 0.3))
    given = leakage(accuracies, CHANCE, LabelAccuracies(0.46, 0.9))
    assert astuple(given) == pytest.approx((0.4 / 0.7, 0.5))


def test_cut_to_the_unit_interval():
    assert leakage(Accuracies(0.5, 0.1, 0.05, 0.5, 100), CHANCE) == Leakage(0.0, 0.0)
    assert leakage(Accuracies(0.2, 0.9, 0.9, 0.3, 100), CHANCE) == Leakage(1.0, 1.0)


def test_noise_is_not_divided_by_noise():
    """Right parts at or below chance: a point above chance counts as half of 0.02."""
    found = leakage(Accuracies(0.101, 0.21, 0.11, 0.19, 100), CHANCE)
    assert astuple(found) == pytest.approx((0.5, 0.5))
    assert leakage(Accuracies(0.1, 0.2, 0.1, 0.2, 100), CHANCE) == Leakage(0.0, 0.0)


def test_chance_is_the_most_frequent_class():
    codes = Codes(np.zeros((5, 1)), np.array([7, 7, 7, 2, 1]), np.array([0, 1, 0, 1, 2]))
    assert chance(codes) == LabelAccuracies(0.6, 0.4)


@pytest.mark.parametrize("classifier", ["linear", "rbf"])
def test_factors_apart_do_not_leak(classifier):
    found = leaked(lambda s, t, _: np.hstack([s, t]), HALVES, classifier=classifier)
    assert max(found.static_temporal, found.temporal_static) < 0.05


def test_duplicated_and_swapped_codes_leak_everything():
    duplicated = leaked(
        lambda s, t, _: np.hstack([s, t, s, t]), Split([*range(6)], [*range(6, 12)])
    )
    assert duplicated == Leakage(1.0, 1.0)
    swapped = leaked(lambda s, t, _: np.hstack([t, s]), HALVES)
    assert swapped == Leakage(1.0, 1.0)


def test_useless_codes_leak_nothing_of_a_given_ceiling():
    found = leaked(lambda s, _, e: np.hstack([e, 0 * s]), HALVES, ceiling=LabelAccuracies(1.0, 1.0))
    assert max(found.static_temporal, found.temporal_static) < 0.05


def test_one_way_and_in_part():
    """The temporal columns hold a blurred static label; the static ones hold nothing temporal."""
    found = leaked(lambda s, t, e: np.hstack([s, t, s + 0.8 * e]), Split([0, 1, 2], [*range(3, 9)]))
    assert found.static_temporal == pytest.approx(0, abs=0.05)
    assert 0.3 < found.temporal_static < 0.8


def test_from_accuracies_known_already():
    train, test = (part(lambda s, t, e: np.hstack([s + e, t + s]), seed) for seed in (0, 1))
    known = split_accuracies(train, test, HALVES)
    assert cross_leakage(train, test, HALVES) == leakage(known, chance(test))


def test_order_and_scale_of_columns_do_not_matter():
    def blurred(s, t, e):
        return np.hstack([s + e, t + 0.5 * s + 0.5 * e])

    order, scale = [4, 2, 0, 5, 1, 3], np.array([1, 4, 0.25, 8, 2, 64])
    places = np.argsort(order)
    moved = Split(*(places[columns].tolist() for columns in HALVES))
    expected = leaked(blurred, HALVES)
    found = leaked(lambda s, t, e: (1 - scale * blurred(s, t, e))[:, order], moved)
    assert astuple(found) == pytest.approx(astuple(expected), abs=0.005)
    assert expected.temporal_static > 0.1


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"split: got .*a column or more"):
        leaked(lambda s, t, _: np.hstack([s, t]), Split([0], []))
    with pytest.raises(InputError, match="classifier: got 'tree'"):
        leaked(lambda s, t, _: np.hstack([s, t]), HALVES, classifier="tree")
