"""What a pair of model and guide asks of the sites of its prior."""

from contextlib import suppress
from typing import Any

from pyro.distributions import constraints
from torch import Tensor, nn

from ..errors import InputError
from .errors import NotGaussianPrior
from .program import (
    CLIPS,
    OBSERVED,
    Prior,
    algebra,
    explained,
    sample_sites,
    trace_prior,
    without_event,
)


def check_sites(prior: Prior, num_frames: int) -> dict[str, Any]:
    """Give a prior's sites by name.

    Raises:
        InputError: One has a name that the model needs, or a parameter that it wouldn't train.
    """
    with algebra(prior), explained(f"prior: run for {num_frames} frames it failed", "mend it"):
        h, trace = trace_prior(prior, num_frames)
        sites = {site["name"]: site for site in sample_sites(trace)}
        found = [h, *(site["fn"].log_prob(site["value"]) for site in sites.values())]
    needed = {OBSERVED: "the clips that it observes", CLIPS: "its plate over clips"}
    for name in needed.keys() & trace.nodes.keys():
        advice = f"the model calls {needed[name]} so; rename the prior's"
        raise InputError(f"prior: it has a site {name!r}; {advice}")
    loose = any(isinstance(each, Tensor) and each.requires_grad for each in found)
    if loose and not isinstance(prior, nn.Module):
        raise InputError(
            "prior: a parameter that a function holds would not be trained with the networks; "
            "write the prior as a PyroModule that holds it"
        )
    return sites


def check_support(site: dict[str, Any] | None) -> None:
    """Raise if a draw of frames can't have all values that the guide's Normal has."""
    if site is None:  # the form's own
        return
    support = None
    with suppress(NotImplementedError, AttributeError):  # a distribution need not say
        support = site["fn"].support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if isinstance(support, constraints.Constraint) and support is not constraints.real:
        family = type(without_event(site["fn"])).__name__
        raise NotGaussianPrior(
            f"prior: draw {site['name']!r} is {family}, which has not every real value, "
            "and the guide draws Normals; draw one that has"
        )
