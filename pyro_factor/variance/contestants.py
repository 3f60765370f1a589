"""Estimators by name and number of particles: `trace`, `sobol:4`."""

from typing import NamedTuple

from ..errors import require
from ..inference.estimators import ESTIMATORS, Estimator, make_estimator


class Contestant(NamedTuple):
    """An estimator of the ELBO's gradient."""

    elbo: str
    particles: int

    @property
    def name(self) -> str:
        """Its name: `trace`, or `trace:4` with four particles."""
        return self.elbo if self.particles == 1 else f"{self.elbo}:{self.particles}"

    def make(self, max_plate_nesting: int) -> Estimator:
        """Make the estimator."""
        return make_estimator(self.elbo, self.particles, max_plate_nesting)


def contestant(name: str) -> Contestant:
    """Read a name such as `trace` or `sobol:4`.

    Raises:
        InputError: No such estimator, or particles that don't suit it.
    """
    elbo, _, particles = name.partition(":")
    advice = f"choose from {', '.join(ESTIMATORS)}, with a number of particles: trace:4"
    known = elbo in ESTIMATORS and (particles or "1").isdecimal() and int(particles or "1") > 0
    require(known, "estimators", name, advice)
    found = Contestant(elbo, int(particles or "1"))
    found.make(1)
    return found
