"""Expected log-densities of the paper's priors under the guide, in closed form (eqs. 14-18).

The fast path of `AnalyticKL_ELBO`: linear in the number of frames and differentiable in the scales.
Every function takes the guide's loc and scale, (..., N, F), and returns nats per video, (...).
"""

import functools
import inspect
import math
from collections.abc import Callable, Hashable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from . import priors
from .global_conditional import GlobalConditional
from .program import merged

LOG_2PI = math.log(2 * math.pi)

Codes = Float[Tensor, "*videos frames features"]
Nats = Float[Tensor, "*videos"]
ExpectedTerms = Callable[[Tensor, Tensor], dict[str, Tensor]]


def entropy(scale: Codes) -> Nats:
    """H(q) = -E_q[log q(h)] (eq. 14)."""
    # ½ Σ_ij (1 + log 2π + log σ_ij²)
    return (0.5 * (1 + LOG_2PI) + scale.log()).sum((-2, -1))


def expected_static(loc: Codes, scale: Codes, static_scale: float | Tensor) -> Nats:
    """E_q[log p(hs)], the centre hs0 integrated out (eqs. 10, 16-18; the constant corrected).

    Written centred, so that float32 does not cancel. The paper's constant (eq. 11) has
    log N(σs² + 1) where log(σs² + N) is right. At scale = 0 this is log p(loc).
    """
    num_frames, num_features = loc.shape[-2:]
    variance = _square(static_scale, loc)
    mean = loc.mean(-2)
    # E Σ_i (hs_i - m)² = Σ_i (μ_i - μ̄)² + (1 - 1/N) Σ_i σ_i²,    m = mean_i hs_i
    spread = (loc - mean.unsqueeze(-2)).square().sum(-2)
    spread = spread + (1 - 1 / num_frames) * scale.square().sum(-2)
    # E m² = μ̄² + Σ_i σ_i² / N²
    mean_square = mean.square() + scale.square().sum(-2) / num_frames**2
    # ½ Σ_j [ Σ_i (hs_i - m)² / σs² + N m² / (σs² + N) ]
    quadratic = spread / variance + mean_square * num_frames / (variance + num_frames)
    # ½ F [ N log 2π + (N - 1) log σs² + log(σs² + N) ]
    log_determinant = (num_frames - 1) * variance.log() + (variance + num_frames).log()
    constant = (num_frames * LOG_2PI + log_determinant).expand(num_features).sum()
    return -0.5 * (quadratic.sum(-1) + constant)


def expected_walk(loc: Codes, scale: Codes, temporal_scale: float | Tensor) -> Nats:
    """E_q[log p(ht)] of the Gaussian random walk (eq. 15). At scale = 0 this is log p(loc)."""
    num_frames, num_features = loc.shape[-2:]
    variance = _square(temporal_scale, loc)
    # Σ_{i≥2} [ (μ_i - μ_{i-1})² + σ_i² + σ_{i-1}² ]
    steps = loc.diff(dim=-2).square().sum(-2)
    steps = steps + scale[..., 1:, :].square().sum(-2) + scale[..., :-1, :].square().sum(-2)
    # μ_1² + σ_1²
    first = loc[..., 0, :].square() + scale[..., 0, :].square()
    # ½ F [ log 2π + (N - 1) log 2πσt² ]
    constant = LOG_2PI + (num_frames - 1) * (LOG_2PI + variance.log())
    return -0.5 * ((first + steps / variance).sum(-1) + constant.expand(num_features).sum())


def expected_standard(loc: Codes, scale: Codes) -> Nats:
    """E_q[log p(h)] of independent standard Normals."""
    return -0.5 * (loc.square() + scale.square() + LOG_2PI).sum((-2, -1))


