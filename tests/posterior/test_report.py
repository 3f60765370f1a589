"""Figures of what importance sampling found."""

from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pyro_factor.posterior.calibration import Calibration
from pyro_factor.posterior.importance import Importance
from pyro_factor.posterior.report import _codes, _pareto, _prior, _ranks


@pytest.mark.parametrize("shapes", [(0.3, inf), (inf, inf), (-0.2, 1.7)])
def test_every_clip_is_in_the_histogram_of_pareto_shapes(shapes):
    clips = [Importance(-10.0, {10: -9.5, 100: -9.0}, shape, 100) for shape in shapes]
    histogram, _ = _pareto({"own": clips}).axes
    assert sum(bar.get_height() for bar in histogram.patches) == len(clips)


@pytest.mark.parametrize("features", [(), (2,), (2, 3)])
def test_codes_of_any_shape_are_drawn_feature_by_feature(features):
    shape = (4, 5, 2, 6, *features)  # chains, draws, videos, frames
    dims = ["chain", "draw", "video", "frame", "first", "second"][: len(shape)]
    values = np.random.default_rng(0).normal(size=shape)
    data = SimpleNamespace(posterior=xr.Dataset({"h": (dims, values)}))
    axes = _codes(data, ["h"]).axes
    means = values[:, :, 0].mean((0, 1)).reshape(6, -1)
    drawn = np.stack([line.get_ydata() for line in axes[0].lines], -1)
    np.testing.assert_allclose(drawn, means)


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
