"""Seats and armrests of generated chairs."""

import numpy as np

from .design import Design
from .mesh import Mesh
from .parts import ROUND, SQUARE, oval, slab, tube


def board_seat(design: Design) -> list[Mesh]:
    """A flat seat, square or round by its outline."""
    outline = oval(design.depth, design.width, design.power, design.taper)
    edge = 0.2 * design.thickness
    heights = [design.height, design.top - edge, design.top]
    return [slab(outline, heights, [0.97, 1.0, 0.98])]


def cushion(design: Design) -> list[Mesh]:
    """A soft seat with rounded edges on a thin board."""
    outline = oval(design.depth, design.width, design.power, design.taper)
    low, high = design.height, design.top
    board = slab(outline, [low, low + 0.02], [0.96, 0.96])
    heights = low + (high - low) * np.array([0.1, 0.25, 0.55, 0.8, 0.93, 1.0])
    return [board, slab(outline, list(heights), [0.96, 1.0, 1.0, 0.98, 0.93, 0.8])]


def _sides(design: Design) -> tuple[float, float, float, float]:
    """Where armrests begin at the front, end at the back, how far out, and how high."""
    x, front, rear = design.corner
    lean = np.sin(design.rake) * design.arm_height
    half = max(front, rear) + (0.02 if design.seat != "round" else 0.1 * design.width)
    return 0.75 * x, -x - lean, half, design.top + design.arm_height


def none(design: Design) -> list[Mesh]:
    """No armrests."""
    return []


def posts(design: Design) -> list[Mesh]:
    """A rest on a post in front, held by the back behind."""
    front, rear, half, height = _sides(design)
    parts = []
    for side in (1, -1):
        y = side * half
        rest = [(front + 0.04, y, height), (rear, y, height)]
        parts.append(tube(rest, design.arm_width, SQUARE, 0.014))
        profile = ROUND if design.turned else SQUARE
        post = [(front, y, design.height), (front, y, height)]
        parts.append(tube(post, 0.8 * design.leg, profile))
        # the back may be narrower than the rests are apart
        parts.append(tube([(rear, 1.02 * y, height), (rear, 0.7 * y, height)], 0.014, SQUARE))
    return parts


def loop(design: Design) -> list[Mesh]:
    """A bent tube from the seat up, back and down to it again."""
    front, _, half, height = _sides(design)
    rear, width = -0.8 * design.corner[0], 0.55 * design.leg + 0.004
    bend = 0.25 * (height - design.top)
    parts = []
    for side in (1, -1):
        path = [(front, design.height), (front + 0.02, height - bend), (front - bend, height)]
        path += [(rear + bend, height), (rear, height - bend), (rear, design.height)]
        parts.append(tube([(x, side * half, z) for x, z in path], width))
    return parts


def solid(design: Design) -> list[Mesh]:
    """Upholstered sides that reach down to the seat's lower face."""
    _, rear, half, height = _sides(design)
    thickness = 0.02 + design.arm_width
    low = design.height - 0.02
    front = design.corner[0] + 0.01
    middle, reach = 0.5 * (low + height), 0.5 * (height - low)
    return [
        tube([(front, y, middle), (rear, y, middle)], thickness, SQUARE, reach)
        for y in ((half + thickness) * side for side in (1, -1))
    ]
