"""Labelled video clips."""

from .bouncing_digits import BouncingDigits
from .clips import Clips

__all__ = ["BouncingDigits", "Clips"]
