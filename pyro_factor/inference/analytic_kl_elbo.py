"""The ELBO with the exact KL of the whole hierarchy (eqs. 13-18): `AnalyticKL_ELBO`."""

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import ELBO
from pyro.infer.enum import get_importance_trace
from pyro.infer.util import torch_item
from pyro.poutine import Trace
from torch import Tensor, nn

from ..models.errors import InvalidPairError
from .terms import Sites, Terms, is_exact_conditional, latent_sites, num_items, observed_sites

Normals = dict[str, tuple[Tensor, Tensor]]


class AnalyticKL_ELBO(ELBO):
    """E_q[log p(x|h)] by Monte Carlo, KL(q(h) ‖ p(h)) exactly.

    The same expectation as `pyro.infer.Trace_ELBO` of the same pair, with lower variance: the KL's
    gradient has none. Valid if

    - the model gives E_q[log p(h)] through a method `expected_log_prior(normals, *args)`, which
      `VideoVAE(...).model` has for any prior with a Gaussian form;
    - every draw of the guide is a Normal whose parameters depend on no draw, except those marked
      `infer={"exact_conditional": True}`, which are integrated out;
    - all latent draws have one scale (the weight β of eq. 5), and none is masked.

    The second is checked at a guide's first use, the others every time.

    Args:
        num_particles: Draws of h for the reconstruction.
        max_plate_nesting: As in `pyro.infer.ELBO`.
        vectorize_particles: As in `pyro.infer.ELBO`.

    Raises:
        InvalidPairError: A condition does not hold; the site is named.
    """

    last_terms: Terms  # of the last loss, detached: see `terms`

    def differentiable_loss(
        self, model: Callable, guide: Callable, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Return minus the ELBO, in nats, summed over the videos; gradients flow through it."""
        terms, weight, items = self._terms(model, guide, args, kwargs)
        # eq. 5:  E_q[log p(x|h)] - β KL = reconstruction + β (entropy + E_q[log p(h)])
        kl = -sum(value for name, value in terms.items() if name != "reconstruction")
        loss = -(terms["reconstruction"] - weight * kl)
        self.last_terms = {name: value.detach() / items for name, value in terms.items()}
        return loss

    def loss(self, model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> float:
        """Return minus the ELBO, in nats, summed over the videos, without gradients."""
        with torch.no_grad():
            return torch_item(self.differentiable_loss(model, guide, *args, **kwargs))

    def loss_and_grads(self, model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> float:
        """Return `loss`, and add its gradient to the parameters' `.grad`."""
        loss = self.differentiable_loss(model, guide, *args, **kwargs)
        if loss.requires_grad:
            loss.backward()
        return torch_item(loss)

    def terms(self, model: Callable, guide: Callable, *args: Any, **kwargs: Any) -> Terms:
        """Return the ELBO's terms, in nats per video (the mean over the plate of videos).

        Returns:
            `reconstruction` E_q[log p(x|h)], `entropy` -E_q[log q(h)], and the terms of
            E_q[log p(h)]: `static` and `temporal` for the paper's prior. At β = 1 their sum is
            the ELBO.
        """
        terms, _, items = self._terms(model, guide, args, kwargs)
        return {name: value / items for name, value in terms.items()}

    def _terms(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> tuple[Terms, float, int]:
        """The terms summed over the videos, the KL's weight, and the number of videos."""
        self._check_once(guide, args, kwargs)
        traces = list(self._get_traces(model, guide, args, kwargs))
        model_trace, guide_trace = traces[0]
        drawn, latents = latent_sites(guide_trace), latent_sites(model_trace)
        _check_names(latents, drawn)
        normals = {n: _normal(n, s) for n, s in drawn.items() if not is_exact_conditional(s)}
        seen = [site for trace, _ in traces for site in observed_sites(trace).values()]
        reconstruction = sum((s["log_prob_sum"] for s in seen), start=torch.tensor(0.0))
        # vectorised particles repeat the guide's Normals
        copies = self.num_particles // len(traces)
        terms = {"entropy": _entropy(normals), **_expected_log_prior(model, normals, args, kwargs)}
        return (
            {"reconstruction": reconstruction / self.num_particles}
            | {name: value.sum() / copies for name, value in terms.items()},
            _weight(latents | {f"{n} (guide)": s for n, s in drawn.items()}),
            num_items(model_trace),
        )

    def _get_trace(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> tuple[Trace, Trace]:
        return get_importance_trace("flat", self.max_plate_nesting, model, guide, args, kwargs)

    def _check_once(self, guide: Callable, args: tuple, kwargs: dict) -> None:
        checked: WeakSet = self.__dict__.setdefault("_checked", WeakSet())
        if guide not in checked:
            check_independent_normals(guide, args, kwargs)
            checked.add(guide)


def check_independent_normals(guide: Callable, args: tuple, kwargs: dict) -> None:
    """Raise unless a guide draws Normals whose parameters depend on no draw.

    The guide is run twice, with modules in evaluation mode and the random state kept, and the
    parameters are compared bit by bit.

    Raises:
        InvalidPairError: Names the site that depends on a draw or is not a Normal.
    """
    modules = list(guide.modules()) if isinstance(guide, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        with torch.no_grad(), torch.random.fork_rng(), poutine.block():
            first, second = (
                latent_sites(poutine.trace(guide).get_trace(*args, **kwargs)) for _ in range(2)
            )
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode
    for name, site in first.items():
        if is_exact_conditional(site):
            continue
        again = second.get(name)
        pairs = zip(_normal(name, site), _normal(name, again) if again else (), strict=False)
        if again is None or not all(torch.equal(a, b) for a, b in pairs):
            raise InvalidPairError(
                f"AnalyticKL_ELBO: the guide's site {name!r} has a loc or scale that depends on "
                "another draw, so that the KL has no closed form; draw it independently, "
                "or use Trace_ELBO"
            )


def _normal(name: str, site: dict[str, Any]) -> tuple[Tensor, Tensor]:
    fn = site["fn"]
    while isinstance(fn, dist.Independent | torch.distributions.Independent):
        fn = fn.base_dist
    if not isinstance(fn, dist.Normal):
        raise InvalidPairError(
            f"AnalyticKL_ELBO: the guide's site {name!r} is {type(fn).__name__}; "
            "draw it from a Normal, or use Trace_ELBO"
        )
    return fn.loc, fn.scale


def _check_names(model: Sites, guide: Sites) -> None:
    for name in model.keys() - guide.keys():
        raise InvalidPairError(f"AnalyticKL_ELBO: the guide lacks the model's draw {name!r}")
    for name in guide.keys() - model.keys():
        raise InvalidPairError(f"AnalyticKL_ELBO: the model lacks the guide's draw {name!r}")


def _weight(sites: Sites) -> float:
    for name, site in sites.items():
        if site["mask"] is not None:
            raise InvalidPairError(
                f"AnalyticKL_ELBO: draw {name!r} is masked, and the KL of the whole has no part "
                "to leave out; draw only what is needed, or use Trace_ELBO"
            )
    scales = {name: site["scale"] for name, site in sites.items()}
    name, weight = next(iter(scales.items()))
    for other, scale in scales.items():
        if scale != weight:
            raise InvalidPairError(
                f"AnalyticKL_ELBO: draw {other!r} is scaled by {scale}, {name!r} by {weight}; "
                "the KL of the whole has one weight, so give all latent draws the same scale"
            )
    return weight


def _entropy(normals: Normals) -> Tensor:
    # ½ Σ_ij (1 + log 2π + log σ_ij²) (eq. 14)
    return torch.stack(
        [(0.5 * (1 + math.log(2 * math.pi)) + scale.log()).sum() for _, scale in normals.values()]
    )


def _expected_log_prior(model: Callable, normals: Normals, args: tuple, kwargs: dict) -> Terms:
    try:
        expected = model.expected_log_prior  # type: ignore[attr-defined]
    except AttributeError:
        raise InvalidPairError(
            "AnalyticKL_ELBO: the model has no method expected_log_prior(normals, *args); "
            "use VideoVAE(...).model, write the method, or use Trace_ELBO"
        ) from None
    return expected(normals, *args, **kwargs)
