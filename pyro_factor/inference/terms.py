"""The terms of an ELBO, in nats per video, read off a pair of traces."""

from collections.abc import Callable, Iterable
from typing import Any

import pyro.distributions as dist
import torch
from pyro.poutine import Trace
from torch import Tensor

from ..models.latent_posterior import LatentPosterior
from ..models.program import sample_sites, without_event

Terms = dict[str, Tensor]
Sites = dict[str, dict[str, Any]]

EXACT_CONDITIONAL = "exact_conditional"  # the mark of a guide's draw that integrates out exactly
JOINT = "joint"  # the mark of a guide's draw that is part of a joint Gaussian; it holds that
# the paper's draws, by the term of E_q[log p(h)] that they make (eqs. 15-18)
PAPERS_TERMS = {"hs0": "static", "hs": "static", "ht": "temporal"}
PARTICLES = "num_particles_vectorized"  # Pyro's plate over particles


def latent_sites(trace: Trace) -> Sites:
    """The sites of a trace that are drawn, by name."""
    return {s["name"]: s for s in sample_sites(trace) if not s["is_observed"]}


def guide_sites(trace: Trace) -> Sites:
    """What a guide draws, by name; of `AutoNormal`, which draws from Deltas, from Normals.

    It draws `NAME_unconstrained` from a Normal, marked as auxiliary, and `NAME` from a Delta at
    what that becomes: where the support is that of a Normal, at the draw itself.
    """
    sites = latent_sites(trace)
    helpers = {name: s for name, s in sites.items() if s["infer"].get("is_auxiliary")}
    return {
        name: _without_helper(site, helpers.get(f"{name}_unconstrained"))
        for name, site in sites.items()
        if name not in helpers
    }


def _without_helper(site: dict[str, Any], helper: dict[str, Any] | None) -> dict[str, Any]:
    delta = without_event(site["fn"])
    if helper is None or not isinstance(delta, dist.Delta):
        return site
    same = torch.equal(helper["value"], site["value"])
    return site | {"fn": helper["fn"]} if same and not delta.log_density.any() else site


def observed_sites(trace: Trace) -> Sites:
    """The sites of a trace that are observed, by name."""
    return {s["name"]: s for s in sample_sites(trace) if s["is_observed"]}


def is_exact_conditional(site: dict[str, Any]) -> bool:
    """Whether a guide's site is drawn from its exact conditional given the other draws."""
    return bool(site["infer"].get(EXACT_CONDITIONAL))


def joint_of(sites: Sites) -> LatentPosterior | None:
    """The joint Gaussian that a guide says its draws of frames come from, if it does."""
    return next((s["infer"][JOINT] for s in sites.values() if JOINT in s["infer"]), None)


def num_items(model_trace: Trace, *, whole: bool = False) -> int:
    """The size of the outermost plate that encloses every site, 1 if there is none.

    Args:
        model_trace: The model's trace.
        whole: Whether to count all of a plate of which a part was drawn.
    """
    sites = [*latent_sites(model_trace).values(), *observed_sites(model_trace).values()]
    stacks = [{f.name: f for f in s["cond_indep_stack"] if f.name != PARTICLES} for s in sites]
    for outermost in stacks[0].values() if stacks else ():  # from the outside to the inside
        if all(outermost.name in stack for stack in stacks):
            return (outermost.full_size if whole else None) or outermost.size
    return 1


def prior_terms(names: Iterable[str]) -> dict[str, list[str]]:
    """The terms of log p(h) and the draws of each: the paper's two, or one of the whole prior."""
    terms: dict[str, list[str]] = {}
    drawn = list(names)
    known = set(drawn) <= PAPERS_TERMS.keys()
    for name in drawn:
        terms.setdefault(PAPERS_TERMS[name] if known else "prior", []).append(name)
    return terms


def latent_terms(
    drawn: Sites,
    latents: Sites,
    log_prior: Callable[[Sites], Tensor],
    log_guide: Callable[[Sites], Tensor],
) -> Terms:
    """The terms of E_q[log p(h)] and the entropy, estimated by one draw.

    Args:
        drawn: The guide's sites.
        latents: The model's latent sites.
        log_prior: Sums log p over some of the model's sites.
        log_guide: Sums log q over some of the guide's.
    """
    exact = {name for name, site in drawn.items() if is_exact_conditional(site)}
    terms = {"entropy": -log_guide({n: s for n, s in drawn.items() if n not in exact})}
    for term, names in prior_terms(latents).items():
        # log p(h) = log p(g) + log p(h|g) - log p(g|h) for every draw of the global g
        globals_ = {name: drawn[name] for name in names if name in exact}
        terms[term] = log_prior({name: latents[name] for name in names}) - log_guide(globals_)
    return terms


def normal_below(fn: Any) -> dist.Normal | None:
    """The Normal that a distribution is, its event declared or not; None if it is none."""
    fn = without_event(fn)
    return fn if isinstance(fn, dist.Normal) else None
