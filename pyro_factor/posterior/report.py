"""What the guide believes and how wrong it is, as figures; `tables` has the numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..evaluation.style import COLOURS, MARKERS, TITLED, save, show_strip, styled
from ..evaluation.unseen_frames import masks
from ..models.layout import Layout
from ..models.video_vae import VideoVAE
from .calibration import Calibration
from .importance import GOOD, Importance
from .inference_data import import_arviz
from .prediction import Frames, predict

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

SHOWN = 3  # clips in the figure of codes
LEVEL = 0.9
COLUMNS = 4  # sites side by side


def posterior_figures(
    vae: VideoVAE,
    file: Path,
    found: Mapping[str, Sequence[Importance]],
    calibration: Calibration,
    folder: Path,
) -> list[Path]:
    """Draw codes with their intervals, prior beside posterior, Pareto's k̂, and ranks.

    Args:
        vae: The model.
        file: What `write_posterior` wrote of it.
        found: What the importance weights say.
        calibration: What simulated clips say.
        folder: Where the figures go.

    Returns:
        The figures' files; that of the codes only of clips of several frames.
    """
    data = import_arviz().from_netcdf(file)
    num_frames = data.observed_data.sizes["frame"]
    codes = _stack(data.posterior, vae.model.reader.layout(num_frames))
    factors = vae.model.reader.factors(num_frames)
    drawn = {
        **({"codes": _codes(codes, factors)} if num_frames > 1 else {}),
        "prior": _prior(data),
        "pareto": _pareto(found),
        "ranks": _ranks(calibration),
    }
    return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _stack(posterior: Any, layout: Layout) -> Float[np.ndarray, "videos frames features draws"]:
    """The codes h of the first clips, whatever sites the prior draws them at."""
    drawn = posterior.isel(video=slice(SHOWN)).stack(all=("chain", "draw"))
    sites = {}
    for draw in layout.frame_draws:
        values = torch.from_numpy(drawn[draw.name].transpose("all", "video", ...).values)
        sites[draw.name] = values.reshape(*values.shape[:2], *layout.padded_shape(draw))
    return np.moveaxis(layout.stack(sites).numpy(), 0, -1)


@styled
def _codes(
    codes: Float[np.ndarray, "videos frames features draws"], factors: Mapping[str, Sequence[int]]
) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(max(3 * len(codes), TITLED), 2.2 * len(factors)))
    grid = fig.subplots(len(factors), len(codes), sharex=True, sharey="row", squeeze=False)
    for row, (name, columns) in zip(grid, factors.items(), strict=True):
        for clip, (axes, values) in enumerate(zip(row, codes, strict=True)):
            _band(axes, values[:, columns])
            axes.set_title(f"{name}, clip {clip}")
        row[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7)
    for axes in grid[-1]:
        axes.set_xlabel("frame")
        axes.locator_params(axis="x", integer=True)
    fig.suptitle(f"Codes of frames: the guide's means and {LEVEL:.0%} intervals")
    return fig


def _band(axes: "matplotlib.axes.Axes", values: np.ndarray) -> None:
    """A line and a band for every feature of values (frames, features, draws)."""
    frames = np.arange(1, len(values) + 1)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=-1)
    for feature in range(values.shape[1]):
        colour = COLOURS[feature % len(COLOURS)]
        mean = values[:, feature].mean(-1)
        axes.plot(frames, mean, color=colour, label=f"feature {feature}")
        axes.fill_between(frames, low[:, feature], high[:, feature], color=colour, alpha=0.25, lw=0)


@styled
def _prior(data: Any) -> "matplotlib.figure.Figure":
    """Each site's values under the prior, and over all clips under the guide."""
    names = list(data.posterior.data_vars)
    fig = _panels(len(names))
    for axes, name in zip(fig.axes, names, strict=True):
        groups = {"prior": data.prior[name], "guide, all clips": data.posterior[name]}
        groups = {label: found.values.ravel().astype(float) for label, found in groups.items()}
        # of each by itself, since the guide has more draws and may be narrow
        ends = [np.quantile(values, [0.001, 0.999]) for values in groups.values()]
        for number, (label, values) in enumerate(groups.items()):
            axes.hist(
                values,
                bins=60,
                range=(np.min(ends), np.max(ends)),
                density=True,
                histtype="step",
                color=COLOURS[number],
                label=label,
            )
        axes.set_title(name)
        axes.set_yticks([])
    fig.axes[0].legend(loc="upper left", fontsize=7)
    fig.suptitle("All entries of each site: the average posterior beside the prior")
    return fig


