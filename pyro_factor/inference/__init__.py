"""ELBOs, training, runs and checkpoints."""

from .analytic_kl_elbo import AnalyticKL_ELBO
from .monte_carlo_elbo import RecordedTrace_ELBO
from .orthogonality import orthogonality_penalty
from .path_derivative import PathDerivative_ELBO
from .persistence import Persistence, persistence_penalty
from .runs import Run, load, load_run
from .training import train

__all__ = [
    "AnalyticKL_ELBO",
    "PathDerivative_ELBO",
    "Persistence",
    "RecordedTrace_ELBO",
    "Run",
    "load",
    "load_run",
    "orthogonality_penalty",
    "persistence_penalty",
    "train",
]
