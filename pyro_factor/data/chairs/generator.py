"""A seeded generator of chairs: thousands of them, from no file."""

from collections.abc import Callable
from dataclasses import dataclass

from . import backs, legs, seats
from .design import Design, draw
from .mesh import Mesh, join

GENERATOR = 1  # to be raised whenever the same seed and index give another chair

Part = Callable[[Design], list[Mesh]]

# A new style is one more line here, and its name in design.py.
LEGS: dict[str, Part] = {
    "straight": legs.straight,
    "splayed": legs.splayed,
    "pedestal": legs.pedestal,
    "swivel": legs.swivel,
    "sled": legs.sled,
    "cantilever": legs.cantilever,
}
SEATS: dict[str, Part] = {
    "square": seats.board_seat,
    "round": seats.board_seat,
    "cushion": seats.cushion,
}
BACKS: dict[str, Part] = {
    "panel": backs.panel,
    "padded": backs.padded,
    "slats": backs.slats,
    "spindles": backs.spindles,
    "ladder": backs.ladder,
    "frame": backs.frame,
}
ARMS: dict[str, Part] = {
    "none": seats.none,
    "posts": seats.posts,
    "loop": seats.loop,
    "solid": seats.solid,
}


@dataclass(frozen=True)
class GeneratedChair:
    """Chair `index` of a seed, upright: z up, facing +x; it depends on these two numbers alone."""

    seed: int
    index: int

    @property
    def name(self) -> str:
        """What the chair is called."""
        return f"generated-{self.seed}-{self.index}"

    def contents(self) -> str:
        """What its images depend on, beside the views."""
        return f"generator {GENERATOR}, seed {self.seed}, chair {self.index}"

    def mesh(self) -> Mesh:
        """Its shape, in metres above the floor."""
        return build(draw(self.seed, self.index))


def build(design: Design) -> Mesh:
    """Make a chair of a design."""
    back = backs.place(design, BACKS[design.back](design))
    rest = [LEGS[design.legs], SEATS[design.seat], ARMS[design.arms]]
    return join([back, *(part for make in rest for part in make(design))])
