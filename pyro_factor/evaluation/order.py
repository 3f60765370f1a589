"""The paper's temporal task for rotating chairs (section 4.1): are three frames in their order?"""

from dataclasses import replace

import numpy as np

from ..errors import require
from .codes import Codes, Examples
from .sequences import check_clips

GAP = 2  # steps from one of the three frames to the next
# The first two are in order, whichever way the chair turns: 1-2-3 and 3-2-1; 1-3-2 and 2-1-3.
ARRANGEMENTS = np.array([[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]])
LEAST_FRAMES = 2 * GAP + 1


def in_order(codes: Codes, num_frames: int, *, seed: int = 0) -> Codes:
    """The same codes, their temporal label told from three frames, two steps apart.

    Every three frames of a clip that are two steps apart make one example, in one of the four
    arrangements of the paper: as many examples are in order as are not, in every clip that has
    four of them or a multiple of it. A part of the features is judged by its columns of the three
    frames, one after another.

    Args:
        codes: Codes of single frames, clip after clip.
        num_frames: Frames in a clip.
        seed: Seed of the arrangements.

    Returns:
        The codes with `triples`: N - 4 examples a clip, labelled 1 where they are in order.

    Raises:
        InputError: Clips of fewer than 5 frames, or codes that aren't whole clips.
    """
    advice = f"the order of frames is asked of clips of {LEAST_FRAMES} frames or more"
    require(num_frames >= LEAST_FRAMES, "num_frames", num_frames, advice)
    check_clips(codes, num_frames)
    clips, starts = len(codes.static) // num_frames, np.arange(num_frames - 2 * GAP)
    kinds = (np.arange(len(starts)) + np.arange(clips)[:, None]) % len(ARRANGEMENTS)
    kinds = np.random.default_rng(seed).permuted(kinds, axis=1)
    frames = starts[:, None] + GAP * ARRANGEMENTS[kinds]
    rows = frames + num_frames * np.arange(clips)[:, None, None]
    return replace(codes, triples=Examples(rows.reshape(-1, 3), (kinds < 2).astype(int).ravel()))
