"""Estimates with 95% intervals."""

from collections.abc import Callable
from math import isnan, nan
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

LEVEL = 0.95


class Estimate(NamedTuple):
    """A number, and the interval that covers the true one with probability 0.95.

    The ends are NaN where there is no interval.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        ends = "" if isnan(self.high) else f" [{self.low:{spec}}, {self.high:{spec}}]"
        return f"{self.value:{spec}}{ends}"


def bare(value: float) -> Estimate:
    """A number without an interval."""
    return Estimate(value, nan, nan)


def mean(samples: Float[np.ndarray, "draws"]) -> Estimate:
    """The mean of independent draws, with Student's interval; without one for a single draw."""
    centre = float(samples.mean())
    half = student_quantile(len(samples)) * _standard_error(samples)
    return Estimate(centre, centre - half, centre + half)


def positive(value: float, influence: Float[np.ndarray, "draws"]) -> Estimate:
    """A positive statistic, with the interval that is symmetric for its logarithm.

    Args:
        value: The statistic.
        influence: What each draw adds to its logarithm, times their number.

    Returns:
        By the delta method: value · exp(± t · standard error of the influence's mean); without an
        interval for two draws or one.
    """
    if value <= 0:
        return Estimate(value, value, value)
    if len(influence) < 3:  # two are equally far from their mean: their variance seems exact
        return bare(value)
    factor = np.exp(student_quantile(len(influence)) * _standard_error(influence))
    return Estimate(value, float(value / factor), float(value * factor))


def independent_ratio(a: Estimate, b: Estimate) -> Estimate:
    """The ratio of two independent positive estimates; their logarithms' errors add in squares."""
    value = a.value / b.value
    factor = np.exp(np.hypot(np.log(a.high / a.value), np.log(b.high / b.value)))
    return Estimate(value, float(value / factor), float(value * factor))


def _standard_error(samples: Float[np.ndarray, "draws"]) -> float:
    return float(samples.std(ddof=1) / np.sqrt(len(samples))) if len(samples) > 1 else nan


def student_quantile(draws: int) -> float:
    """Student's t for the mean of so many draws: how far out 95% lie, in standard errors."""
    from scipy.special import stdtrit

    student: Callable[[float, float], float] = stdtrit
    return float(student(max(draws - 1, 1), 0.5 + LEVEL / 2))
