"""The D-score of eq. 19 against hand-worked values, scikit-learn and brute force."""

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from pyro_factor.errors import InputError
from pyro_factor.evaluation.classifiers import accuracy
from pyro_factor.evaluation.codes import Codes, Split, true_codes
from pyro_factor.evaluation.scores import Accuracies, search, split_accuracies


def labelled(frames, rng, digits=10):
    """Independent uniform digits and positions, with their cells."""
    static, position = rng.integers(digits, size=frames), rng.uniform(size=(frames, 2))
    row, column = np.minimum((3 * position).astype(int), 2).T
    return static, 3 * row + column, position


def truth(frames, seed):
    return true_codes(*labelled(frames, np.random.default_rng(seed)), num_classes=10)


def noisy(frames, seed, columns):
    """Codes whose columns are named: "s" tells the digit, "t" the row of the cell, "n" nothing."""
    rng = np.random.default_rng(seed)
    static, temporal, position = labelled(frames, rng, digits=3)
    told = {"s": static, "t": 3 * position[:, 0], "n": 0 * static}
    features = np.stack([told[name] + 0.3 * rng.normal(size=frames) for name in columns], -1)
    return Codes(features, static, temporal)


def test_eq_19_by_hand():
    # √( (0.8/0.2) · (0.9/0.1) ) = √36
    assert Accuracies(0.8, 0.2, 0.1, 0.9, 1000).d_score == pytest.approx(6)
    # Symmetric in the two factors; swapped factors give the inverse.
    assert Accuracies(0.9, 0.1, 0.2, 0.8, 1000).d_score == pytest.approx(6)
    assert Accuracies(0.1, 0.9, 0.8, 0.2, 1000).d_score == pytest.approx(1 / 6)


def test_a_denominator_of_zero_counts_as_one_frame():
    assert Accuracies(1.0, 0.0, 0.5, 0.5, 100).d_score == pytest.approx(sqrt(1 / (1 / 100)))
    assert Accuracies(0.0, 0.0, 0.5, 0.5, 100).d_score == 0


@pytest.mark.parametrize(
    ("name", "sklearn_model"), [("linear", LinearSVC(dual=False)), ("rbf", SVC())]
)
def test_accuracy_is_scikit_learns(name, sklearn_model):
    train, test = noisy(300, 0, "stn"), noisy(200, 1, "stn")
    scaler = StandardScaler().fit(train.features)
    sklearn_model.fit(scaler.transform(train.features), train.static)
    expected = np.mean(sklearn_model.predict(scaler.transform(test.features)) == test.static)
    found = accuracy(train.features, train.static, test.features, test.static, classifier=name)
    assert found == expected
    assert 0.5 < found < 1  # a value that a wrong classifier would miss


@pytest.mark.parametrize("classifier", ["linear", "rbf"])
def test_a_judge_leaves_numpys_random_state_and_names_what_is_not_finite(classifier):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(40, 2)), np.arange(40) % 2
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    accuracy(features, labels, features, labels, classifier=classifier)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    features[3] = np.nan
    with pytest.raises(
        InputError, match=r"features: got \[0, 1\]; these columns hold a number that is not"
    ):
        accuracy(features, labels, features, labels, classifier=classifier)


def test_rbf_sees_a_seeded_subsample_of_4000_frames():
    train, test = noisy(4_500, 0, "s"), noisy(1_000, 1, "s")
    chosen = np.random.default_rng(3).choice(4_500, 4_000, replace=False)
    data = (test.features, test.static)
    whole = accuracy(train.features, train.static, *data, classifier="rbf", seed=3)
    sub = accuracy(train.features[chosen], train.static[chosen], *data, classifier="rbf")
    other = accuracy(train.features, train.static, *data, classifier="rbf", seed=4)
    assert whole == sub
    assert other == pytest.approx(whole, abs=0.02)


