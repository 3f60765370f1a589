"""The solids that chairs are made of: each is lofted through a row of rings."""

from typing import Any

import numpy as np
from jaxtyping import Float

from .mesh import Mesh

Points = Float[np.ndarray, "points 3"]

SQUARE = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
_turn = 2 * np.pi * np.arange(10) / 10
ROUND = np.stack([np.cos(_turn), np.sin(_turn)], -1)


def loft(rings: Float[np.ndarray, "rings sides 3"]) -> Mesh:
    """The closed surface through rings of corners, one after another, capped at both ends."""
    corner = np.arange(rings.shape[0] * rings.shape[1]).reshape(rings.shape[:2])
    after = np.roll(corner, -1, axis=1)
    start, end = corner.size, corner.size + 1  # the caps' centres
    triangles: list[tuple[Any, Any, Any]] = [
        (corner[:-1], after[:-1], corner[1:]),
        (after[:-1], after[1:], corner[1:]),
        (start, after[0], corner[0]),
        (end, corner[-1], after[-1]),
    ]
    faces = [np.stack(np.broadcast_arrays(*three), -1).reshape(-1, 3) for three in triangles]
    centres = rings[[0, -1]].mean(1)
    return Mesh(np.concatenate([rings.reshape(-1, 3), centres]), np.concatenate(faces))


def tube(path: object, width: object, profile: np.ndarray = ROUND, depth: object = None) -> Mesh:
    """A bar along a path that lies in a plane.

    Args:
        path: Points (points, 3).
        width: Half the bar's width, a number or one for each point; across the path's plane
            if it has one.
        profile: Its cross-section, `ROUND` or `SQUARE`.
        depth: Half its extent the other way; the width unless given.

    Returns:
        The bar, with mitred corners.
    """
    points = np.asarray(path, float)
    step = np.diff(points, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    tangent = np.concatenate([step[:1], step[:-1] + step[1:], step[-1:]])
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    # the axis that the path is furthest from: its plane's normal, if it bends in an axis plane
    across = np.eye(3)[np.abs(tangent).max(0).argmin()]
    inward = np.cross(tangent, across)
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    sides = np.cross(inward, tangent)
    wide, deep = (
        np.broadcast_to(np.asarray(half, float), len(points))[:, None, None]
        for half in (width, width if depth is None else depth)
    )
    ring = wide * profile[:, :1] * sides[:, None] + deep * profile[:, 1:] * inward[:, None]
    return loft(points[:, None] + ring)


def slab(outline: Float[np.ndarray, "sides 2"], heights: list[float], scales: list[float]) -> Mesh:
    """An outline (x, y) stacked up at some heights, scaled at each."""
    stack = np.asarray(scales)[:, None, None] * outline
    tops = np.broadcast_to(np.asarray(heights)[:, None, None], (*stack.shape[:2], 1))
    return loft(np.concatenate([stack, tops], -1))


def oval(
    depth: float, width: float, power: float, taper: float = 0.0
) -> Float[np.ndarray, "sides 2"]:
    """A superellipse: round at power 2, square at many; narrower by `taper` at the back."""
    angle = 2 * np.pi * (np.arange(32) + 0.5) / 32
    unit = np.stack([np.cos(angle), np.sin(angle)], -1)
    x, y = (np.sign(unit) * np.abs(unit) ** (2 / power)).T
    return np.stack([0.5 * depth * x, 0.5 * width * y * (1 - taper * (1 - x) / 2)], -1)


def board(half: float, low: np.ndarray, high: np.ndarray, thickness: float | np.ndarray) -> Mesh:
    """An upright board across y, between two heights given from its left to its right."""
    y = np.linspace(-half, half, len(low))
    front = np.broadcast_to(0.5 * np.asarray(thickness), y.shape)
    corners = [(front, high), (front, low), (-front, low), (-front, high)]
    return loft(np.stack([np.stack([x, y, z], -1) for x, z in corners], 1))
