"""Labelled video clips."""

from .bouncing_digits import BouncingDigits
from .clips import Clips
from .rotating_chairs import RotatingChairs
from .video_clips import VideoClips
from .video_data import VideoData, open_data

__all__ = ["BouncingDigits", "Clips", "RotatingChairs", "VideoClips", "VideoData", "open_data"]
