"""How figures look, and how they reach the disk."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..files import atomic

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

STYLE: dict[Any, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "figure.titlesize": 11,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "image.cmap": "gray",
    "lines.linewidth": 1.2,
    "svg.hashsalt": "pyro-factor",
}
# Okabe and Ito's colours, told apart with every kind of colour vision, and markers beside them.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one more, so that pairs repeat late
TITLED = 6.5  # inches that a figure's title takes, even of few frames

Arguments = ParamSpec("Arguments")


def look(number: int) -> dict[str, Any]:
    """The colour and the marker of a series by its number; no pair comes twice in 42."""
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def plain(name: str) -> str:
    """A user's name as a text of a figure: no mathematics, and shown in a legend whatever it is."""
    hidden = "\u200b" if name.startswith("_") else ""
    return hidden + name.replace("$", r"\$")


def styled(
    draw: Callable[Arguments, "matplotlib.figure.Figure"],
) -> Callable[Arguments, "matplotlib.figure.Figure"]:
    """Draw in the style above and leave matplotlib's settings as they were."""

    @wraps(draw)
    def inner(*args: Arguments.args, **kwargs: Arguments.kwargs) -> "matplotlib.figure.Figure":
        from matplotlib import rc_context

        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return inner


def save(fig: "matplotlib.figure.Figure", path: Path) -> Path:
    """Write a figure in the format that the path's suffix names, whole or not at all."""
    from matplotlib import rc_context

    kind = path.suffix.removeprefix(".")
    with atomic(path) as temporary, rc_context(STYLE):
        # undated, so that the same figure is the same file
        fig.savefig(temporary, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return path


def check_format(argument: str, path: Path) -> None:
    """Refuse a file that `save` can't write, before what it shows is made.

    Raises:
        InputError: The suffix names no format.
    """
    from matplotlib.backend_bases import FigureCanvasBase

    known = path.suffix.lower().removeprefix(".") in FigureCanvasBase.get_supported_filetypes()
    require(known, argument, str(path), "give a file that ends in .png, .svg or .pdf")


def as_shown(
    images: Float[Tensor, "*batch channels height width"],
) -> Float[Tensor, "*batch 3 height width"]:
    """Red, green and blue of images, gray unless they have three channels.

    The mean of a Gaussian pixel may lie outside [0, 1]; it is cut off here, and only here.
    """
    pixels = images.detach().cpu().clamp(0, 1)
    if pixels.shape[-3] == 3:
        return pixels
    *batch, _, height, width = pixels.shape
    return pixels.mean(-3, keepdim=True).expand(*batch, 3, height, width)


def show_strip(
    axes: "matplotlib.axes.Axes", images: Float[Tensor, "images channels height width"]
) -> None:
    """Show images side by side, two white pixels between them."""
    padded = np.pad(as_shown(images), [(0, 0), (0, 0), (0, 0), (0, 2)], constant_values=1)
    axes.imshow(np.concatenate(list(padded.transpose(0, 2, 3, 1)), axis=1)[:, :-2])
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
