"""The path-derivative form of the Monte-Carlo ELBO: "sticking the landing"."""

from collections.abc import Callable, Iterator
from weakref import WeakSet

from pyro.distributions.util import detach, scale_and_mask
from pyro.poutine import Trace

from .conditions import Rechecked, check_independent_normals
from .monte_carlo_elbo import RecordedTrace_ELBO
from .terms import is_exact_conditional, latent_sites


class PathDerivative_ELBO(Rechecked, RecordedTrace_ELBO):
    """`Trace_ELBO` without the guide's score in the gradient, whose expectation is zero.

    log q(h) is differentiated through h alone, its own loc and scale held still. The same value,
    and a gradient of the same expectation; it has no variance where the guide is the posterior.

    Every draw of the guide must be a Normal whose parameters depend on no draw, or an exact
    conditional, which has no parameters of its own.

    Raises:
        InvalidPairError: A draw of the guide is neither; the site is named.

    Roeder, Wu and Duvenaud, Sticking the Landing, arXiv:1703.09194.
    """

    def _get_traces(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> Iterator[tuple[Trace, Trace]]:
        checked: WeakSet = self.__dict__.setdefault("_checked", WeakSet())
        if guide not in checked:
            check_independent_normals("PathDerivative_ELBO", guide, args, kwargs)
            checked.add(guide)
        yield from super()._get_traces(model, guide, args, kwargs)

    def _get_trace(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> tuple[Trace, Trace]:
        model_trace, guide_trace = super()._get_trace(model, guide, args, kwargs)
        for site in latent_sites(guide_trace).values():
            if not is_exact_conditional(site):
                still = detach(site["fn"]).log_prob(site["value"])
                parts = site["score_parts"]
                weighted = scale_and_mask(still, site["scale"], site["mask"])
                site["score_parts"] = parts._replace(entropy_term=weighted)
        return model_trace, guide_trace
