"""Figures 4 to 7 of the paper: one factor moves from one code to another, the other stays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from ..models import VideoVAE
from .gather import evaluating
from .style import show_strip, styled

if TYPE_CHECKING:
    import matplotlib.figure

STEPS = 10


def interpolate(
    start: Float[Tensor, "*codes features"],
    end: Float[Tensor, "*codes features"],
    columns: Sequence[int],
    steps: int = STEPS,
) -> Float[Tensor, "*codes {steps} features"]:
    """Go straight from one code to another in some columns; the others stay the first one's.

    Args:
        start: First codes.
        end: Last codes.
        columns: The columns that move.
        steps: Codes on the way, both ends among them.

    Returns:
        The codes on the way, evenly spaced.
    """
    weight = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    path = start.unsqueeze(-2) + 0 * weight
    moved = torch.lerp(path, end.unsqueeze(-2) + 0 * weight, weight)
    path[..., list(columns)] = moved[..., list(columns)]
    return path


@styled
def interpolation_figure(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    columns: Sequence[int],
    name: str,
) -> "matplotlib.figure.Figure":
    """Decode what lies between the codes of two clips in one factor, the other held fixed.

    Args:
        vae: The model.
        videos: Pairs of clips, one after the other; the codes are those of their first frames.
        columns: The columns of the factor that moves.
        name: What the factor is called.

    Returns:
        The figure: a row for each pair.
    """
    from matplotlib.figure import Figure

    images = decoded_path(vae, videos, columns)
    fig = Figure(figsize=(9, 0.9 * len(images) + 0.7))
    for number, (axes, row) in enumerate(
        zip(fig.subplots(len(images), 1, squeeze=False)[:, 0], images, strict=True), start=1
    ):
        show_strip(axes, row)
        axes.set_ylabel(f"pair {number}", rotation=0, ha="right", va="center")
    fig.suptitle(f"From the {name} code of one clip to another's, the rest held fixed")
    return fig


def decoded_path(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    columns: Sequence[int],
    steps: int = STEPS,
) -> Float[Tensor, "pairs {steps} channels height width"]:
    """What `interpolation_figure` shows."""
    with evaluating(vae, seed=0):
        start, end = vae.encode(videos[:, :1]).loc[:, 0].unflatten(0, (-1, 2)).unbind(1)
        return vae.decode(interpolate(start, end, columns, steps))