def test_bad_input_is_named():
    codes = noisy(50, 0, "s")
    arrays = (codes.features, codes.static, codes.features, codes.static)
    with pytest.raises(InputError, match=r"classifier: got 'tree'.*linear.*rbf"):
        accuracy(*arrays, classifier="tree")
    with pytest.raises(InputError, match=r"labels: got \[0\]; draw more clips"):
        accuracy(codes.features, 0 * codes.static, codes.features, codes.static)
    with pytest.raises(InputError, match="features: got 1; a search"):
        search(codes, codes)


def test_ceiling_of_true_factors_at_uniform_labels():
    """Chance is 1/9 and 1/10; a line can't cut out a middle cell, the RBF SVM can.

    D² = 90 · Acc(Ht, yt), with 0.79 for the linear SVM and 0.98 for the RBF one. At 20,000
    independent test frames a chance accuracy has a relative standard error of 2%, so D has one of
    1.5%, or 0.13.
    """
    (train, split), (test, _) = truth(20_000, 0), truth(20_000, 1)
    linear = split_accuracies(train, test, split)
    assert linear.static_static == 1
    assert linear.temporal_temporal == pytest.approx(0.79, abs=0.03)
    assert linear.d_score == pytest.approx(sqrt(90 * 0.79), abs=0.4)


def test_rbf_ceiling_of_true_factors_at_uniform_labels():
    (train, split), (test, _) = truth(4_000, 0), truth(6_000, 1)
    rbf = split_accuracies(train, test, split, "rbf")
    assert rbf.static_static == 1
    assert rbf.temporal_temporal == pytest.approx(0.98, abs=0.015)
    assert rbf.d_score == pytest.approx(sqrt(90 * 0.98), abs=3 * 0.026 * 9.4)


def test_perfect_codes_reach_the_ceiling():
    (train, split), (test, _) = truth(3_000, 0), truth(3_000, 1)
    order = np.random.default_rng(0).permutation(12)
    places = np.argsort(order)
    moved = Split(places[split.static].tolist(), places[split.temporal].tolist())
    scaled = [
        Codes(5 - 3 * codes.features[:, order], codes.static, codes.temporal)
        for codes in (train, test)
    ]
    ceiling = split_accuracies(train, test, split)
    assert split_accuracies(*scaled, moved).d_score == pytest.approx(ceiling.d_score, rel=1e-3)


def test_swapped_codes_score_the_inverse_and_useless_codes_about_1():
    (train, split), (test, _) = truth(3_000, 0), truth(3_000, 1)
    right = split_accuracies(train, test, split)
    swapped = split_accuracies(train, test, Split(split.temporal, split.static))
    assert swapped.d_score == pytest.approx(1 / right.d_score)
    assert swapped.d_score < 0.2
    # Useless: accuracies are those of chance on both sides, so each ratio is undone by the other.
    rng = np.random.default_rng(2)
    noise = [
        Codes(rng.normal(size=(3_000, 4)), codes.static, codes.temporal) for codes in (train, test)
    ]
    assert split_accuracies(*noise, Split([0, 1], [2, 3])).d_score == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("columns", ["stst", "ttss", "tsst"])
def test_search_finds_a_planted_split(columns):
    split, hits = search(noisy(1_500, 0, columns), noisy(1_500, 1, columns))[0]
    planted = Split(*([j for j, name in enumerate(columns) if name == kind] for kind in ("s", "t")))
    assert split == planted
    assert hits.accuracies.d_score > 1.5


@pytest.mark.parametrize("columns", ["st", "nst", "tnsn"])
def test_search_against_brute_force(columns):
    train, test = noisy(400, 0, columns), noisy(300, 1, columns)
    everything = range(len(columns))
    candidates = {}
    for size in range(1, len(columns)):
        for static in combinations(everything, size):
            temporal = [j for j in everything if j not in static]
            scores = split_accuracies(train, test, Split(list(static), temporal))
            candidates[static] = scores
    assert len(candidates) == 2 ** len(columns) - 2
    ranked = search(train, test)
    assert len(ranked) == len(candidates)
    for split, hits in ranked:
        assert hits.accuracies == candidates[tuple(split.static)]
    scores = [hits.accuracies.d_score for _, hits in ranked]
    assert scores == sorted((one.d_score for one in candidates.values()), reverse=True)
