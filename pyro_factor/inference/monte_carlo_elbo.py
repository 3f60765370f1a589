"""Pyro's Monte-Carlo ELBO, with its terms on record."""

from collections.abc import Callable, Iterator

import torch
from pyro.infer import Trace_ELBO
from pyro.poutine import Trace
from torch import Tensor

from .terms import Sites, Terms, is_exact_conditional, latent_sites, num_items, observed_sites


class RecordedTrace_ELBO(Trace_ELBO):
    """`pyro.infer.Trace_ELBO`; its last loss's terms are kept in `last_terms`.

    The terms are those of `AnalyticKL_ELBO.terms`, estimated: `reconstruction`, `entropy`, and
    `prior`, E_q[log p(h)] of all factors, in nats per video.
    """

    last_terms: Terms

    def _get_traces(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> Iterator[tuple[Trace, Trace]]:
        totals: Terms = {}
        for model_trace, guide_trace in super()._get_traces(model, guide, args, kwargs):
            for name, value in self._terms(model_trace, guide_trace).items():
                totals[name] = totals.get(name, 0.0) + value
            yield model_trace, guide_trace
        self.last_terms = totals

    def _terms(self, model_trace: Trace, guide_trace: Trace) -> Terms:
        """One trace's part of the mean over particles."""
        draws = latent_sites(guide_trace)
        exact = {name: site for name, site in draws.items() if is_exact_conditional(site)}
        frames = {name: site for name, site in draws.items() if name not in exact}
        # log p(h) = log p(g) + log p(h|g) - log p(g|h) for every draw of the global g
        terms = {
            "reconstruction": _log_prob(observed_sites(model_trace)),
            "entropy": -_log_prob(frames),
            "prior": _log_prob(latent_sites(model_trace)) - _log_prob(exact),
        }
        items = num_items(model_trace) * self.num_particles
        return {name: value.detach() / items for name, value in terms.items()}


def _log_prob(sites: Sites) -> Tensor:
    return sum((s["unscaled_log_prob"].sum() for s in sites.values()), start=torch.tensor(0.0))
