"""Where the classes of each label lie in the codes of each factor: what the accuracies measure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from .plots import plane, plane_names
from .style import plain, styled

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

NAMED = 10  # classes that colours tell apart; of more, their order is shown
LONGEST = 24  # letters of a class's name


@styled
def labels_figure(
    codes: Float[np.ndarray, "videos frames features"],
    parts: Mapping[str, Sequence[int]],
    labels: Mapping[str, Int[np.ndarray, "videos frames"]],
    names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> "matplotlib.figure.Figure":
    """Codes of single frames, coloured by what they are to tell and by what they are not.

    Where the factors are apart, the classes of a label are patches in the codes of its own factor,
    and are strewn over those of the other.

    Args:
        codes: The guide's means.
        parts: Columns of each part of the features, by its name, one or more.
        labels: The class of each frame, by the label's name.
        names: What the classes of a label are called; their numbers unless given.

    Returns:
        The figure: a row for each part, a column for each label; see `plane` for what is shown of
        more features than two.
    """
    from matplotlib.figure import Figure

    fig = Figure(figsize=(3.9 * len(labels), 3.75 * len(parts) + 0.4))
    grid = fig.subplots(len(parts), len(labels), squeeze=False)
    for row, (part, columns) in zip(grid, parts.items(), strict=True):
        chosen = list(columns)
        points = plane(codes[..., chosen]).reshape(-1, 2)
        title, (x, y) = plane_names(f"{part} features", chosen)
        for axes, (name, classes) in zip(row, labels.items(), strict=True):
            _scatter(axes, points, classes.ravel())
            axes.set(title=f"{title}\nby {name} label", xlabel=x, ylabel=y)
            axes.locator_params(nbins=5)
    for axes, (name, classes) in zip(grid[-1], labels.items(), strict=True):
        _legend(axes, classes, names.get(name, ()))
    fig.suptitle("Guide means of single frames, by their labels")
    return fig


def _scatter(
    axes: "matplotlib.axes.Axes",
    points: Float[np.ndarray, "points 2"],
    classes: Int[np.ndarray, "points"],
) -> None:
    few = classes.max() < NAMED
    look = {"cmap": "tab10", "vmin": 0, "vmax": NAMED - 1} if few else {"cmap": "viridis"}
    axes.scatter(points[:, 0], points[:, 1], s=7, lw=0, c=classes, **look)


def _legend(
    axes: "matplotlib.axes.Axes", classes: Int[np.ndarray, "videos frames"], names: Sequence[str]
) -> None:
    present, few, columns = np.unique(classes).tolist(), classes.max() < NAMED, 5
    points: Any = axes.collections[0]
    handles, texts = points.legend_elements(num=present if few else NAMED)
    if few and len(names) > 0:
        given = [names[number] for number in present]
        short = [n if len(n) <= LONGEST else f"{n[: LONGEST - 1]}…" for n in given]
        columns = max(1, min(columns, LONGEST // max(map(len, short))))
        texts = list(map(plain, short))
    axes.legend(handles, texts, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, -0.2))
