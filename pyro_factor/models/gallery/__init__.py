"""A gallery of priors beyond the paper's three, each a choice of the command line.

`PRIORS` holds them by the name that the command line knows: functions of the number of frames, and
`learned`, a module, which is made with its hyperparameters.
"""

from collections.abc import Callable

from .autoregressive import autoregressive, factored_autoregressive
from .brownian import brownian_bridge, fractional_brownian
from .hierarchies import LearnedFactored, factored_by_frame, groups
from .processes import gp_matern, gp_periodic, gp_rbf
from .sparse import laplace_walk, sparse_static
from .walks import damped, integrated, multi_rate, ornstein_uhlenbeck

PRIORS: dict[str, Callable] = {
    "multi_rate": multi_rate,
    "damped": damped,
    "ornstein_uhlenbeck": ornstein_uhlenbeck,
    "integrated": integrated,
    "autoregressive": autoregressive,
    "gp_rbf": gp_rbf,
    "gp_matern": gp_matern,
    "gp_periodic": gp_periodic,
    "fractional_brownian": fractional_brownian,
    "brownian_bridge": brownian_bridge,
    "groups": groups,
    "factored_autoregressive": factored_autoregressive,
    "factored_by_frame": factored_by_frame,
    "learned": LearnedFactored,
    "laplace_walk": laplace_walk,
    "sparse_static": sparse_static,
}

__all__ = [
    "PRIORS",
    "LearnedFactored",
    "autoregressive",
    "brownian_bridge",
    "damped",
    "factored_autoregressive",
    "factored_by_frame",
    "fractional_brownian",
    "gp_matern",
    "gp_periodic",
    "gp_rbf",
    "groups",
    "integrated",
    "laplace_walk",
    "multi_rate",
    "ornstein_uhlenbeck",
    "sparse_static",
]
