"""What generated chairs stand on."""

import numpy as np

from .design import Design
from .mesh import Mesh
from .parts import ROUND, SQUARE, tube


def _four(design: Design, splay: float) -> list[Mesh]:
    x, front, rear = design.corner
    profile = ROUND if design.turned else SQUARE
    widths = [design.leg, design.leg * design.slim]
    tops = np.array([[x, front], [x, -front], [-x, -rear], [-x, rear]])
    if design.splay and splay:  # the seat overhangs, so that feet stay below its edges
        tops = 0.85 * tops
    feet = tops + splay * np.sign(tops)
    legs = [
        tube([(*top, design.height), (*foot, 0.0)], widths, profile)
        for top, foot in zip(tops, feet, strict=True)
    ]
    return legs + (_stretchers(design, 0.45 * tops + 0.55 * feet) if design.stretchers else [])


def _stretchers(design: Design, places: np.ndarray) -> list[Mesh]:
    """Bars on both sides, and one across between their middles, just above a third of the way."""
    height, width = 0.45 * design.height, 0.5 * design.leg
    front_left, front_right, rear_right, rear_left = places
    ends = [(front_left, rear_left), (front_right, rear_right)]
    ends.append((0.5 * (front_left + rear_left), 0.5 * (front_right + rear_right)))
    return [tube([(*start, height), (*end, height)], width) for start, end in ends]


def straight(design: Design) -> list[Mesh]:
    """Four upright legs."""
    return _four(design, 0.0)


def splayed(design: Design) -> list[Mesh]:
    """Four legs whose feet stand further out."""
    return _four(design, design.splay)


def pedestal(design: Design) -> list[Mesh]:
    """A column that widens to a disc."""
    heights = np.array([1.0, 0.5, 0.22, 0.1, 0.05, 0.0]) * design.height
    column = design.leg + 0.012
    widths = [column, column, 1.3 * column, 0.5 * design.base, 0.9 * design.base, design.base]
    angle = 2 * np.pi * np.arange(24) / 24
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    return [tube([(0.0, 0.0, height) for height in heights], widths, circle)]


def swivel(design: Design) -> list[Mesh]:
    """A column on a star of arms with a castor at the end of each."""
    column = tube([(0, 0, design.height), (0, 0, 0.07)], [0.035, 0.028])
    parts = [column]
    for angle in 2 * np.pi * np.arange(design.feet) / design.feet:
        x, y = design.base * np.cos(angle), design.base * np.sin(angle)
        parts.append(tube([(0, 0, 0.11), (x, y, 0.065)], [0.026, 0.018]))
        sideways = 0.02 * np.array([-np.sin(angle), np.cos(angle), 0.0])
        wheel = np.array([x, y, 0.03])
        parts.append(tube([wheel - sideways, wheel + sideways], 0.03))
    return parts


def sled(design: Design) -> list[Mesh]:
    """A frame on each side, with a runner on the floor."""
    x, front, rear = design.corner
    width, out = 0.7 * design.leg, 0.4 * design.splay
    parts = []
    for side in (1, -1):
        path = [(x, front, design.height), (x + out, front, width)]
        path += [(-x - out, rear, width), (-x, rear, design.height)]
        parts.append(_rail(path, side, width, design))
    return [*parts, *_across(-0.3 * x, rear, 0.97 * design.height, width)]


def cantilever(design: Design) -> list[Mesh]:
    """Legs in front alone: from the seat down, back along the floor, and across."""
    x, front, rear = design.corner
    width = 0.7 * design.leg
    under = design.height - width
    path = [(-x, rear, under), (x, front, under), (x, front, width), (-x, rear, width)]
    parts = [_rail(path, side, width, design) for side in (1, -1)]
    return [*parts, *_across(-x, rear, width, width)]


def _rail(path: list[tuple[float, float, float]], side: int, width: float, design: Design) -> Mesh:
    points = np.array(path) * [1, side, 1]
    return tube(points, width, ROUND if design.turned else SQUARE)


def _across(x: float, y: float, z: float, width: float) -> list[Mesh]:
    return [tube([(x, -y, z), (x, y, z)], width)]
