"""Labelled video clips."""

from .bouncing_digits import BouncingDigits
from .clips import Clips
from .video_clips import VideoClips

__all__ = ["BouncingDigits", "Clips", "VideoClips"]
