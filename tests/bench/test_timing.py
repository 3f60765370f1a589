import time

import numpy as np

from pyro_factor.bench.growth import exponents
from pyro_factor.bench.timing import spread, take_turns, timed


def test_contestants_take_turns_and_the_warmup_does_not_count():
    calls = []

    def contestant(name):
        calls.append(name)
        return float(len(calls))

    times = take_turns({n: lambda n=n: contestant(n) for n in "AB"}, 2, warmup=1)
    assert calls == ["A", "B"] * 3
    assert {name: found.tolist() for name, found in times.items()} == {"A": [3, 5], "B": [4, 6]}


def test_time_is_that_of_the_clock():
    assert 0.02 <= timed(lambda: time.sleep(0.02))() < 10


def test_the_spread_is_the_median_between_the_quartiles():
    assert spread(np.arange(5.0)) == (2, 1, 3)


def test_exponents_of_power_laws_are_found():
    points = (2, 4, 8, 32)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.05, (4, 200)))
    values = 3 * np.array(points)[:, None] ** 1.5 * noise
    assert abs(exponents(points, values).value - 1.5) < 0.02
    exact = exponents(points, np.array(points, float)[:, None] ** 2)
    np.testing.assert_allclose(exact, 2, rtol=1e-12)
