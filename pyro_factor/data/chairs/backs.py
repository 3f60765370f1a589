"""What one leans against in a generated chair."""

import numpy as np

from .design import Design
from .mesh import Mesh, join
from .parts import ROUND, SQUARE, board, tube

ACROSS = 15  # points along y, so that a back can be curved


def _half(design: Design) -> float:
    return design.back_width * design.corner[2]


def _crest(design: Design, top: float) -> np.ndarray:
    """The height of the upper edge, from left to right."""
    y = np.linspace(-1, 1, ACROSS)
    return top - design.crest * design.back_height * (1 - np.sqrt(1 - 0.96 * y**2))


def _level(height: float) -> np.ndarray:
    return np.full(ACROSS, height)


def _posts(design: Design) -> list[Mesh]:
    """The two uprights, from the seat to the upper edge."""
    half = _half(design)
    top = float(_crest(design, design.back_height)[0])
    heights = np.linspace(-design.thickness, top, 6)
    profile = ROUND if design.turned else SQUARE
    return [tube([(0, side * half, z) for z in heights], design.leg, profile) for side in (1, -1)]


def _rail(design: Design, top: float, height: float) -> Mesh:
    """A board across that follows the upper edge."""
    upper = _crest(design, top)
    return board(_half(design), upper - height, upper, design.back_thickness)


def _uprights(design: Design, profile: np.ndarray, low: float) -> list[Mesh]:
    """Bars beside each other, from `low` to the top rail."""
    upper = _crest(design, design.back_height - 0.02)
    places = np.linspace(-1, 1, design.bars + 2)[1:-1]
    tops = np.interp(places, np.linspace(-1, 1, ACROSS), upper)
    depth = design.bar if profile is ROUND else 0.4 * design.back_thickness
    paths = [
        [(0, _half(design) * y, z) for z in np.linspace(low, top, 5)]
        for y, top in zip(places, tops, strict=True)
    ]
    return [tube(path, depth, profile, design.bar) for path in paths]


def panel(design: Design) -> list[Mesh]:
    """A board, raised above the seat on two posts or standing on it."""
    gap = 0.35 * design.back_height if design.stretchers else -0.5 * design.thickness
    half, upper = _half(design), _crest(design, design.back_height)
    parts = [board(half, np.minimum(_level(gap), upper - 0.08), upper, design.back_thickness)]
    if design.stretchers:
        heights = np.linspace(-design.thickness, gap + 0.06, 4)
        parts += [
            tube([(0, side * 0.6 * half, z) for z in heights], design.leg) for side in (1, -1)
        ]
    return parts


def padded(design: Design) -> list[Mesh]:
    """A thick cushion, thinner towards its edges."""
    y = np.linspace(-1, 1, ACROSS)
    upper = _crest(design, design.back_height)
    swell = design.back_thickness * np.sqrt(1 - 0.9 * np.abs(y) ** 4)
    middle = board(_half(design), _level(-0.5 * design.thickness), upper, swell)
    # smaller in height and thicker: the rounding of its upper edge
    core = board(0.96 * _half(design), _level(0.02), upper - 0.03, 1.25 * swell)
    return [middle, core]


def slats(design: Design) -> list[Mesh]:
    """Upright slats between two rails."""
    rails = [_rail(design, design.back_height, 0.07), _rail(design, 0.1 + _drop(design), 0.04)]
    return [*_posts(design), *rails, *_uprights(design, SQUARE, 0.08)]


def _drop(design: Design) -> float:
    """How much lower the upper edge is at the posts."""
    return float(design.back_height - _crest(design, design.back_height)[0])


def spindles(design: Design) -> list[Mesh]:
    """Thin round bars that rise from the seat to a rail."""
    return [
        *_posts(design),
        _rail(design, design.back_height, 0.05),
        *_uprights(design, ROUND, -0.5 * design.thickness),
    ]


def ladder(design: Design) -> list[Mesh]:
    """Rungs across between two posts."""
    lowest, highest = 0.14 + _drop(design), design.back_height
    tops = np.linspace(highest, min(lowest, highest - 0.08), design.bars)
    height = min(0.075, 0.6 * (highest - tops[-1]) / (design.bars - 1))
    return [*_posts(design), *(_rail(design, float(top), height) for top in tops)]


def frame(design: Design) -> list[Mesh]:
    """An open frame with a rail above and below, and a cross or a middle board in it."""
    low = 0.09 + _drop(design)
    parts = [*_posts(design), _rail(design, design.back_height, 0.05), _rail(design, low, 0.035)]
    half, top = _half(design), float(_crest(design, design.back_height)[0])
    if design.bars % 2:
        heights = np.linspace(0.07, top - 0.02, 7)
        across = np.linspace(-half, half, 7)
        depth = 0.4 * design.back_thickness
        for side in (1, -1):
            path = [(0, side * y, z) for y, z in zip(across, heights, strict=True)]
            parts.append(tube(path, depth, SQUARE, design.bar))
        return parts
    upper = _crest(design, design.back_height - 0.03)
    middle = slice(ACROSS // 3, ACROSS - ACROSS // 3)
    splat = board(half / 3, _level(0.07)[middle], upper[middle], 0.6 * design.back_thickness)
    return [*parts, splat]


def place(design: Design, parts: list[Mesh]) -> Mesh:
    """Flare, curve and lean a back that was built upright, and put it on the seat's rear."""
    mesh = join(parts)
    x, y, z = mesh.vertices.T
    y = y * (1 + design.flare * z.clip(0) / design.back_height)
    x = x + design.curve * ((y / _half(design)) ** 2 - 1)
    # above the seat alone, so that posts go straight down into it
    lean = z.clip(0)
    x = x - np.sin(design.rake) * lean
    z = z - (1 - np.cos(design.rake)) * lean
    rear = -design.corner[0]
    return Mesh(np.stack([x + rear, y, z + design.top], -1), mesh.faces)
