"""Bootstrap intervals against brute force, and how often they cover what they should."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t

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
    assert binomtest(covered[FRAMES], REPEATS, LEVEL).pvalue > 1e-3
    assert covered[1] / REPEATS < 0.85


def test_the_interval_of_the_d_score_covers_it():
    generator, covered = np.random.default_rng(1), 0
    for seed in range(REPEATS):
        low, high = bootstrap(*five(generator), FRAMES, replicates=300, seed=seed)["d_score"]
        covered += low <= 1 <= high
    assert binomtest(covered, REPEATS, LEVEL).pvalue > 1e-3


def drawn_again(generator, num_items, clips=300):
    """Hits of one-frame clips, each right or wrong as its item is, and the items of the clips."""
    item = generator.integers(num_items, size=clips)
    return Hits(*(generator.uniform(size=(4, num_items)) < 0.6)[:, item]), item


def graded(generator, num_items, clips=300):
    """The same, the items told more or less often: 0.6 in the mean."""
    item = np.arange(clips) % num_items
    chance = generator.beta(3, 2, size=num_items)
    return Hits(*generator.uniform(size=(4, clips)) < chance[item]), item


@pytest.mark.parametrize("draw", [drawn_again, graded])
def test_intervals_of_ten_items_cover(draw):
    generator, covered = np.random.default_rng(6), 0
    for seed in range(REPEATS):
        hits, item = draw(generator, 10)
        found = bootstrap(hits, hits[0], 1, item, replicates=300, seed=seed)
        covered += found["transfer"][0] <= 0.6 <= found["transfer"][1]
    assert covered / REPEATS > 0.92  # percentiles alone cover 0.91 and 0.89


@pytest.mark.parametrize("num_items", [10, 30])
def test_intervals_cover_when_few_items_are_drawn_again_and_again(num_items):
    generator, covered, widths = np.random.default_rng(6), [], []
    for seed in range(REPEATS):
        hits, item = drawn_again(generator, num_items)
        options = {"replicates": 300, "seed": seed}
        both = [bootstrap(hits, hits[0], 1, known, **options) for known in (item, None)]
        covered.append([low <= 0.6 <= high for low, high in (each["transfer"] for each in both)])
        widths.append([np.ptp(each["d_score"]) for each in both])
    over_items, over_clips = np.mean(covered, 0)
    assert over_items > 0.92
    assert over_clips < 0.6
    of_items, of_clips = np.median(widths, 0)
    assert of_items > 2 * of_clips


def ends(items):
    """Hesterberg's quantiles for so many items."""
    outer = norm.cdf(-np.sqrt(items / (items - 1)) * t(items - 1).ppf(0.975))
    return [outer, 1 - outer]


def test_items_against_a_loop_over_replicates():
    generator = np.random.default_rng(7)
    hits, transfer = five(generator)
    item = 3 * generator.integers(20, size=VIDEOS) - 5  # some number, of unequal counts
    found = bootstrap(hits, transfer, FRAMES, item)
    kinds, drawn = np.unique(item), {"static_temporal": [], "d_score": []}
    for _ in range(2_000):
        videos = [np.flatnonzero(item == kind) for kind in generator.choice(kinds, len(kinds))]
        videos = np.concatenate(videos)
        means = [hit.reshape(VIDEOS, FRAMES)[videos].mean() for hit in hits]
        drawn["static_temporal"].append(means[1])
        drawn["d_score"].append(d_score(np.array(means), VIDEOS * FRAMES))
    for name, values in drawn.items():
        expected = np.quantile(values, ends(len(kinds)))
        assert found[name] == pytest.approx(expected, abs=0.1 * np.ptp(expected))


def test_items_of_one_video_each_are_videos():
    given = five(np.random.default_rng(8))
    assert bootstrap(*given, FRAMES, np.arange(VIDEOS)) == bootstrap(*given, FRAMES)


def test_a_single_item_has_no_intervals():
    given = five(np.random.default_rng(9))
    assert bootstrap(*given, FRAMES, np.full(VIDEOS, 4)) is None
    assert bootstrap(*given, VIDEOS * FRAMES) is None


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
        expected = np.quantile(values, ends(VIDEOS))
        assert found[name] == pytest.approx(expected, abs=0.1 * np.ptp(expected))


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
    with pytest.raises(InputError, match="item: got 3; give one for each of 150 videos"):
        bootstrap(*given, FRAMES, np.arange(3))
    with pytest.raises(InputError, match="replicates: got 1"):
        bootstrap(*given, FRAMES, replicates=1)
