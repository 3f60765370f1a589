"""Labelled video clips."""

from pyro_factor.data.bouncing_digits import BouncingDigits
from pyro_factor.data.clips import Clips

__all__ = ["BouncingDigits", "Clips"]
