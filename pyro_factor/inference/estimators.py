"""Estimators of the ELBO by name: one expectation, five variances."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from ..errors import require
from .analytic_kl_elbo import AnalyticKL_ELBO
from .monte_carlo_elbo import RecordedTrace_ELBO
from .path_derivative import PathDerivative_ELBO

Estimator = AnalyticKL_ELBO | RecordedTrace_ELBO

ESTIMATORS: Mapping[str, Callable[..., Estimator]] = MappingProxyType(
    {
        "analytic": AnalyticKL_ELBO,
        "trace": RecordedTrace_ELBO,
        "path": PathDerivative_ELBO,
        "antithetic": partial(AnalyticKL_ELBO, noise="antithetic"),
        "sobol": partial(AnalyticKL_ELBO, noise="sobol"),
    }
)


def make_estimator(name: str, particles: int, max_plate_nesting: float | int) -> Estimator:
    """Make an estimator.

    Args:
        name: "analytic", "trace" (`Trace_ELBO`), "path" (its path-derivative form), "antithetic"
            or "sobol" (the exact KL, reconstruction draws that are spread).
        particles: Draws of h for each gradient.
        max_plate_nesting: As in `pyro.infer.ELBO`.

    Returns:
        A `pyro.infer.ELBO` with a method `terms`.

    Raises:
        InputError: An unknown name, or particles that don't suit it.
    """
    require(name in ESTIMATORS, "elbo", name, f"choose from {', '.join(ESTIMATORS)}")
    # one pass of the encoder, one update of batch normalisation
    vectorize = particles > 1
    return ESTIMATORS[name](particles, max_plate_nesting, vectorize_particles=vectorize)
