"""What sets one generated chair apart from another: its styles and its measures."""

from dataclasses import dataclass

import numpy as np

LEGS = ("straight", "splayed", "pedestal", "swivel", "sled", "cantilever")
SEATS = ("square", "round", "cushion")
BACKS = ("panel", "padded", "slats", "spindles", "ladder", "frame")
ARMS = ("none", "posts", "loop", "solid")


@dataclass(frozen=True)
class Design:
    """Styles by name, lengths in metres, angles in radians; the chair faces +x.

    Attributes:
        legs: A name in `LEGS`.
        seat: A name in `SEATS`.
        back: A name in `BACKS`.
        arms: A name in `ARMS`.
        width: Of the seat, along y.
        depth: Of the seat, along x.
        height: Of the seat's lower face above the floor.
        thickness: Of the seat.
        power: Of the seat's outline, a superellipse.
        taper: How much narrower the seat is at the back, as a fraction.
        back_height: Of the back above the seat.
        back_width: Of the back, as a fraction of what the seat has room for.
        back_thickness: Of a panel or a rail.
        rake: How far the back leans.
        curve: How far the back's edges come forward.
        flare: How much wider the back is at its top, as a fraction.
        crest: How much lower the back's top is at its edges, as a fraction of its height.
        bars: Slats, spindles or rungs in the back.
        bar: Half a bar's width.
        leg: Half a leg's width at its top.
        slim: A leg's width at the floor, as a fraction.
        splay: How far outwards the feet are.
        turned: Whether legs and posts are round, not square.
        stretchers: Whether bars join the legs.
        feet: Arms of a swivel chair's star.
        base: Radius of a pedestal or a star.
        arm_height: Above the seat.
        arm_width: Half an armrest's width.
    """

    legs: str
    seat: str
    back: str
    arms: str
    width: float
    depth: float
    height: float
    thickness: float
    power: float
    taper: float
    back_height: float
    back_width: float
    back_thickness: float
    rake: float
    curve: float
    flare: float
    crest: float
    bars: int
    bar: float
    leg: float
    slim: float
    splay: float
    turned: bool
    stretchers: bool
    feet: int
    base: float
    arm_height: float
    arm_width: float

    @property
    def top(self) -> float:
        """The seat's upper face."""
        return self.height + self.thickness

    @property
    def corner(self) -> tuple[float, float, float]:
        """Where legs and back meet the seat: |x|, |y| in front, |y| at the back."""
        if self.seat == "round":  # inside the oval
            return 0.36 * self.depth, 0.33 * self.width, 0.33 * self.width * (1 - self.taper)
        inset = self.leg + 0.01
        across = 0.5 * self.width - inset
        return 0.5 * self.depth - inset, across, across - 0.5 * self.width * self.taper


def draw(seed: int, index: int) -> Design:
    """The design of chair `index` of a seed; it depends on nothing else."""
    rng = np.random.default_rng([seed, index])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    legs, seat, back, arms = _styles(rng)
    lounge = seat != "round" and rng.random() < (0.6 if arms == "solid" else 0.16)
    stool = not lounge and arms == "none" and rng.random() < 0.1
    low_back = rng.random() < 0.2
    back_height = between(0.18, 0.32) if low_back or stool else between(0.36, 0.68)
    return Design(
        legs,
        seat,
        back,
        arms,
        width=between(0.4, 0.54) * (1.3 if lounge else 0.9 if stool else 1.0),
        depth=between(0.38, 0.52) * (1.25 if lounge else 0.9 if stool else 1.0),
        height=between(0.36, 0.47) * (0.78 if lounge else 1.5 if stool else 1.0),
        thickness=between(0.07, 0.15) if seat == "cushion" else between(0.025, 0.055),
        power=between(2.0, 2.5) if seat == "round" else between(4.0, 14.0),
        taper=0.0 if arms == "solid" else max(0.0, between(-0.1, 0.22)),
        back_height=back_height,
        back_width=1.05 if arms == "solid" else between(0.72, 1.0),
        back_thickness=between(0.06, 0.13) if back == "padded" else between(0.018, 0.04),
        rake=between(0.02, 0.3) + 0.12 * lounge,
        curve=max(0.0, between(-0.03, 0.09)),
        flare=0.0 if arms == "solid" else between(-0.18, 0.22),
        crest=max(0.0, between(-0.15, 0.35)),
        bars=int(rng.integers(2, 6) if back == "ladder" else rng.integers(3, 8)),
        bar=between(0.007, 0.012) if back == "spindles" else between(0.013, 0.028),
        leg=between(0.013, 0.03),
        slim=between(0.45, 1.0),
        splay=between(0.04, 0.12),
        turned=bool(rng.random() < 0.5),
        stretchers=bool(rng.random() < 0.4),
        feet=int(rng.integers(4, 6)),
        base=between(0.2, 0.3),
        arm_height=between(0.5, 0.85) * min(0.3, back_height),
        arm_width=between(0.018, 0.04),
    )


def _styles(rng: np.random.Generator) -> tuple[str, str, str, str]:
    """Names of legs, seat, back and arms that go together."""
    legs = str(rng.choice(LEGS, p=[0.3, 0.22, 0.1, 0.12, 0.14, 0.12]))
    seat, back = str(rng.choice(SEATS)), str(rng.choice(BACKS))
    arms = str(rng.choice(ARMS, p=[0.52, 0.2, 0.16, 0.12]))
    if arms == "solid":  # sides of an armchair, which has a back of their kind
        seat, back = "cushion", str(rng.choice(["panel", "padded"]))
    return legs, seat, back, arms
