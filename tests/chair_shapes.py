"""Shapes with known silhouettes, and chairs that count how often they are made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyro_factor.data.chairs.mesh import Mesh, Unusable


def box(*extents):
    """A box around the origin."""
    import trimesh

    solid = trimesh.creation.box(extents)
    return Mesh(np.asarray(solid.vertices, float), np.asarray(solid.faces, int))


def turned(mesh, angle):
    """The mesh turned counterclockwise about z."""
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return Mesh(mesh.vertices @ turn.T, mesh.faces)


@dataclass(frozen=True)
class CountedBox:
    """A box as high as its number; each time it is made, a line is added to a file."""

    number: int
    log: Path
    broken: bool = False

    @property
    def name(self):
        return f"box {self.number}"

    def contents(self):
        return self.name

    def mesh(self):
        with self.log.open("a") as file:
            file.write(f"{self.number}\n")
        if self.broken:
            raise Unusable("it is broken")
        return box(1, 1, 1 + self.number)
