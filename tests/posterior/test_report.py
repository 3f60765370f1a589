"""Figures of what importance sampling found."""

from math import inf

import pytest

from pyro_factor.posterior.importance import Importance
from pyro_factor.posterior.report import _pareto


@pytest.mark.parametrize("shapes", [(0.3, inf), (inf, inf), (-0.2, 1.7)])
def test_every_clip_is_in_the_histogram_of_pareto_shapes(shapes):
    clips = [Importance(-10.0, {10: -9.5, 100: -9.0}, shape, 100) for shape in shapes]
    histogram, _ = _pareto({"own": clips}).axes
    assert sum(bar.get_height() for bar in histogram.patches) == len(clips)
