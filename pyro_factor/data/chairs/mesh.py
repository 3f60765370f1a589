"""Triangle meshes as two arrays, upright and in the unit sphere."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...errors import require

AXES = tuple(f"{sign}{axis}" for axis in "xyz" for sign in ("", "+", "-"))


class Mesh(NamedTuple):
    """Corners and the triangles between them; z is up and +x is where it faces, once upright."""

    vertices: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]


class Unusable(ValueError):
    """A mesh that can't be shown; the message says why."""


def join(parts: list[Mesh]) -> Mesh:
    """One mesh of many."""
    start = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    faces = [part.faces + first for part, first in zip(parts, start, strict=True)]
    return Mesh(np.concatenate([part.vertices for part in parts]), np.concatenate(faces))


def direction(name: str) -> Float[np.ndarray, "3"]:
    """The unit vector of an axis named as "x", "+x" or "-x"."""
    return (-1.0 if name[0] == "-" else 1.0) * np.eye(3)["xyz".index(name[-1])]


def check_axes(up: str, facing: str) -> None:
    """Raise `InputError` unless these are two axes at a right angle."""
    for argument, name in (("up", up), ("facing", facing)):
        require(name in AXES, argument, name, "give an axis, such as 'z', '+x' or '-y'")
    across = "give an axis at a right angle to up"
    require(up[-1] != facing[-1], "facing", facing, f"{across}, which is {up!r}")


def upright(mesh: Mesh, up: str, facing: str) -> Mesh:
    """Turn a mesh so that `up` becomes z and `facing` becomes +x."""
    front, top = direction(facing), direction(up)
    return Mesh(mesh.vertices @ np.stack([front, np.cross(top, front), top]).T, mesh.faces)


def normalised(mesh: Mesh) -> Mesh:
    """The mesh with its bounding box around the origin and its furthest corner at distance 1.

    Raises:
        Unusable: Nothing to show, numbers that aren't finite, or no extent.
    """
    _hold(len(mesh.faces) > 0, "it has no faces")
    inside = mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
    _hold(bool(inside), "a face names a vertex that isn't there")
    used, faces = np.unique(mesh.faces, return_inverse=True)
    vertices = mesh.vertices[used].astype(np.float64)
    _hold(bool(np.isfinite(vertices).all()), "a vertex isn't finite")
    low, high = vertices.min(0), vertices.max(0)
    # halved first: the sum of two large numbers may not be finite
    vertices = vertices - (low / 2 + high / 2)
    _hold(bool(np.sort(high - low)[1] > 1e-4 * (high - low).max()), "it is a point or a line")
    vertices /= np.abs(vertices).max()
    vertices /= np.linalg.norm(vertices, axis=1).max()
    return Mesh(vertices, faces.reshape(-1, 3).astype(np.int32))


def _hold(condition: bool, reason: str) -> None:
    if not condition:
        raise Unusable(reason)