@styled
def _pareto(found: Mapping[str, Sequence[Importance]]) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    fig = Figure(figsize=(6.5, 2.8))
    left, right = fig.subplots(1, 2)
    shapes = {guide: np.array([one.pareto_k for one in each]) for guide, each in found.items()}
    finite = [k for each in shapes.values() for k in each[np.isfinite(each)]]
    shown = (min([0.0, *finite]), max([1.0, *finite]))
    sizes = list(found["own"][0].bounds)
    elbos = np.array([one.elbo for one in found["own"]])
    for number, (guide, each) in enumerate(found.items()):
        style = {"color": COLOURS[number], "label": f"{guide} guide"}
        left.hist(shapes[guide].clip(*shown), bins=20, range=shown, alpha=0.6, **style)
        above = np.array([[one.bounds[size] for size in sizes] for one in each]) - elbos[:, None]
        right.plot(sizes, above.T, color=COLOURS[number], alpha=0.2, lw=0.8)
        right.plot(sizes, above.mean(0), marker=MARKERS[number], ms=4, **style)
    left.axvline(GOOD, color="0.3", lw=1)
    left.set(xlabel=f"Pareto k̂ (too large above {GOOD})", ylabel="clips")
    left.locator_params(axis="y", integer=True)
    right.set_xscale("log")
    right.set(xlabel="importance weights", ylabel="nats above the own guide's ELBO")
    right.legend()
    return fig


@styled
def _ranks(calibration: Calibration) -> "matplotlib.figure.Figure":
    sites = list(calibration.scores)
    fig = _panels(len(sites))
    for axes, site in zip(fig.axes, sites, strict=True):
        axes.hist(calibration.ranks(site).ravel(), bins=20, range=(0, 1), density=True)
        axes.axhline(1, color="0.3", lw=1)
        axes.set_title(site)
        axes.set_xlabel("rank under the guide")
        axes.set_yticks([])
    fig.suptitle("Ranks of codes that the model drew: flat if the guide is the posterior")
    return fig


def _panels(number: int) -> "matplotlib.figure.Figure":
    """Panels for some sites, a few in each row."""
    from matplotlib.figure import Figure

    columns = min(number, COLUMNS)
    rows = -(-number // columns)
    fig = Figure(figsize=(max(3 * columns, TITLED), 2.4 * rows))
    for axes in fig.subplots(rows, columns, squeeze=False).flat[number:]:
        axes.remove()
    return fig


def prediction_figure(
    vae: VideoVAE, video: Float[Tensor, "frames channels height width"]
) -> "matplotlib.figure.Figure":
    """Draw a clip, its second half predicted from its first, and it from every third frame.

    Args:
        vae: The model; its prior has a Gaussian form.
        video: A clip (N, C, H, W).

    Returns:
        The figure: means and spreads of pixels, frames that were seen marked.
    """
    asked = masks(len(video)).items()
    return _prediction(video, {name: (m, predict(vae, video[None], m)) for name, m in asked})


@styled
def _prediction(
    video: Tensor, found: Mapping[str, tuple[Tensor, Frames]]
) -> "matplotlib.figure.Figure":
    from matplotlib.figure import Figure

    rows = [("clip", video, torch.zeros(len(video)))]
    for name, (seen, frames) in found.items():
        rows.append((name, frames.mean[0], seen))
        rows.append(("unsure", frames.spread[0] / frames.spread.max(), seen))
    fig = Figure(figsize=(max(0.6 * len(video) + 0.8, TITLED), 0.75 * len(rows) + 0.4))
    for axes, (name, images, seen) in zip(fig.subplots(len(rows), 1), rows, strict=True):
        show_strip(axes, images)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        width = images.shape[-1] + 2
        for frame in seen.nonzero().flatten().tolist():
            axes.axvspan(frame * width, frame * width + width - 3, 0, 0.04, color=COLOURS[0])
    fig.suptitle("Frames that were not seen (seen ones are marked): pixel means, and spreads")
    return fig
