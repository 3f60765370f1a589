"""Labelled video clips."""

from .bouncing_digits import BouncingDigits
from .clips import Clips
from .video_data import VideoData, open_data

__all__ = ["BouncingDigits", "Clips", "VideoData", "open_data"]
