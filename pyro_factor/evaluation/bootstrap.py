"""Intervals of accuracies: test items are drawn anew, the classifiers are not fitted again."""

import numpy as np
from jaxtyping import Int

from ..errors import require
from .intervals import student_quantile
from .scores import Hit, Hits, d_score

Interval = tuple[float, float]
REPLICATES = 2_000


def bootstrap(
    hits: Hits,
    transfer: Hit,
    num_frames: int,
    item: Int[np.ndarray, "videos"] | None = None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Interval] | None:
    """The 95% intervals of the accuracies and of the D-score, over items: expanded percentiles.

    The frames of a video are alike, and so are the videos of a digit, a chair or a clip that was
    drawn more than once: all that an item has is resampled together (a cluster bootstrap). What
    was fitted or chosen on the training videos, or as the best of several splits, is taken as
    given. Percentiles alone are too narrow for few items, such as the ten chairs of the test split.

    Args:
        hits: Which test frames are told right, video after video.
        transfer: The same for the accuracy of tables 2 and 3.
        num_frames: Frames of a video.
        item: What each video shows, a number; an item of its own unless given.
        replicates: How often the items are drawn anew.
        seed: Seed of the draws.

    Returns:
        Lower and upper ends, by the names of the accuracies, `transfer` and `d_score`; None for a
        single item, which can't vary.

    Raises:
        InputError: `num_frames` does not divide the frames; not one item a video; fewer than 2
            replicates.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13; Hesterberg,
    What Teachers Should Know About the Bootstrap, The American Statistician 69 (2015), section 5.3.
    """
    frames = len(transfer)
    whole = num_frames >= 1 and frames % num_frames == 0
    require(whole, "num_frames", num_frames, f"{frames} frames have to be whole videos")
    require(replicates >= 2, "replicates", replicates, "give 2 or more")
    num_videos = frames // num_frames
    given = np.arange(num_videos) if item is None else item
    advice = f"give one for each of {num_videos} videos"
    require(len(given) == num_videos, "item", len(given), advice)
    _, number = np.unique(given, return_inverse=True)
    count = np.bincount(number)
    if len(count) < 2:
        return None
    right = np.zeros((len(count), len(hits) + 1))
    videos = [hit.reshape(num_videos, -1).mean(1) for hit in (*hits, transfer)]
    np.add.at(right, number, np.stack(videos, 1))
    weights = _weights(len(count), replicates, seed)
    drawn = (weights @ right).T / (weights @ count)  # of the videos drawn, which vary in number
    named = dict(zip((*Hits._fields, "transfer"), drawn, strict=True))
    named["d_score"] = d_score(drawn[:4], frames)
    ends = _expanded(len(count))
    found = {name: np.quantile(values, ends) for name, values in named.items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def _expanded(items: int) -> list[float]:
    """The quantiles to take: further out than 95% by what Student's interval is wider."""
    from scipy.special import ndtr

    outer = float(ndtr(-np.sqrt(items / (items - 1)) * student_quantile(items)))
    return [outer, 1 - outer]


def _weights(items: int, replicates: int, seed: int) -> np.ndarray:
    """How much each item counts in each replicate, (replicates, items)."""
    generator = np.random.default_rng(seed)
    even = np.full(items, 1 / items)
    return generator.multinomial(items, even, size=replicates) / items
