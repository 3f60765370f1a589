"""Clips with a frame of another clip put in: is it found?"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import require
from ..evaluation.style import COLOURS, TITLED, show_strip, styled
from ..models.videos import Videos
from .anomalies import Anomalies

if TYPE_CHECKING:
    import matplotlib.figure


def spoil(
    videos: Videos, item: Int[Tensor, "videos"], seed: int = 0
) -> tuple[Float[Tensor, "videos frames channels height width"], Int[np.ndarray, "videos"]]:
    """Replace one frame of each clip by that of the next clip that shows something else.

    Args:
        videos: Clips (B, N, C, H, W).
        item: What each of them shows, see `Clips`.
        seed: Seed of the choice.

    Returns:
        The spoiled clips, and which frame of each is foreign, from 0.

    Raises:
        InputError: All clips show the same.
    """
    clips = torch.arange(len(videos))
    foreign = np.random.default_rng(seed).integers(videos.shape[1], size=len(clips))
    frames = torch.from_numpy(foreign)
    spoiled = videos.clone()
    spoiled[clips, frames] = videos[_next_others(item.cpu()), frames]
    return spoiled, foreign


def _next_others(item: Int[Tensor, "videos"]) -> Int[Tensor, "videos"]:
    """The next clip of another item, for each clip; after the last one comes the first."""
    several = len(item.unique()) > 1
    require(several, "item", "one for all clips", "take clips of two things or more")
    clips = torch.arange(len(item))
    later = (clips[:, None] + clips) % len(item)
    return later[clips, (item[later] != item[:, None]).int().argmax(1)]


def found_line(found: Anomalies, foreign: Int[np.ndarray, "videos"]) -> str:
    """Say how often the strangest frame, and the least likely one, is the foreign one."""
    clips, frames = found.given_rest.shape
    strangest = int((found.strangest == foreign).sum())
    least = int((found.alone.argmin(-1) == foreign).sum())
    return (
        f"A frame of another clip put into each of {clips} clips of {frames}: it is the most "
        f"surprising frame in {strangest}, the least likely one by itself in {least}"
    )


@styled
def anomaly_figure(
    video: Float[Tensor, "frames channels height width"], found: Anomalies, foreign: int
) -> "matplotlib.figure.Figure":
    """Draw a clip with a foreign frame, and every frame's surprise.

    Args:
        video: The clip (N, C, H, W), the first of those that were looked at.
        found: What `anomalies` says of them.
        foreign: Which of its frames is another's, from 0.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(max(0.6 * len(video) + 0.8, TITLED), 2.6))
    strip, bars = fig.subplots(2, 1, height_ratios=(1, 2))
    show_strip(strip, video)
    colours = [COLOURS[1] if frame == foreign else COLOURS[0] for frame in range(len(video))]
    bars.bar(np.arange(1, len(video) + 1), found.surprise[0], color=colours)
    bars.set(xlabel="frame", ylabel="surprise, nats", xlim=(0.5, len(video) + 0.5))
    bars.set_yscale("symlog")
    bars.locator_params(axis="x", integer=True)
    fig.suptitle("A frame of another clip put in (orange): log p(x_i) - log p(x_i | the others)")
    return fig
