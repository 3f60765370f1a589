"""Windows of a number of frames, cut out of longer clips."""

import torch
from jaxtyping import Int
from torch import Tensor


def span(num_frames: int, frame_step: int) -> int:
    """Frames of the clip from a window's first to its last one."""
    return (num_frames - 1) * frame_step + 1


def windows(
    lengths: Int[Tensor, "clips"], num_frames: int, frame_step: int, stride: int
) -> tuple[Int[Tensor, "windows"], Int[Tensor, "windows"]]:
    """Every window that lies within a clip, at each multiple of the stride.

    Args:
        lengths: Frames of each clip.
        num_frames: Frames of a window.
        frame_step: Steps in the clip from one of them to the next.
        stride: Steps in the clip from one window's first frame to the next one's.

    Returns:
        For each window the number of its clip, and its first frame there; clip after clip.
    """
    room = lengths - span(num_frames, frame_step)
    counts = (room.div(stride, rounding_mode="floor") + 1).clamp(min=0)
    clip = torch.arange(len(lengths)).repeat_interleave(counts)
    before = (counts.cumsum(0) - counts)[clip]
    return clip, stride * (torch.arange(len(clip)) - before)
