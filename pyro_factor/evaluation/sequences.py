"""Codes of clips: one static vector for a clip, and a temporal vector for a frame."""

import numpy as np
from jaxtyping import Float

from ..errors import require
from .codes import Codes, Split


def sequence_codes(codes: Codes, split: Split, num_frames: int, *, seed: int = 0) -> Codes:
    """One row a clip: the mean of its static columns, and the temporal columns of one frame.

    The static factor belongs to a clip and the temporal one to a frame, so that a mean over a
    clip has no temporal label. Sequential models (Li & Mandt 2018, "Disentangled sequential
    autoencoder") have one static vector for the clip and a temporal vector for each frame; here
    the codes of frames are brought to this form. One frame, drawn at random, stands for its clip:
    rows are then independent. With all frames the means would repeat, and since the static label
    repeats with them, means that tell nothing would seem to tell that label and no other.

    Args:
        codes: Codes of single frames, clip after clip.
        split: Columns of the static and of the temporal features.
        num_frames: Number of frames in a clip.
        seed: Seed of the frames drawn.

    Returns:
        Codes of as many rows as there are clips, with the labels of the frames drawn.

    Raises:
        InputError: see `check_clips`.
    """
    check_clips(codes, num_frames)
    static = list(split.static)
    starts = np.arange(0, len(codes.static), num_frames)
    drawn = starts + np.random.default_rng(seed).integers(num_frames, size=len(starts))
    features = codes.features[drawn]
    features[:, static] = clip_means(codes.features[:, static], num_frames)
    return Codes(features, codes.static[drawn], codes.temporal[drawn])


def clip_means(
    features: Float[np.ndarray, "frames features"], num_frames: int
) -> Float[np.ndarray, "clips features"]:
    """Means over the frames of each clip."""
    return features.reshape(-1, num_frames, features.shape[1]).mean(1)


def check_clips(codes: Codes, num_frames: int) -> None:
    """Whether the frames are whole clips, one after the other.

    Args:
        codes: Codes of single frames.
        num_frames: Number of frames in a clip.

    Raises:
        InputError: `num_frames` does not divide the frames, or the static label changes within a
            clip.
    """
    frames = len(codes.static)
    whole = num_frames >= 1 and frames % num_frames == 0
    require(whole, "num_frames", num_frames, f"{frames} frames have to be whole clips")
    clips = codes.static.reshape(-1, num_frames)
    changing = int((clips != clips[:, :1]).any(1).sum())
    advice = f"the static label changes within so many clips of {num_frames} frames"
    require(not changing, "static", changing, advice)
