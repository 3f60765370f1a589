"""Intervals of accuracies: videos are drawn anew, the classifiers are not fitted again."""

import numpy as np

from ..errors import require
from .intervals import LEVEL
from .scores import Hit, Hits, d_score

Interval = tuple[float, float]
REPLICATES = 2_000


def bootstrap(
    hits: Hits,
    transfer: Hit,
    num_frames: int,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Interval]:
    """The 95% percentile intervals of the accuracies and of the D-score, over videos.

    The frames of a video are alike, so that videos are resampled whole. What was fitted or chosen
    on the training videos, or as the best of several splits, is taken as given.

    Args:
        hits: Which test frames are told right, video after video.
        transfer: The same for the accuracy of tables 2 and 3.
        num_frames: Frames of a video.
        replicates: How often the videos are drawn anew.
        seed: Seed of the draws.

    Returns:
        Lower and upper ends, by the names of the accuracies, `transfer` and `d_score`.

    Raises:
        InputError: `num_frames` does not divide the frames; fewer than 2 replicates.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    frames = len(transfer)
    whole = num_frames >= 1 and frames % num_frames == 0
    require(whole, "num_frames", num_frames, f"{frames} frames have to be whole videos")
    require(replicates >= 2, "replicates", replicates, "give 2 or more")
    num_videos = frames // num_frames
    videos = np.stack([hit.reshape(num_videos, -1).mean(1) for hit in (*hits, transfer)], 1)
    drawn = (_weights(len(videos), replicates, seed) @ videos).T
    named = dict(zip((*Hits._fields, "transfer"), drawn, strict=True))
    named["d_score"] = d_score(drawn[:4], frames)
    ends = [0.5 - LEVEL / 2, 0.5 + LEVEL / 2]
    found = {name: np.quantile(values, ends) for name, values in named.items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _weights(videos: int, replicates: int, seed: int) -> np.ndarray:
    """How much each video counts in each replicate, (replicates, videos)."""
    generator = np.random.default_rng(seed)
    even = np.full(videos, 1 / videos)
    return generator.multinomial(videos, even, size=replicates) / videos
