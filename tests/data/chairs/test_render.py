"""Rendered images against silhouettes worked out by hand, and against turned meshes."""

import math

import numpy as np
import pytest
from chair_shapes import box, turned
from scipy.spatial import ConvexHull

from pyro_factor.data.chairs import render as renderer
from pyro_factor.data.chairs.camera import Views
from pyro_factor.data.chairs.generator import GeneratedChair
from pyro_factor.data.chairs.mesh import Mesh, normalised
from pyro_factor.data.chairs.render import BACKGROUND, BRIGHTEST, DARKEST, render
from pyro_factor.errors import InputError

SAMPLE = math.ceil((BACKGROUND - DARKEST) / 16)  # what one of a pixel's 16 rays can change


def projected(vertices, azimuth, elevation, size):
    """Pixel positions (x, y) of points before a camera at distance 4 that frames the sphere."""
    places = []
    for x, y, z in turned(Mesh(vertices, None), azimuth).vertices:
        depth = 4 - (x * math.cos(elevation) + z * math.sin(elevation))
        height = z * math.cos(elevation) - x * math.sin(elevation)
        # a tangent to the unit sphere leaves the camera at the sine 1/4
        scale = size / 2 / (depth * math.tan(math.asin(1 / 4)))
        places.append((size / 2 + scale * y, size / 2 - scale * height))
    return np.array(places)


def coverage(images):
    """Pixels that a shape covers, counting partly covered ones in part; it must be of one grey."""
    grey = images.min()
    return (BACKGROUND - images.astype(float)).sum() / (BACKGROUND - float(grey))


@pytest.mark.parametrize("elevation", [0.0, 20.0, -35.0, 70.0])
def test_covers_the_exact_silhouette_of_a_cube(elevation, monkeypatch):
    monkeypatch.setattr(renderer, "DARKEST", 0)  # all black, so that grey is coverage
    monkeypatch.setattr(renderer, "BRIGHTEST", 0)
    views = Views(48, 7, elevation)
    cube = normalised(box(1, 1, 1))
    for image, azimuth in zip(render(cube, views), views.azimuths, strict=True):
        hull = ConvexHull(projected(cube.vertices, azimuth, math.radians(elevation), 48))
        # pixels well inside and well outside, by their distance to the hull's sides
        y, x = np.mgrid[:48, :48] + 0.5
        outside = (hull.equations @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)).max(0)
        outside = outside.reshape(48, 48)
        assert (image[outside > 1] == BACKGROUND).all()
        assert (image[outside < -1] == 0).all()
        # a ray stands for a quarter of a pixel each way: an edge is off by half of that at most
        error = hull.area / 8  # in the plane, scipy calls the perimeter area, and the area volume
        assert (1 - image / BACKGROUND).sum() == pytest.approx(hull.volume, abs=error)


def test_partly_covered_pixels_are_grey_by_their_coverage():
    square = normalised(Mesh(np.array([[0, -1, -1], [0, 1, -1], [0, 1, 1], [0, -1, 1.0]]),
                             np.array([[0, 1, 2], [0, 2, 3]])))  # fmt: skip
    for size in (30, 31, 37):
        image = render(square, Views(size, 2, 0.0))[0]
        hull = ConvexHull(projected(square.vertices, 0, 0, size))
        assert coverage(image) == pytest.approx(hull.volume, rel=0.03)
        # a pixel is the mean of 16 rays
        shares = (BACKGROUND - image.astype(float)) / (BACKGROUND - float(image.min())) * 16
        np.testing.assert_allclose(shares, shares.round(), atol=0.1)


@pytest.mark.parametrize("half_step", [False, True])
def test_a_turn_of_the_camera_is_a_turn_of_the_mesh(half_step):
    views = Views(64, 31, half_step=half_step)
    chair = normalised(GeneratedChair(0, 3).mesh())
    images = render(chair, views).astype(int)
    step = 2 * math.pi / 31
    difference = np.abs(images - np.roll(render(turned(chair, step), views), 1, axis=0))
    # rays that graze an edge fall on either side of it by rounding
    assert (difference > 0).mean() < 1e-3
    assert difference.max() <= 2 * SAMPLE


def test_half_steps_lie_halfway():
    chair = normalised(GeneratedChair(0, 3).mesh())
    fine, half = render(chair, Views(64, 10)), render(chair, Views(64, 5, half_step=True))
    difference = np.abs(fine[1::2].astype(int) - half)
    assert (difference > 0).mean() < 1e-3
    assert (fine[0] != half[0]).any()


def test_the_front_comes_first_and_turns_counterclockwise():
    # a bar along x with a block at its front end (+x), which is on the right after a quarter turn
    thin = box(0.2, 0.2, 0.2)
    both = Mesh(
        np.concatenate([box(2, 0.2, 0.2).vertices, thin.vertices + np.array([0.9, 0, 0.5])]),
        np.concatenate([box(2, 0.2, 0.2).faces, thin.faces + 8]),
    )
    front, right, back, left = BACKGROUND - render(normalised(both), Views(64, 4, 0.0)).astype(int)
    columns = np.arange(64) - 31.5
    top = [(view[:24] * columns).sum() / view[:24].sum() for view in (front, right, back, left)]
    assert abs(top[0]) < 0.5
    assert top[1] > 10
    assert abs(top[2]) < 0.5
    assert top[3] < -10


def test_a_sphere_is_the_same_from_all_sides():
    import trimesh

    # meridians a fifth of a step apart: a step turns the mesh into itself
    ball = trimesh.creation.uv_sphere(count=[64, 2 * 31 * 5])
    images = render(normalised(Mesh(ball.vertices, ball.faces)), Views(64, 31)).astype(int)
    difference = np.abs(images - images[0])
    assert (difference > 1).mean() < 2e-3
    assert difference.max() <= 2 * SAMPLE
    # it touches the frame on all four sides and doesn't leave it
    for edge in (images[0, 0], images[0, -1], images[0, :, 0], images[0, :, -1]):
        assert (edge < BACKGROUND).any()
        assert edge[0] == edge[-1] == BACKGROUND


def test_background_is_white_and_every_face_darker():
    chair = normalised(GeneratedChair(0, 1).mesh())
    images = render(chair, Views())
    assert images.dtype == np.uint8
    assert (images[:, 0, 0] == 255).all()
    inside = images[(images < 255)]
    assert inside.min() >= DARKEST
    assert BRIGHTEST / 255 < 0.86
    # no pixel is between a fully covered one's brightest and the background but at an edge
    solid = render(normalised(box(1, 1, 1)), Views(64, 5))[:, 28:36, 28:36]
    assert solid.max() <= BRIGHTEST


def test_faces_are_shaded_alike_from_either_side():
    cube = normalised(box(1, 1, 1))
    inside_out = Mesh(cube.vertices, cube.faces[:, ::-1])
    np.testing.assert_array_equal(render(cube, Views()), render(inside_out, Views()))


def test_the_same_bytes_every_time():
    chair = normalised(GeneratedChair(0, 5).mesh())
    np.testing.assert_array_equal(render(chair, Views()), render(chair, Views()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 7}, "image_size: got 7"),
        ({"num_azimuths": 1}, "num_azimuths: got 1"),
        ({"elevation": 90.0}, "elevation: got 90"),
        ({"elevation": math.nan}, "elevation: got nan"),
    ],
)
def test_bad_views_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        Views(**arguments)
