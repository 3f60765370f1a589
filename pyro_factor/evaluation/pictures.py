"""Figures of images: clips, swaps and reconstructions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from ..models import VideoVAE
from .gather import evaluating
from .style import show_strip, styled
from .swaps import exchanged

if TYPE_CHECKING:
    import matplotlib.figure


@styled
def swap_figure(
    vae: VideoVAE,
    seed: int = 0,
    columns: Sequence[int] | None = None,
    pairs: int = 4,
    videos: Float[Tensor, "videos frames channels height width"] | None = None,
) -> "matplotlib.figure.Figure":
    """Fig. 2 of the paper: decoded pairs of codes, and below them with static parts swapped.

    Args:
        vae: The model.
        seed: Seed of the draw.
        columns: The static columns; those of the factor hs unless given.
        pairs: How many pairs to show.
        videos: 2 · pairs clips; the codes are the guide's means of their first frames, which are
            shown too. Without them, as in the paper, codes are drawn from the prior.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    columns = vae.factors["hs"] if columns is None else columns
    with evaluating(vae, seed):
        h = vae.sample_prior(2 * pairs) if videos is None else vae.encode(videos).loc
        codes = h[:, :1].unflatten(0, (pairs, 2))
        rows = {
            "drawn from\nthe prior" if videos is None else "decoded": vae.decode(codes),
            "static parts\nswapped": vae.decode(exchanged(codes, codes.flip(1), columns)),
        }
    if videos is not None:
        rows = {"clips": videos[:, :1].unflatten(0, (pairs, 2)), **rows}

    fig = Figure(figsize=(9, len(rows) * 4.5 / pairs + 0.7))
    grid = fig.subplots(len(rows), pairs, squeeze=False)
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        for axis, pair in zip(axes, images[:, :, 0], strict=True):
            show_strip(axis, pair)
        axes[0].set_ylabel(name)
    for number, axis in enumerate(grid[0], start=1):
        axis.set_title(f"pair {number}")
    fig.suptitle(f"Decoded codes, and the same codes with static parts ({_list(columns)}) swapped")
    return fig


@styled
def examples_figure(
    videos: Float[Tensor, "videos frames channels height width"], title: str = "Test clips"
) -> "matplotlib.figure.Figure":
    """Fig. 1 of the paper: clips, a row each."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9, 0.75 * len(videos) + 0.7))
    for axes, clip in zip(fig.subplots(len(videos), 1, squeeze=False)[:, 0], videos, strict=True):
        show_strip(axes, clip)
    fig.suptitle(title)
    return fig


@styled
def reconstruction_figure(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    max_frames: int = 16,
) -> "matplotlib.figure.Figure":
    """Clips, and below each what the decoder makes of the guide's means.

    Args:
        vae: The model.
        videos: Pixels in [0, 1].
        max_frames: Longer clips are shown by this many frames, evenly spaced.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    with evaluating(vae, seed=0):
        decoded = vae.decode(vae.encode(videos).loc)
    num_frames = videos.shape[1]
    frames = torch.linspace(0, num_frames - 1, min(max_frames, num_frames)).round().long()

    height = 9.5 / max(len(frames), 4)
    fig = Figure(figsize=(9.5, 2 * len(videos) * height + 0.6))
    grid = fig.subplots(2 * len(videos), 1)
    for number, (clip, guess) in enumerate(zip(videos, decoded, strict=True)):
        for axis, images, name in zip(
            grid[2 * number :], (clip, guess), ("clip", "decoded"), strict=False
        ):
            show_strip(axis, images[frames.to(images.device)])
            axis.set_ylabel(name, rotation=0, ha="right", va="center")
    fig.suptitle("Clips, and below each the decoded means of the guide")
    return fig


def _list(columns: Sequence[int]) -> str:
    return f"column{'s' * (len(columns) > 1)} {', '.join(map(str, columns))}"
