"""Colour, and pixels of both distributions, from training to every figure and measure."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from pyro import poutine
from small_runs import FRAMES, SIZE, Tinted, rows, small_data, small_run, small_vae

from pyro_factor.evaluation import evaluate, figures
from pyro_factor.evaluation.decoded import measure_decoded
from pyro_factor.evaluation.figures import ANIMATIONS, FIGURES
from pyro_factor.evaluation.pictures import examples_figure, reconstruction_figure
from pyro_factor.evaluation.style import as_shown, save
from pyro_factor.models import priors
from pyro_factor.posterior.anomalies import anomalies
from pyro_factor.posterior.anomaly_report import anomaly_figure, spoil
from pyro_factor.posterior.calibration import calibrate
from pyro_factor.posterior.inference_data import import_arviz, posterior_data
from pyro_factor.posterior.inspect import inspect, unseen_clips
from pyro_factor.posterior.report import posterior_figures, prediction_figure

COLOUR = {"image_shape": (3, SIZE, SIZE)}


@pytest.fixture(scope="module", params=["bernoulli", "gaussian"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "run"
    vae = small_vae(pixels=request.param, **COLOUR)
    return small_run(folder, vae, 12, data=small_data(Tinted))


def test_a_model_trains(run):
    found = rows(run.folder)
    assert found[-1]["elbo"] > found[0]["elbo"]


def test_every_channel_counts_in_the_likelihood(run):
    """Channel by channel, with the densities written out."""
    videos = run.data.batch(3, torch.Generator().manual_seed(0)).videos
    with torch.no_grad():
        trace = poutine.trace(run.vae.eval().model).get_trace(videos)
        trace.compute_log_prob()
        means = run.vae.decode(trace.nodes["_RETURN"]["value"])
    x, mean = videos.double(), means.double()
    if run.vae.images.name == "bernoulli":
        density = x * mean.log() + (1 - x) * (-mean).log1p()
    else:  # of standard deviation 0.1
        density = -50 * (x - mean).square() - math.log(0.1 * math.sqrt(2 * math.pi))
    expected = sum(density[:, :, channel].sum((1, 2, 3)) for channel in range(3))
    torch.testing.assert_close(trace.nodes["x"]["log_prob"].double(), expected, rtol=1e-5, atol=0.1)


def test_every_figure_is_drawn(run):
    evaluate(run, clips=60, progress=False)
    said = []
    names = {path.name for path in figures(run, say=said.append)}
    assert not said
    assert names == {f"{name}{kind}" for name in FIGURES for kind in (".png", ".svg")} | {
        f"{name}.gif" for name in ANIMATIONS
    }
    for path in (run.folder / "figures").glob("*.gif"):
        with Image.open(path) as gif:
            assert np.ptp(np.asarray(gif.convert("RGB")).astype(int), -1).max() > 5  # colours


def test_decoded_frames_are_measured(run):
    found = measure_decoded(run, [0, 1], clips=6, iterations=3, progress=False)
    values = [
        found.reconstruction,
        *(one for kind in found.unseen.values() for one in kind.values()),
    ]
    assert len(values) == 7
    assert all(np.isfinite([one.psnr, one.ssim, one.bce]).all() for one in values)
    assert all(one.inception >= 1 for one in found.swaps.values())


@pytest.mark.parametrize("run", ["gaussian"], indirect=True)  # Bernoulli: tests/posterior
def test_the_posterior_is_inspected_and_drawn(run, tmp_path):
    few = {"videos": 2, "num_samples": 4, "num_images": 4, "num_weights": 25, "progress": False}
    found = inspect(run, **few)
    path = run.folder / "posterior/posterior.nc"
    images = import_arviz().from_netcdf(path).posterior_predictive.x
    assert dict(images.sizes) | {"channel": 3, "height": SIZE} == dict(images.sizes)
    calibration = calibrate(run.vae, videos=2)
    drawn = posterior_figures(run.vae, path, found, calibration, tmp_path)
    clips = unseen_clips(run, 2, "test", 0).videos
    spoiled, foreign = spoil(clips, torch.arange(2))
    strange = anomalies(run.vae, spoiled)
    drawn.append(save(prediction_figure(run.vae, clips[0]), tmp_path / "prediction.png"))
    figure = anomaly_figure(spoiled[0], strange, int(foreign[0]))
    drawn.append(save(figure, tmp_path / "anomalies.png"))
    assert all(path.stat().st_size > 1_000 for path in drawn)


def test_strips_show_the_colours_of_the_clip():
    videos = torch.rand(2, 3, 3, 8, 8)
    fig = examples_figure(videos)
    for axes, video in zip(fig.axes, videos, strict=True):
        shown = np.asarray(axes.images[0].get_array())
        for frame, image in enumerate(video):
            part = shown[:, 10 * frame : 10 * frame + 8]
            np.testing.assert_array_equal(part, image.movedim(0, -1))


def test_gaussian_means_are_cut_off_where_they_are_shown_and_nowhere_else():
    vae = small_vae(priors.factored, pixels="gaussian", **COLOUR).eval()
    with torch.no_grad():
        vae.model.decoder.convolutions[-1].bias.copy_(torch.tensor([5.0, -5.0, 0.5]))
    videos = torch.rand(1, FRAMES, 3, SIZE, SIZE)
    decoded = vae.decode(vae.encode(videos).loc)
    assert decoded.max() > 2
    assert decoded.min() < -2
    shown = np.asarray(reconstruction_figure(vae, videos).axes[1].images[0].get_array())
    np.testing.assert_array_equal(shown[0, 0, :2], [1, 0])
    assert shown.min() == 0
    assert shown.max() == 1


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_what_is_shown_is_gray_unless_it_has_three_channels(batch):
    images = 3 * torch.randn(*batch, 3, 5, 6)
    assert torch.equal(as_shown(images), images.clamp(0, 1))
    for channels in (1, 2):
        few = images[..., :channels, :, :]
        expected = few.clamp(0, 1).mean(-3)
        assert all(torch.equal(shown, expected) for shown in as_shown(few).unbind(-3))


def test_the_posterior_of_unlabelled_clips_has_no_constant_data():
    clips = small_data(Tinted).batch(3, torch.Generator().manual_seed(0))
    data = partial(posterior_data, small_vae(**COLOUR), num_samples=4, num_images=4)
    labelled, bare = data(clips), data(type(clips)(clips.videos, static=clips.static))
    assert set(labelled.constant_data) == {"static_label", "temporal_label", "position"}
    assert set(bare.constant_data) == {"static_label"}
    assert "constant_data" not in data(type(clips)(clips.videos)).groups()
