"""NUTS beside the guide, as a table and a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.style import COLOURS, styled
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from .comparison import Comparison, correlations, guide_gaussian
from .nuts import Chain

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import rich.table

WIDTH = 1.645  # scales on either side of the mean: 90% of a Normal


def nuts_table(
    compared: Sequence[Mapping[str, Comparison]], chains: Sequence[Sequence[Chain]]
) -> "rich.table.Table":
    """The guide beside the posterior, clip by clip and factor by factor.

    Args:
        compared: As `compare` returns it.
        chains: As `sample_chains` returns them.

    Returns:
        Something that rich prints.
    """
    from rich.table import Table

    number, (draws, *_) = len(chains[0]), chains[0][0].codes.shape
    title = f"The guide beside the posterior: NUTS, {number} chains of {draws:,} draws a clip"
    table = Table(title=title, title_justify="left", caption_justify="left")
    for name in ("clip", "factor", "R̂", "ESS", "error", "scale", "ρ of frames", "ρ in a frame"):
        table.add_column(name, justify="left" if name in {"clip", "factor"} else "right")
    for clip, factors in enumerate(compared):
        for name, found in factors.items():
            table.add_row(
                str(clip),
                name,
                f"{found.r_hat:.3f}",
                f"{found.ess:.0f}",
                f"{found.error:.1f}",
                f"{found.scale:.2f}",
                f"{found.neighbours:.2f} ({found.guide_neighbours:.2f})",
                f"{found.within:.2f} ({found.guide_within:.2f})",
            )
    diverging = sum(int(chain.diverging.sum()) for each in chains for chain in each)
    table.caption = (
        f"{diverging} draws diverging. Error of the guide's means, in scales of the posterior; the "
        "guide's scale as a part of the posterior's; correlations of a feature in neighbouring "
        "frames, and of two features in one frame (in brackets, the guide's)."
    )
    return table


@styled
def nuts_figure(
    vae: VideoVAE, videos: Videos, chains: Sequence[Sequence[Chain]]
) -> "matplotlib.figure.Figure":
    """Draw every clip's codes under NUTS and under the guide, and the posterior's correlations.

    Args:
        vae: The model.
        videos: The clips (B, N, C, H, W).
        chains: As `sample_chains` returns them.

    Returns:
        The figure: a row for each clip and factor.
    """
    from matplotlib.figure import Figure

    factors = list(vae.factors.items())
    fig = Figure(figsize=(9, 2.3 * len(factors) * len(videos)))
    grid = fig.subplots(len(factors) * len(videos), 3, squeeze=False, width_ratios=(2, 1, 1))
    rows = iter(grid)
    for clip, each in enumerate(chains):
        codes = np.concatenate([chain.codes for chain in each]).astype(np.float64)
        for name, columns in factors:
            bands, *maps = next(rows)
            loc, scale, guide = guide_gaussian(vae, videos[clip : clip + 1], columns)
            drawn = codes[..., columns]
            _bands(bands, drawn, loc, scale)
            bands.set(title=f"{name}, clip {clip}", xlabel="frame")
            titles = ("posterior", "guide")
            for axes, title, matrix in zip(maps, titles, (correlations(drawn), guide), strict=True):
                _matrix(axes, matrix, len(columns))
                axes.set_title(f"{title}: correlations")
            fig.colorbar(maps[-1].images[0], ax=list(maps), shrink=0.8)
    fig.suptitle("Lines and bands: NUTS, mean and 90%; bars: the guide's 90% intervals")
    return fig


def _bands(
    axes: "matplotlib.axes.Axes", drawn: np.ndarray, loc: np.ndarray, scale: np.ndarray
) -> None:
    frames = np.arange(1, drawn.shape[1] + 1)
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    for feature in range(drawn.shape[2]):
        colour = COLOURS[feature % len(COLOURS)]
        axes.plot(frames, drawn[..., feature].mean(0), color=colour)
        axes.fill_between(frames, low[:, feature], high[:, feature], color=colour, alpha=0.25, lw=0)
        half = WIDTH * scale[:, feature]
        axes.errorbar(frames, loc[:, feature], half, fmt=".", ms=3, color=colour, capsize=2, lw=0.8)


def _matrix(axes: "matplotlib.axes.Axes", matrix: np.ndarray, features: int) -> None:
    """Correlations, the frames of one feature after those of another."""
    order = np.arange(len(matrix)).reshape(-1, features).T.ravel()
    axes.imshow(matrix[np.ix_(order, order)], vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
