"""Figure 3 of the paper: one sequence of temporal codes under several static ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from ..models import VideoVAE
from .gather import evaluating
from .style import show_strip, styled

if TYPE_CHECKING:
    import matplotlib.figure


def with_identities(
    h: Float[Tensor, "videos frames features"], columns: Sequence[int]
) -> Float[Tensor, "videos frames features"]:
    """The first clip's temporal codes under the static code of each clip.

    Args:
        h: Codes of clips.
        columns: The static columns.

    Returns:
        New codes; the static part of each clip is its mean over the frames, the same in all.
    """
    chosen, codes = list(columns), h[:1].expand_as(h).clone()
    codes[..., chosen] = h[..., chosen].mean(1, keepdim=True)
    return codes


@styled
def identities_figure(
    vae: VideoVAE,
    videos: Float[Tensor, "videos frames channels height width"],
    columns: Sequence[int],
) -> "matplotlib.figure.Figure":
    """Decode the first clip's temporal codes under the static codes of several clips.

    Args:
        vae: The model.
        videos: Clips.
        columns: The static columns.

    Returns:
        The figure: the first clip above, and a row for each static code.
    """
    from matplotlib.figure import Figure

    with evaluating(vae, seed=0):
        decoded = vae.decode(with_identities(vae.encode(videos).loc, columns))
    rows = {"clip 1": videos[0]}
    rows |= {f"identity of\nclip {number}": row for number, row in enumerate(decoded, start=1)}
    fig = Figure(figsize=(9, 0.75 * len(rows) + 0.7))
    grid = fig.subplots(len(rows), 1)
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        show_strip(axes, images)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    fig.suptitle("The motion of one clip under static codes held constant along each row")
    return fig
