"""The ELBO with the exact KL of the whole hierarchy (eqs. 13-18): `AnalyticKL_ELBO`."""

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from pyro import poutine
from pyro.distributions.util import sum_rightmost
from pyro.infer import ELBO
from pyro.infer.enum import get_importance_trace
from pyro.infer.util import torch_item
from pyro.poutine import Trace
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import is_validation_enabled
from torch import Tensor

from ..models.errors import InvalidPairError
from .conditions import (
    Rechecked,
    check_independent_normals,
    check_jointly_gaussian,
    check_masks,
    check_names,
    normal_of,
)
from .noise import DifferentiableDraws, SpreadDraws, check_noise
from .quadratic import check_plates, expected_log_prob
from .terms import (
    Sites,
    Terms,
    guide_sites,
    is_exact_conditional,
    joint_of,
    latent_sites,
    num_items,
    observed_sites,
)

Normals = dict[str, tuple[Tensor, Tensor]]


class AnalyticKL_ELBO(Rechecked, ELBO):
    """E_q[log p(x|h)] by Monte Carlo, KL(q(h) ‖ p(h)) exactly.

    The same expectation as `pyro.infer.Trace_ELBO` of the same pair, with lower variance: the KL's
    gradient has none. Valid if

    - the latent draws of the model are jointly Gaussian: each is Gaussian, with a mean affine in
      the draws before it and a scale that depends on none, and no draw depends on several entries
      of one under a plate;
    - every draw of the guide is a Normal whose parameters depend on no draw, and none is masked.

    Any Pyro model may be given, with plates and subsampling, and Pyro's `AutoNormal` as its guide
    where all supports are real. One with a method
    `expected_log_prior(normals, *args)` gives E_q[log p(h)] itself, as `VideoVAE(...).model` does;
    its guide may also draw sites marked `infer={"exact_conditional": True}`, which are integrated
    out, or all others from one Gaussian, marked `infer={"joint": q}` (`SmoothingGuide`); and all
    its latent draws have one scale (the weight β of eq. 5).

    The first two are checked at a pair's first use, the others every time.

    Args:
        num_particles: Draws of h for the reconstruction.
        max_plate_nesting: As in `pyro.infer.ELBO`.
        vectorize_particles: As in `pyro.infer.ELBO`.
        noise: How these draws are spread: "independent", "antithetic" (pairs ±ε) or "sobol"
            (scrambled quasi-Monte Carlo). The expectation is the same.
        options: Others of `pyro.infer.ELBO`.

    Raises:
        InputError: An unknown noise, or particles that do not suit it.
        InvalidPairError: A condition on the guide does not hold; the site is named.
        NotGaussianPrior: The model's latent draws are not jointly Gaussian; the site is named.
    """

    def __init__(
        self,
        num_particles: int = 1,
        max_plate_nesting: float | int = math.inf,
        vectorize_particles: bool = False,
        *,
        noise: str = "independent",
        **options: Any,
    ) -> None:
        super().__init__(
            num_particles, max_plate_nesting, vectorize_particles=vectorize_particles, **options
        )
        check_noise(noise, num_particles, vectorize_particles)
        self.noise = noise

    _needs_gradients: bool  # in the draws: whether E_q[log p] is to be had from a trace
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
            loss.backward(retain_graph=self.retain_graph)
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
        self._check_once(model, guide, args, kwargs)
        self._needs_gradients = not hasattr(model, "expected_log_prior")
        if self._needs_gradients:
            return self._quadratic_terms(model, guide, args, kwargs)
        traces = list(self._get_traces(model, guide, args, kwargs))
        model_trace, guide_trace = traces[0]
        drawn, latents = guide_sites(guide_trace), latent_sites(model_trace)
        check_names(latents, drawn)
        seen = [site for trace, _ in traces for site in observed_sites(trace).values()]
        reconstruction = sum((s["log_prob_sum"] for s in seen), start=torch.tensor(0.0))
        # vectorised particles repeat the guide's Normals
        copies = self.num_particles // len(traces)
        terms = _latent_terms(model, drawn, copies, args, kwargs)
        return (
            {"reconstruction": reconstruction / self.num_particles} | terms,
            _weight(latents | {f"{n} (guide)": s for n, s in drawn.items()}),
            num_items(model_trace),
        )

    def _quadratic_terms(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> tuple[Terms, float, int]:
        """The same of any model, each site weighted by its own scale; the KL's weight is then 1."""
        grad, totals = torch.is_grad_enabled(), dict[str, Tensor]()
        with torch.inference_mode(False), torch.enable_grad():
            for model_trace, guide_trace in self._get_traces(model, guide, args, kwargs):
                drawn, latents = guide_sites(guide_trace), latent_sites(model_trace)
                check_names(latents, drawn)
                check_masks(latents)
                check_masks(drawn)
                self._check_shapes(model, latents)
                normals = {name: normal_of(name, site) for name, site in drawn.items()}
                seen = [site["log_prob_sum"] for site in observed_sites(model_trace).values()]
                terms = {
                    "reconstruction": sum(seen, start=torch.tensor(0.0)),
                    "entropy": _weighted_entropy(drawn, normals),
                    "prior": expected_log_prob(latents, normals),
                }
                for name, value in terms.items():
                    kept = value if grad else value.detach()
                    totals[name] = totals.get(name, 0.0) + kept / self.num_particles
        # the scales of subsampling make the sums those of the whole plate
        return totals, 1.0, num_items(model_trace, whole=True)

    def _get_trace(
        self, model: Callable, guide: Callable, args: tuple, kwargs: dict
    ) -> tuple[Trace, Trace]:
        if self.noise != "independent":
            guide = SpreadDraws(self.noise)(guide)
        if self._needs_gradients:
            guide = DifferentiableDraws()(guide)
        elif not (is_validation_enabled() or _is_handler(guide)):
            return _observed_alone(model, guide, args, kwargs)
        return get_importance_trace("flat", self.max_plate_nesting, model, guide, args, kwargs)

    def _check_once(self, model: Callable, guide: Callable, args: tuple, kwargs: dict) -> None:
        checked: WeakKeyDictionary = self.__dict__.setdefault("_checked", WeakKeyDictionary())
        if model not in checked.setdefault(guide, WeakSet()):
            known = hasattr(model, "expected_log_prior")
            check_independent_normals("AnalyticKL_ELBO", guide, args, kwargs, jointly=known)
            if not known:
                check_jointly_gaussian(model, guide, args, kwargs)
            checked[guide].add(model)

    def _check_shapes(self, model: Callable, latents: Sites) -> None:
        """Check plates of other sizes anew: of one entry nothing shows that it is coupled."""
        checked: WeakKeyDictionary = self.__dict__.setdefault("_shapes", WeakKeyDictionary())
        shapes = tuple((name, site["value"].shape) for name, site in latents.items())
        if shapes not in checked.setdefault(model, set()):
            with torch.random.fork_rng(devices=[]):
                check_plates(latents)
            checked[model].add(shapes)


def _is_handler(guide: Callable) -> bool:
    return isinstance(poutine.unwrap(guide), Messenger)


def _observed_alone(
    model: Callable, guide: Callable, args: tuple, kwargs: dict
) -> tuple[Trace, Trace]:
    """`get_importance_trace`, of whose log-densities only those of what is observed are needed."""
    guide_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    model_trace = poutine.trace(poutine.replay(model, guide_trace)).get_trace(*args, **kwargs)
    model_trace.compute_log_prob(lambda name, site: site["is_observed"])
    return model_trace, guide_trace


def _latent_terms(model: Any, drawn: Sites, copies: int, args: tuple, kwargs: dict) -> Terms:
    """The entropy and the terms of E_q[log p(h)] that the model gives, summed over the videos."""
    joint = joint_of(drawn)
    if joint is not None:
        terms = model.expected_log_prior_jointly(joint, *args, **kwargs)
        terms, copies = {"entropy": joint.entropy, **terms}, 1
    else:
        normals = {n: normal_of(n, s) for n, s in drawn.items() if not is_exact_conditional(s)}
        terms = model.expected_log_prior(normals, *args, **kwargs)
        terms = {"entropy": _entropy(normals), **terms}
    return {name: value.sum() / copies for name, value in terms.items()}


def _weight(sites: Sites) -> float:
    check_masks(sites)
    scales = {name: site["scale"] for name, site in sites.items()}
    for name, scale in scales.items():
        if isinstance(scale, Tensor) and scale.numel() > 1:
            raise InvalidPairError(
                f"AnalyticKL_ELBO: draw {name!r} is scaled item by item; the KL of the whole has "
                "one weight, so give all latent draws the same scale, or use Trace_ELBO"
            )
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


def _weighted_entropy(drawn: Sites, normals: Normals) -> Tensor:
    total = torch.tensor(0.0)
    for name, (_, scale) in normals.items():
        entries, site = 0.5 * (1 + math.log(2 * math.pi)) + scale.log(), drawn[name]
        # the weight may be that of each entry of a plate
        total = total + (site["scale"] * sum_rightmost(entries, site["fn"].event_dim)).sum()
    return total
