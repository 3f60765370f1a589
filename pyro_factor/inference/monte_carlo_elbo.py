"""Pyro's Monte-Carlo ELBO, with its terms on record."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from pyro.distributions.util import scale_and_mask
from pyro.infer import Trace_ELBO
from pyro.poutine import Trace
from torch import Tensor

from .terms import (
    Sites,
    Terms,
    latent_sites,
    latent_terms,
    num_items,
    observed_sites,
)


class RecordedTrace_ELBO(Trace_ELBO):
    """`pyro.infer.Trace_ELBO`; its last loss's terms are kept in `last_terms`.

    The terms are those of `AnalyticKL_ELBO.terms`, estimated, in nats per video: `reconstruction`,
    `entropy`, and those of E_q[log p(h)]: `static` and `temporal` where the draws are the paper's
    hs0, hs and ht, one `prior` otherwise.
    """

    last_terms: Terms

    def terms(self, model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> Terms:
        """Return the ELBO's terms, in nats per video, with this estimator's gradients."""
        totals: Terms = {}
        for traces in self._get_traces(model, guide, args, kwargs):
            _add(totals, self._terms(model, *traces))
        return totals

    def _get_traces(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> Iterator[tuple[Trace, Trace]]:
        totals: Terms = {}
        for traces in super()._get_traces(model, guide, args, kwargs):
            terms = self._terms(model, *traces)
            _add(totals, {name: value.detach() for name, value in terms.items()})
            yield traces
        self.last_terms = totals

    def _terms(self, model: Callable, model_trace: Trace, guide_trace: Trace) -> Terms:
        """One trace's part of the mean over particles."""
        drawn, latents = latent_sites(guide_trace), latent_sites(model_trace)
        # the scale of the draws of a `VideoVAE` is β, that of any other pair what a part stands for
        scaled = not hasattr(model, "expected_log_prior")
        terms = {"reconstruction": _log_prob(observed_sites(model_trace), scaled=True)}
        log_prior, log_guide = partial(_log_prob, scaled=scaled), partial(_log_guide, scaled=scaled)
        terms |= latent_terms(drawn, latents, log_prior, log_guide)
        items = num_items(model_trace, whole=scaled) * self.num_particles
        return {name: value / items for name, value in terms.items()}


def _add(totals: Terms, terms: Terms) -> None:
    for name, value in terms.items():
        totals[name] = totals.get(name, 0.0) + value


def _log_prob(sites: Sites, *, scaled: bool) -> Tensor:
    parts = [
        scale_and_mask(s["unscaled_log_prob"], s["scale"] if scaled else 1.0, s["mask"])
        for s in sites.values()
    ]
    return sum((part.sum() for part in parts), start=torch.tensor(0.0))


def _log_guide(sites: Sites, *, scaled: bool) -> Tensor:
    """The log of q, with the gradient that the estimator gives it where that passes the draw."""
    total = torch.tensor(0.0)
    for site in sites.values():
        entropy = site["score_parts"].entropy_term
        part = entropy if isinstance(entropy, Tensor) else site["log_prob"]
        total = total + (part if scaled else part / site["scale"]).sum()
    return total
