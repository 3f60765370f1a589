"""Clips of one's own: arrays, folders of pictures and video files, read into memory."""

from .footage import Footage, Skipped, read_footage

__all__ = ["Footage", "Skipped", "read_footage"]
