"""Triangle meshes as two arrays, upright and in the unit sphere."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...errors import require

MIN_AREA = 1e-6  # of all faces together, in the unit sphere
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


def check_axes(up: str | None, facing: str | None) -> None:
    """Raise `InputError` unless those that are given are axes at a right angle."""
    for argument, name in (("up", up), ("facing", facing)):
        known = name is None or name in AXES
        require(known, argument, name, "give an axis, such as 'z', '+x' or '-y'")
    if up is not None and facing is not None:
        across = f"give an axis at a right angle to up, which is {up!r}"
        require(up[-1] != facing[-1], "facing", facing, across)


def upright(mesh: Mesh, up: str, facing: str) -> Mesh:
    """Turn a mesh so that `up` becomes z and `facing` becomes +x."""
    front, top = direction(facing), direction(up)
    with np.errstate(invalid="ignore"):  # what isn't finite is refused when it is normalised
        turned = mesh.vertices @ np.stack([front, np.cross(top, front), top]).T
    return Mesh(turned, mesh.faces)


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
    # halved first: the sum of two large numbers may not be finite
    vertices -= vertices.min(0) / 2 + vertices.max(0) / 2
    extent = np.abs(vertices).max()
    _hold(bool(extent > 0), "it is a point")
    vertices /= extent  # first, as the square of a large number may not be finite
    vertices /= np.linalg.norm(vertices, axis=1).max()
    mesh = Mesh(vertices, faces.reshape(-1, 3).astype(np.int32))
    area = 0.5 * np.linalg.norm(normals(mesh), axis=1).sum()
    _hold(bool(area > MIN_AREA), "it is a line")
    return mesh


def normals(mesh: Mesh) -> Float[np.ndarray, "faces 3"]:
    """A vector across each face, twice as long as the face is large."""
    first, second, third = mesh.vertices[mesh.faces].swapaxes(0, 1)
    return np.cross(second - first, third - first)


def _hold(condition: bool, reason: str) -> None:
    if not condition:
        raise Unusable(reason)
