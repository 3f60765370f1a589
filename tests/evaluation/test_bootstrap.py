"""Bootstrap intervals against brute force, and how often they cover what they should."""

import numpy as np
import pytest
from scipy.stats import binomtest

from pyro_factor.errors import InputError
from pyro_factor.evaluation.bootstrap import bootstrap
from pyro_factor.evaluation.intervals import LEVEL
from pyro_factor.evaluation.scores import Hits, d_score

VIDEOS, FRAMES, REPEATS = 150, 8, 300


def correlated(generator, videos=VIDEOS):
    """Hits of frames that share their video's chance of being right: 2/3 in the mean."""
    chance = generator.beta(2, 1, size=(videos, 1))
    return (generator.uniform(size=(videos, FRAMES)) < chance).ravel()


def five(generator):
    *four, transfer = (correlated(generator) for _ in range(5))
    return Hits(*four), transfer


def test_intervals_over_videos_cover_and_intervals_over_frames_do_not():
    generator, covered = np.random.default_rng(0), {FRAMES: 0, 1: 0}
    for seed in range(REPEATS):
        hits, transfer = five(generator)
        for num_frames in covered:
            given = {"num_frames": num_frames, "replicates": 300, "seed": seed}
            low, high = bootstrap(hits, transfer, **given)["transfer"]
            covered[num_frames] += low <= 2 / 3 <= high
    # percentiles of 300 replicates are a little narrow: 93% is asked of them
    assert binomtest(covered[FRAMES], REPEATS, LEVEL - 0.02).pvalue > 1e-6
    assert covered[1] / REPEATS < 0.85


def test_the_interval_of_the_d_score_covers_it():
    generator, covered = np.random.default_rng(1), 0
    for seed in range(REPEATS):
        low, high = bootstrap(*five(generator), FRAMES, replicates=300, seed=seed)["d_score"]
        covered += low <= 1 <= high
    assert binomtest(covered, REPEATS, LEVEL - 0.02).pvalue > 1e-6


def test_against_a_loop_over_replicates():
    hits, transfer = five(np.random.default_rng(2))
    found = bootstrap(hits, transfer, FRAMES, replicates=2_000)
    generator, drawn = np.random.default_rng(3), {"static_temporal": [], "d_score": []}
    for _ in range(2_000):
        videos = generator.integers(VIDEOS, size=VIDEOS)
        means = [hit.reshape(VIDEOS, FRAMES)[videos].mean() for hit in hits]
        drawn["static_temporal"].append(means[1])
        drawn["d_score"].append(d_score(np.array(means), VIDEOS * FRAMES))
    for name, values in drawn.items():
        width = np.ptp(np.quantile(values, [0.025, 0.975]))
        assert found[name] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.1 * width)


def test_what_is_always_right_has_an_interval_of_no_width():
    right = np.ones(VIDEOS * FRAMES, bool)
    found = bootstrap(Hits(right, right, right, right), right, FRAMES)
    assert set(found) == {*Hits._fields, "transfer", "d_score"}
    for low, high in found.values():
        assert (low, high) == pytest.approx((1, 1))


def test_a_seed_fixes_the_intervals():
    given = five(np.random.default_rng(4))
    assert bootstrap(*given, FRAMES) == bootstrap(*given, FRAMES)
    assert bootstrap(*given, FRAMES) != bootstrap(*given, FRAMES, seed=1)


def test_bad_input_is_named():
    given = five(np.random.default_rng(5))
    with pytest.raises(InputError, match="num_frames: got 7"):
        bootstrap(*given, 7)
    with pytest.raises(InputError, match="replicates: got 1"):
        bootstrap(*given, FRAMES, replicates=1)
