"""Generated chairs: each its own, always the same, and shaped like a chair."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_factor.data.chairs import design, generator
from pyro_factor.data.chairs.design import draw
from pyro_factor.data.chairs.generator import GeneratedChair
from pyro_factor.data.chairs.mesh import normalised, normals
from pyro_factor.data.chairs.parts import ROUND, SQUARE, oval, slab, tube


def digest(mesh):
    return hashlib.sha256(mesh.vertices.round(6).tobytes() + mesh.faces.tobytes()).hexdigest()


def test_chairs_are_distinct_and_stable():
    chairs = [GeneratedChair(seed, index) for seed in (0, 1) for index in range(60)]
    first = [digest(chair.mesh()) for chair in chairs]
    assert len(set(first)) == len(chairs)
    assert [digest(chair.mesh()) for chair in reversed(chairs)] == first[::-1]
    assert len({chair.name for chair in chairs}) == len(chairs)
    assert len({chair.contents() for chair in chairs}) == len(chairs)


@pytest.mark.parametrize("part", ["legs", "seat", "back", "arms"])
def test_every_style_occurs_and_can_be_built(part):
    styles = {"legs": design.LEGS, "seat": design.SEATS, "back": design.BACKS, "arms": design.ARMS}
    makers = {"legs": generator.LEGS, "seat": generator.SEATS, "back": generator.BACKS}
    makers["arms"] = generator.ARMS
    count = Counter(getattr(draw(0, index), part) for index in range(400))
    assert set(count) == set(styles[part]) == set(makers[part])
    assert min(count.values()) > 10


@settings(max_examples=60)
@given(seed=st.integers(0, 2**63), index=st.integers(0, 10**6))
def test_any_chair_is_whole_and_stands_on_the_floor(seed, index):
    chair = GeneratedChair(seed, index).mesh()
    assert np.isfinite(chair.vertices).all()
    low, high = chair.vertices.min(0), chair.vertices.max(0)
    assert low[2] == pytest.approx(0, abs=0.02)
    assert (high - low > 0.25).all()
    assert (high - low < 1.8).all()
    assert low[1] == pytest.approx(-high[1], abs=0.05)  # as far to the left as to the right
    # it faces +x: what is highest is at its rear
    assert chair.vertices[chair.vertices[:, 2] > high[2] - 0.01, 0].mean() < 0.5 * (low + high)[0]
    fitted = normalised(chair)
    distance = np.linalg.norm(fitted.vertices, axis=1)
    assert distance.max() == pytest.approx(1)
    assert (np.linalg.norm(normals(chair), axis=1) > 0).all()


def test_parts_are_closed_solids_of_the_right_volume():
    import trimesh

    bar = tube([(0, 0, 0), (0, 0, 2.0)], 0.5, SQUARE, 0.25)
    rod = tube([(0, 0, 0), (0, 3.0, 0)], 0.1, ROUND)
    disc = slab(oval(2.0, 1.0, 2.0), [0.0, 0.5], [1.0, 1.0])
    elbow = tube([(0, 0, 0), (1.0, 0, 0), (1.0, 0, 1.0)], 0.1, SQUARE)
    round_area = 10 / 2 * np.sin(2 * np.pi / 10)  # of a ten-sided prism of radius 1
    expected = [1.0, 3 * 0.01 * round_area, np.pi / 4, None]
    for mesh, volume in zip((bar, rod, disc, elbow), expected, strict=True):
        solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        assert solid.is_watertight
        assert solid.is_winding_consistent
        if volume:
            assert abs(solid.volume) == pytest.approx(volume, rel=0.01)
