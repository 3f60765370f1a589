"""Images of a mesh from all around: rays cast by Embree, faces shaded flat, samples averaged."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from .camera import DISTANCE, SUPERSAMPLING, Views
from .mesh import Mesh, normals

if TYPE_CHECKING:
    from embreex.rtcore_scene import EmbreeScene

RENDERER = 1  # to be raised whenever the same mesh gives other images
BACKGROUND = 255
# The brightest face stays clear of the background, so that none vanishes head on.
DARKEST, BRIGHTEST = 40, 216
LIGHT = np.array([-0.45, 0.7, 0.75]) / np.linalg.norm([-0.45, 0.7, 0.75])  # right, up, backward


def render(mesh: Mesh, views: Views) -> UInt8[np.ndarray, "azimuths height width"]:
    """Render a mesh of the unit sphere as it turns; camera and light stay where they are.

    Args:
        mesh: Upright and normalised.
        views: Camera and azimuths.

    Returns:
        Grey levels: 255 is background, faces are at most 216 before they are averaged with it.
    """
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene(robust=True)  # no ray slips through an edge that two faces share
    TriangleMesh(scene, mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
    across = normals(mesh)
    across /= np.linalg.norm(across, axis=1, keepdims=True).clip(min=1e-30)  # some have no area
    images = np.full((views.num_azimuths, views.image_size, views.image_size), BACKGROUND, np.uint8)
    for image, camera in zip(images, views.cameras(), strict=True):
        rows, columns = _frame(mesh.vertices, camera, views)
        greys = _shade(mesh.vertices[mesh.faces[:, 0]], across, camera)
        hit = _cast(scene, camera, _samples(views, rows, columns))
        image[rows, columns] = _average(greys[hit])
    return images


def _frame(
    vertices: Float[np.ndarray, "vertices 3"], camera: Float[np.ndarray, "3 3"], views: Views
) -> tuple[slice, slice]:
    """The pixels around a mesh: no other ray can hit it."""
    right, up, backward = camera @ vertices.T
    depth = (DISTANCE - backward) * views.half_width
    places = 0.5 * views.image_size * (1 + np.stack([-up, right]) / depth)
    low = np.clip(np.floor(places.min(1) - 0.01), 0, views.image_size).astype(int)
    high = np.clip(np.ceil(places.max(1) + 0.01), 0, views.image_size).astype(int)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _shade(
    points: Float[np.ndarray, "faces 3"],
    across: Float[np.ndarray, "faces 3"],
    camera: Float[np.ndarray, "3 3"],
) -> UInt8[np.ndarray, "faces+1"]:
    """Lambert's grey of each face, seen from either side; the last entry is the background's."""
    # which way round a file lists a face's corners can't be relied upon
    towards = np.einsum("ij,ij->i", across, DISTANCE * camera[2] - points)
    cosine = np.sign(towards) * (across @ (LIGHT @ camera))
    grey = DARKEST + (BRIGHTEST - DARKEST) * cosine.clip(0, 1)
    return np.append(grey.round(), BACKGROUND).astype(np.uint8)


def _samples(views: Views, rows: slice, columns: slice) -> Float[np.ndarray, "height width 3"]:
    """The rays through some of the pixels."""
    vertical, horizontal = (
        slice(SUPERSAMPLING * pixels.start, SUPERSAMPLING * pixels.stop)
        for pixels in (rows, columns)
    )
    return views.rays[vertical, horizontal]


def _cast(
    scene: "EmbreeScene",
    camera: Float[np.ndarray, "3 3"],
    rays: Float[np.ndarray, "height width 3"],
) -> np.ndarray:
    """The face that each ray meets first, −1 for none."""
    directions = (rays.reshape(-1, 3) @ camera).astype(np.float32)
    origins = np.tile((DISTANCE * camera[2]).astype(np.float32), (len(directions), 1))
    return scene.run(origins, directions).reshape(rays.shape[:2])


def _average(samples: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "rows columns"]:
    """Mean grey of each pixel's samples, rounded; in whole numbers, so the same everywhere."""
    rows = len(samples) // SUPERSAMPLING
    blocks = samples.reshape(rows, SUPERSAMPLING, -1, SUPERSAMPLING)
    count = SUPERSAMPLING**2
    return ((blocks.sum((1, 3), dtype=np.uint16) + count // 2) // count).astype(np.uint8)
