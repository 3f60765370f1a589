"""The order of three frames, against a slow count, and at codes that tell it or don't."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Codes, Split
from pyro_factor.evaluation.order import in_order
from pyro_factor.evaluation.scores import split_accuracies

TURN = 31


def turning(clips, num_frames, generator):
    """Chairs that turn either way: one-hot identity, then sine and cosine of the azimuth."""
    chair = generator.integers(4, size=clips)
    start, way = generator.integers(TURN, size=clips), generator.choice([-1, 1], size=clips)
    azimuth = (start[:, None] + way[:, None] * np.arange(num_frames)).ravel() % TURN
    angle = 2 * np.pi * azimuth / TURN
    static = chair.repeat(num_frames)
    features = np.hstack([np.eye(4)[static], np.sin(angle)[:, None], np.cos(angle)[:, None]])
    return Codes(features, static, (8 * azimuth // TURN).astype(int))


@given(st.integers(1, 6), st.integers(5, 20), st.integers(0, 9))
def test_an_example_is_in_order_if_its_frames_rise_or_fall(clips, num_frames, seed):
    codes = turning(clips, num_frames, np.random.default_rng(seed))
    rows, labels = in_order(codes, num_frames, seed=seed).triples
    assert len(rows) == clips * (num_frames - 4)
    for frames, label in zip(rows.tolist(), labels.tolist(), strict=True):
        first = min(frames)
        assert sorted(frames) == [first, first + 2, first + 4]
        assert first // num_frames == max(frames) // num_frames
        assert label == (frames in (sorted(frames), sorted(frames)[::-1]))
    # each start once a clip, and as many in order as not
    assert len({tuple(sorted(frames)) for frames in rows.tolist()}) == len(rows)
    per_clip = labels.reshape(clips, -1).sum(1)
    assert np.abs(2 * per_clip - (num_frames - 4)).max() <= 1 + (num_frames - 4) % 4 // 2


def test_a_seed_fixes_the_arrangements():
    codes = turning(3, 16, np.random.default_rng(0))
    first, again, other = (in_order(codes, 16, seed=seed).triples.rows for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_part_is_judged_by_its_columns_of_the_three_frames():
    codes = in_order(turning(2, 16, np.random.default_rng(0)), 16)
    features, labels = codes.told_from([4, 5], "temporal")
    rows = codes.triples.rows
    by_hand = [
        [codes.features[row, column] for row in three for column in (4, 5)] for three in rows
    ]
    assert np.array_equal(features, by_hand)
    assert np.array_equal(labels, codes.triples.labels)
    assert codes.told_from([0], "static")[0].shape == (32, 1)


def test_the_order_is_quadratic_in_the_angle():
    generator = np.random.default_rng(0)
    train, test = (in_order(turning(300, 16, generator), 16, seed=seed) for seed in (0, 1))
    split = Split([0, 1, 2, 3], [4, 5])
    linear, rbf = (split_accuracies(train, test, split, name) for name in ("linear", "rbf"))
    assert linear.static_static == rbf.static_static == 1
    # no hyperplane tells it, and an identity that stays tells nothing
    assert linear.temporal_temporal == pytest.approx(0.5, abs=0.06)
    assert rbf.temporal_temporal > 0.95
    assert rbf.static_temporal == pytest.approx(0.5, abs=0.06)


def test_short_clips_are_refused():
    with pytest.raises(InputError, match="num_frames: got 4; the order of frames is asked"):
        in_order(turning(2, 4, np.random.default_rng(0)), 4)


def test_a_part_of_a_clip_is_refused():
    codes = Codes(np.zeros((20, 2)), np.zeros(20, int), np.arange(20))
    with pytest.raises(InputError, match="num_frames"):
        in_order(codes, 7)
