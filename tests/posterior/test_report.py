"""Figures of what importance sampling found."""

from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from example_priors import frame_by_frame, frame_plate, non_centred, vectorised
from small_runs import FRAMES, SIZE, small_vae

from pyro_factor import gallery
from pyro_factor.posterior.calibration import Calibration
from pyro_factor.posterior.importance import Importance
from pyro_factor.posterior.inference_data import posterior_data
from pyro_factor.posterior.report import _codes, _pareto, _prior, _ranks, _stack


@pytest.mark.parametrize("shapes", [(0.3, inf), (inf, inf), (-0.2, 1.7)])
def test_every_clip_is_in_the_histogram_of_pareto_shapes(shapes):
    clips = [Importance(-10.0, {10: -9.5, 100: -9.0}, shape, 100) for shape in shapes]
    histogram, _ = _pareto({"own": clips}).axes
    assert sum(bar.get_height() for bar in histogram.patches) == len(clips)


def test_codes_are_drawn_feature_by_feature():
    codes = np.random.default_rng(0).normal(size=(2, 6, 4, 20))  # videos, frames, features, draws
    axes = _codes(codes, {"hs": [0, 2, 3], "ht": [1]}).axes
    for panel, values in zip(axes, (codes[0], codes[1]), strict=False):
        drawn = np.stack([line.get_ydata() for line in panel.lines], -1)
        np.testing.assert_allclose(drawn, values[:, [0, 2, 3]].mean(-1))
    np.testing.assert_allclose(axes[2].lines[0].get_ydata(), codes[0, :, 1].mean(-1))


@pytest.mark.parametrize(
    "prior", [vectorised, frame_by_frame, frame_plate, non_centred, gallery.laplace_walk]
)
def test_codes_are_stacked_of_whatever_sites_a_prior_has(prior):
    vae, videos = small_vae(prior), torch.rand(5, FRAMES, 1, SIZE, SIZE)
    data = posterior_data(vae, videos, num_samples=8, num_images=4)
    codes = _stack(data.posterior, vae.model.reader.layout(FRAMES))
    assert codes.shape == (3, FRAMES, vae.num_features, 8)
    log_likelihood = data.log_likelihood.x_frame.stack(all=("chain", "draw")).values
    for draw in range(8):
        outputs = vae.model.outputs(torch.from_numpy(codes[..., draw]))
        pixels = vae.images.pixels(outputs).log_prob(videos[:3]).flatten(2).sum(-1)
        np.testing.assert_allclose(pixels.detach(), log_likelihood[:3, ..., draw], rtol=1e-5)


def of_a_site(prior, guide):
    """What `_prior` takes, of one site: draws (chain, draw), and (chain, draw, video)."""
    names = ("chain", "draw", "video")
    groups = {"prior": prior, "posterior": guide}
    return SimpleNamespace(
        **{name: xr.Dataset({"h": (names[: v.ndim], v)}) for name, v in groups.items()}
    )


@pytest.mark.parametrize(
    ("loc", "scale", "guide_loc", "guide_scale"),
    [(0, 1, 0, 1), (10, 1, 0, 1), (4, 1, 4, 0.1), (0, 100, 1, 0.1), (1e6, 0.1, 1e6, 0.1)],
)
def test_the_prior_and_the_guide_are_both_shown_wherever_they_are(
    loc, scale, guide_loc, guide_scale
):
    generator = np.random.default_rng(0)
    prior = generator.normal(loc, scale, (4, 500)).astype(np.float32)
    guide = generator.normal(guide_loc, guide_scale, (4, 500, 20)).astype(np.float32)
    (axes,) = _prior(of_a_site(prior, guide)).axes
    for outline, values in zip(axes.patches, (prior, guide), strict=True):
        edges = np.unique(outline.xy[:, 0])
        assert np.mean((values < edges[0]) | (values > edges[-1])) <= 0.003
    if (loc, guide_loc) == (0, 0):
        assert -4 < edges[0] < -2.5
        assert 2.5 < edges[-1] < 4


def test_a_site_without_spread_is_shown():
    (axes,) = _prior(of_a_site(np.ones((4, 2)), np.ones((4, 2, 3)))).axes
    assert len(axes.patches) == 2


@pytest.mark.parametrize("sites", [1, 3, 4, 16, 33])
def test_panels_of_many_sites_are_wrapped(sites):
    names = [f"hs_{site}" for site in range(sites)]
    scores = {name: np.linspace(-2, 2, 10)[:, None] for name in names}
    draws = {name: (("chain", "draw"), np.linspace(-2, 2, 8).reshape(4, 2)) for name in names}
    data = SimpleNamespace(prior=xr.Dataset(draws), posterior=xr.Dataset(draws))
    for figure in (_prior(data), _ranks(Calibration(scores))):
        assert [axes.get_title() for axes in figure.axes] == names
        width, height = figure.get_size_inches()
        assert width <= 12
        assert height == pytest.approx(2.4 * -(-sites // 4))
