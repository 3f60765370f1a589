"""Figures of numbers: codes, training curves and scores."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..errors import require
from .results import Scores
from .scores import Accuracies
from .style import COLOURS, look, styled
from .tables import CLASSIFIERS

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure


def plane(
    codes: Float[np.ndarray, "videos frames features"],
) -> Float[np.ndarray, "videos frames 2"]:
    """Codes of a factor as points of a plane.

    Args:
        codes: The features of one factor.

    Returns:
        Two features as they are; one feature against the frame's number; more features by t-SNE
        of all frames, as in the paper, or one point where all of them are the same.

    Raises:
        InputError: More than two features of fewer than 5 frames in all.
    """
    num_videos, num_frames, size = codes.shape
    if size == 1:
        time = np.broadcast_to(np.arange(num_frames)[:, None], codes.shape)
        return np.concatenate([time, codes], axis=-1)
    if size == 2:
        return codes
    from sklearn.manifold import TSNE

    points = num_videos * num_frames
    require(points >= 5, "codes", codes.shape, "t-SNE needs 5 frames or more in all")
    if np.allclose(codes, codes[0, 0]):  # which t-SNE would end the process of
        return np.zeros((num_videos, num_frames, 2))
    tsne = TSNE(perplexity=min(30, (points - 1) / 3), init="pca", random_state=0)
    shown: np.ndarray = tsne.fit_transform(codes.reshape(points, size))
    return shown.reshape(num_videos, num_frames, 2)


@styled
def codes_figure(
    codes: Float[np.ndarray, "videos frames features"], factors: Mapping[str, Sequence[int]]
) -> "matplotlib.figure.Figure":
    """Fig. 8 of the paper: videos as paths in the space of each factor.

    Args:
        codes: The guide's means.
        factors: Columns of each factor.

    Returns:
        The figure: a panel per factor, a colour and marker per video, frames joined in time.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(max(6.6, 4.2 * len(factors)), 4.4))
    grid = fig.subplots(1, len(factors), squeeze=False)[0]
    for axes, (name, columns) in zip(grid, factors.items(), strict=True):
        chosen = list(columns)
        for number, path in enumerate(plane(codes[..., chosen])):
            axes.plot(*path.T, ms=3, label=f"video {number + 1}", **look(number))
            axes.plot(*path[0], ms=8, mfc="none", **look(number))
        label, axes_names = plane_names(name, chosen)
        axes.set(title=label, xlabel=axes_names[0], ylabel=axes_names[1])
    fig.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    fig.suptitle("Guide means of videos, frames joined in time (large marker: first frame)")
    return fig


def plane_names(name: str, columns: Sequence[int]) -> tuple[str, tuple[str, str]]:
    """What a plane of some columns shows, for its title, and the names of its axes."""
    if len(columns) > 2:
        return f"{name}: t-SNE of {len(columns)} features", ("t-SNE 1", "t-SNE 2")
    features = [f"h[{column}]" for column in columns]
    return name, ("frame", features[0]) if len(columns) == 1 else (features[0], features[1])


@styled
def training_figure(rows: Sequence[Mapping[str, Any]]) -> "matplotlib.figure.Figure":
    """The ELBO and its terms against the iteration.

    Args:
        rows: Rows of metrics.jsonl, in nats per video.

    Returns:
        The figure, a panel per term, its range that of all but the first tenth of the rows.
    """
    from matplotlib.figure import Figure

    curves = {"ELBO": [row["elbo"] for row in rows]}
    names = dict.fromkeys(name for row in rows for name in row["terms"])
    curves |= {name: [row["terms"].get(name, math.nan) for row in rows] for name in names}
    iterations = [row["iteration"] for row in rows]
    start, num_rows = len(rows) // 10, -(-len(curves) // 3)
    fig = Figure(figsize=(9, 2.4 * num_rows + 0.5))
    grid = fig.subplots(num_rows, 3, squeeze=False)
    for axes, (name, values) in zip(grid.flat, curves.items(), strict=False):
        axes.plot(iterations[start:], values[start:], color=COLOURS[0], lw=0.8)
        axes.set_ylim(axes.get_ylim())  # the later rows choose the range
        axes.plot(iterations[: start + 1], values[: start + 1], color=COLOURS[0], lw=0.8)
        axes.set_title(name)
    for axes in grid.flat[len(curves) :]:
        axes.remove()
    fig.supxlabel("iteration")
    fig.supylabel("nats per video")
    fig.suptitle("Training (the first tenth may lie outside its panel)")
    return fig


@styled
def scores_figure(scores: Scores) -> "matplotlib.figure.Figure":
    """The four accuracies under each classifier, with the ceiling's beside them.

    Args:
        scores: The scores of a run on clips with both labels.

    Returns:
        The figure: a row of two 2×2 heat maps per classifier.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(6.4, 6.2))
    grid = fig.subplots(2, 2)
    for axes, (name, one) in zip(grid, scores.judged.items(), strict=True):
        _heat_map(axes[0], f"{CLASSIFIERS[name]}: D-score", one.accuracies)
        _heat_map(axes[1], "true factors (ceiling): D-score", one.ceiling)
    fig.suptitle(f"Test accuracy of features on labels ({scores.clips_name})")
    return fig


def _heat_map(axes: "matplotlib.axes.Axes", name: str, found: Accuracies) -> None:
    """Rows: the static and temporal features; columns: the static and temporal label."""
    values = np.array(
        [
            [found.static_static, found.static_temporal],
            [found.temporal_static, found.temporal_temporal],
        ]
    )
    axes.imshow(values, cmap="cividis", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value < 0.5 else "black"
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=colour, size=12)
    axes.set(xticks=[0, 1], xticklabels=["static\nlabel", "temporal\nlabel"])
    axes.set(yticks=[0, 1], yticklabels=["static\nfeatures", "temporal\nfeatures"])
    axes.grid(False)
    axes.set_title(f"{name} {found.d_score:.2f}")
