"""The priors that are known by name: a table of them, and draws from each."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from ..inference.seeds import forked
from ..models import NotGaussianPrior, gaussian_form
from ..models.prior_reader import PriorReader
from ..models.prior_reference import BUILT_IN, find_prior
from .style import COLOURS, styled

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import rich.table

VIDEOS, FRAMES = 4, 32


def prior_table() -> "rich.table.Table":
    """Each prior by name: what it says, its hyperparameters, whether p(h) is Gaussian."""
    from rich.table import Table

    table = Table(title="priors: --prior NAME --prior-args A=B", title_justify="left")
    for column in ("name", "density", "hyperparameters", "Gaussian"):
        table.add_column(column)
    for name, prior in BUILT_IN.items():
        summary = (inspect.getdoc(prior) or "").partition("\n")[0]
        table.add_row(name, summary, _hyperparameters(prior), "yes" if is_gaussian(name) else "no")
    return table


def is_gaussian(name: str) -> bool:
    """Whether a prior has a Gaussian form."""
    try:
        gaussian_form(find_prior(name, {}), 4)
    except NotGaussianPrior:
        return False
    return True


def draws(
    prior: Callable, num_videos: int, num_frames: int
) -> tuple[Float[Tensor, "videos frames features"], dict[str, list[int]]]:
    """Draw codes of some clips from a prior; return them and the columns of each factor."""
    reader = PriorReader(prior)
    sample = reader.sampler(num_frames, like=torch.zeros(()))
    with torch.no_grad(), poutine.block(), reader.clips(num_videos, num_frames):
        return sample(), reader.layout(num_frames).factors


@styled
def prior_figure(seed: int = 0) -> "matplotlib.figure.Figure":
    """Draws from every prior: the first feature of each factor of some clips, frame by frame."""
    from matplotlib.figure import Figure

    rows = -(-len(BUILT_IN) // 3)
    fig = Figure(figsize=(9, 1.6 * rows))
    grid = fig.subplots(rows, 3, sharex=True).flat
    with forked(seed):
        for axes, name in zip(grid, BUILT_IN, strict=False):
            _panel(axes, name)
    for axes in list(grid[len(BUILT_IN) :]):
        axes.remove()
    fig.supxlabel("frame")
    fig.suptitle("Draws from each prior: four clips, a feature of each factor")
    return fig


def _panel(axes: "matplotlib.axes.Axes", name: str) -> None:
    h, factors = draws(find_prior(name, {}), VIDEOS, FRAMES)
    for number, columns in enumerate(factors.values()):
        style = ("-", "--", ":")[number % 3]
        for colour, path in zip(COLOURS, h[..., columns[0]], strict=False):
            axes.plot(range(1, FRAMES + 1), path, style, color=colour)
    axes.set_title(f"{name}: {', '.join(factors)}")


def _hyperparameters(prior: Callable) -> str:
    parameters = inspect.signature(prior).parameters.values()
    return ", ".join(f"{p.name}={p.default}" for p in parameters if p.default is not p.empty)
