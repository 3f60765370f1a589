"""Figures of what importance sampling found."""

from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from pyro_factor.posterior.importance import Importance
from pyro_factor.posterior.report import _codes, _pareto


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
