"""Contact sheets: many chairs at a glance, each from several sides."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import UInt8

from ..data import RotatingChairs
from ..errors import require
from .style import plain, save, show_strip, styled

if TYPE_CHECKING:
    import matplotlib.figure

Images = UInt8[np.ndarray, "chairs azimuths height width"]


def contact_sheet(
    chairs: RotatingChairs | Images,
    path: Path,
    names: Sequence[str] = (),
    max_chairs: int = 60,
    max_azimuths: int = 6,
    columns: int = 3,
) -> Path:
    """Draw chairs, each from azimuths that are evenly spaced, and write the figure.

    Args:
        chairs: The split of a data set, or images.
        path: Where to, with the suffix of the format.
        names: What to write above the chairs; those of the data set unless given.
        max_chairs: How many are drawn, from the first on.
        max_azimuths: How many azimuths are drawn.
        columns: How many chairs are beside each other.

    Returns:
        The path.

    Raises:
        InputError: Nothing to draw, or what `RotatingChairs.library` raises.
        StorageError: The file can't be written.
    """
    counts = {"max_chairs": max_chairs, "max_azimuths": max_azimuths, "columns": columns}
    for argument, count in counts.items():
        require(count >= 1, argument, count, "give at least 1")
    if isinstance(chairs, RotatingChairs):
        library = chairs.library
        chairs, names = library.images, names or library.names
    require(len(chairs) > 0, "chairs", chairs.shape, "give images of at least one chair")
    azimuths = np.arange(min(max_azimuths, chairs.shape[1])) * chairs.shape[1]
    seen = chairs[:max_chairs, azimuths // min(max_azimuths, chairs.shape[1])]
    return save(sheet_figure(seen, names, columns), path)


@styled
def sheet_figure(
    images: Images, names: Sequence[str] = (), columns: int = 3
) -> "matplotlib.figure.Figure":
    """Rows of chairs, each a strip of all its images.

    Args:
        images: Grey levels.
        names: What to write above the strips.
        columns: How many strips are beside each other.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    rows, columns = math.ceil(len(images) / columns), min(columns, len(images))
    strip = 12 / columns  # inches
    fig = Figure(figsize=(12, rows * (strip / images.shape[1] + 0.16) + 0.1))
    grid = fig.subplots(rows, columns, squeeze=False).ravel()
    for axes, chair in zip(grid, images, strict=False):
        show_strip(axes, torch.from_numpy(chair[:, None] / 255))
    for axes, name in zip(grid, names, strict=False):
        axes.set_title(plain(name), fontsize=6, pad=1)
    for axes in grid[len(images) :]:
        axes.set_axis_off()
    return fig