def expected_factored(
    loc: Codes,
    scale: Codes,
    static: int,
    temporal: int,
    static_scale: float | Tensor,
    temporal_scale: float | Tensor,
    *,
    expected: Callable[[Codes, Codes, float | Tensor], Nats] = expected_static,
) -> dict[str, Tensor]:
    """The terms of a static factor, by default the paper's, and of a random walk beside it."""
    static_loc, temporal_loc = loc.split([static, temporal], -1)
    static_spread, temporal_spread = scale.split([static, temporal], -1)
    return {
        "static": expected(static_loc, static_spread, static_scale),
        "temporal": expected_walk(temporal_loc, temporal_spread, temporal_scale),
    }


def _slow(
    loc: Codes, scale: Codes, features: int, temporal_scale: float | Tensor
) -> dict[str, Tensor]:
    return {"temporal": expected_walk(loc, scale, temporal_scale)}


def _independent(loc: Codes, scale: Codes, features: int) -> dict[str, Tensor]:
    return {"prior": expected_standard(loc, scale)}


def _factored_conditional(
    num_frames: int,
    static: int,
    temporal: int,
    static_scale: float | Tensor,
    temporal_scale: float | Tensor,
) -> GlobalConditional:
    """p(hs0 | hs) = N(Σ_i hs_i / (N + σs²), σs² / (N + σs²)), by eq. 7."""
    variance = torch.as_tensor(static_scale).double().square().expand(static)
    precision = num_frames + variance  # times σs²
    of_frame = torch.eye(static, static + temporal, dtype=variance.dtype, device=variance.device)
    return GlobalConditional(
        offset=torch.zeros_like(variance),
        gain=-(of_frame / precision.unsqueeze(-1)).repeat(1, num_frames),
        scale_tril=(variance / precision).sqrt().diag_embed(),
    )


# A prior -> the terms of E_q[log p(h)], from (loc, scale) and the prior's own hyperparameters;
# a module's type -> the terms from (loc, scale, prior), which read the module's parameters.
REGISTRY: dict[Callable, Callable] = {
    priors.factored: expected_factored,
    priors.slow: _slow,
    priors.independent: _independent,
}

# A prior -> p(global draws | h), of the number of frames and its own hyperparameters; likewise.
CONDITIONALS: dict[Callable, Callable] = {priors.factored: _factored_conditional}


def closed_form(prior: Callable) -> ExpectedTerms | None:
    """Find the closed form of a prior, through any `functools.partial`.

    Args:
        prior: A prior, perhaps with hyperparameters bound; or a module.

    Returns:
        A function of the guide's loc and scale, (..., N, D), that returns the terms of
        E_q[log p(h)], nats per video; None where `REGISTRY` has no closed form.
    """
    return _look_up(prior, REGISTRY)


def known_conditional(prior: Callable) -> Callable[[int], GlobalConditional] | None:
    """Find p(global draws | h) of a prior in closed form, through any `functools.partial`.

    Args:
        prior: A prior, perhaps with hyperparameters bound; or a module.

    Returns:
        A function of the number of frames; None where `CONDITIONALS` has none.
    """
    return _look_up(prior, CONDITIONALS)


def _look_up(prior: Callable, registry: Mapping[Callable, Callable]) -> Callable | None:
    if isinstance(prior, nn.Module):
        found = registry.get(type(prior))
        return None if found is None else functools.partial(found, prior=prior)
    bound = merged(prior)
    found = registry.get(bound.func) if isinstance(bound.func, Hashable) else None
    if found is None:
        return None
    arguments = inspect.signature(bound.func).bind(0, *bound.args, **bound.keywords)
    arguments.apply_defaults()
    given = arguments.arguments.values()
    if any(isinstance(scale, Tensor) and scale.dim() > 1 for scale in given):
        return None  # not one for each feature: the general form knows it
    _, *hyperparameters = arguments.arguments
    return functools.partial(found, **{k: arguments.arguments[k] for k in hyperparameters})


def _square(scale: float | Tensor, like: Tensor) -> Tensor:
    if isinstance(scale, Tensor):
        return scale.to(like).square()
    return like.new_full((), scale).square()  # made on the device, which need not wait for it
