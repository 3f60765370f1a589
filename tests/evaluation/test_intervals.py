"""Intervals against scipy's, and how often they cover what they should."""

import numpy as np
import pytest
from scipy.stats import binomtest, t

from pyro_factor.evaluation.intervals import LEVEL, Estimate, independent_ratio, mean, positive
from pyro_factor.variance.noise import latent_variance

FAILURE_RATE = 1e-6  # of each test of samples, were it run with other seeds
REPEATS = 600


def assert_nominal(intervals, truth):
    """A count of hits that 600 intervals of 95% have: 92% to 97% of them but once in a million."""
    hits = sum(found.low <= truth <= found.high for found in intervals)
    assert len(intervals) == REPEATS
    assert binomtest(hits, REPEATS, LEVEL).pvalue > FAILURE_RATE


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("draws", [2, 3, 50])
def test_the_interval_of_a_mean_is_students(random, draws):
    samples = random.normal(3.0, 2.0, draws)
    found = mean(samples)
    error = samples.std(ddof=1) / np.sqrt(draws)
    expected = t.interval(LEVEL, draws - 1, samples.mean(), error)
    assert found.value == pytest.approx(samples.mean())
    assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize("draws", [2, 10])
def test_the_interval_of_a_mean_covers_it(random, draws):
    assert_nominal([mean(x) for x in random.normal(1.0, 3.0, (REPEATS, draws))], 1.0)


def variances(random, shape, scale):
    return [latent_variance(random.normal(0.0, scale, shape)).estimate for _ in range(REPEATS)]


# one number; a gradient of five entries of four clips
@pytest.mark.parametrize("shape", [(50, 1, 1), (50, 4, 5)])
def test_the_interval_of_a_variance_covers_it(random, shape):
    assert_nominal(variances(random, shape, 3.0), 9.0 * shape[-1])


@pytest.mark.parametrize("shape", [(50, 1, 1), (50, 4, 5)])
def test_the_interval_of_an_independent_ratio_covers_it(random, shape):
    pairs = zip(variances(random, shape, 3.0), variances(random, shape, 2.0), strict=True)
    assert_nominal([independent_ratio(a, b) for a, b in pairs], 9 / 4)


def test_the_interval_of_a_positive_number_is_symmetric_for_its_logarithm(random):
    influence = random.normal(size=20)
    found = positive(5.0, influence)
    half = t.ppf(0.975, 19) * influence.std(ddof=1) / np.sqrt(20)
    assert np.log([found.low, found.value, found.high]) == pytest.approx(
        np.log(5.0) + half * np.array([-1.0, 0.0, 1.0])
    )


def test_where_nothing_is_known_of_the_error_there_is_no_interval():
    pair = latent_variance(np.array([[[1.0]], [[4.0]]])).estimate
    for found in (mean(np.array([4.5])), positive(4.5, np.array([1.0])), pair):
        assert found == pytest.approx((4.5, np.nan, np.nan), nan_ok=True)
        assert f"{found:.2f}" == "4.50"


def test_draws_without_variance_have_an_interval_of_no_width():
    assert mean(np.full(7, 2.5)) == (2.5, 2.5, 2.5)
    assert positive(2.5, np.ones(7)) == (2.5, 2.5, 2.5)
    assert latent_variance(np.full((7, 2, 3), 0.1)).estimate == (0.0, 0.0, 0.0)


def test_a_ratio_of_what_is_known_is_known():
    assert independent_ratio(Estimate(6.0, 6.0, 6.0), Estimate(2.0, 2.0, 2.0)) == (3.0, 3.0, 3.0)
    found = independent_ratio(Estimate(6.0, 3.0, 12.0), Estimate(2.0, 2.0, 2.0))
    assert found == pytest.approx((3.0, 1.5, 6.0))


def test_an_estimate_is_written_with_its_interval():
    assert f"{Estimate(1.0, 0.25, 1.75):.2f}" == "1.00 [0.25, 1.75]"
