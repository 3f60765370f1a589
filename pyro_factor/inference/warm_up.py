"""KL warm-up, factor by factor: what is taken off an ELBO's loss while a factor's KL is let in."""

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError, require
from ..models import NotGaussianPrior, VideoVAE, closed_forms
from ..models.layout import columns_of


def factor_kl(vae: VideoVAE, q: dist.Normal) -> dict[str, Float[Tensor, "videos"]]:
    """KL(q ‖ p) of each factor, exactly (eqs. 13-18 for the paper's priors).

    Args:
        vae: The model.
        q: Independent Normals over h, .loc and .scale (B, N, D).

    Returns:
        By factor, nats per video, (B,); empty where the prior correlates factors, or isn't
        Gaussian and has no closed form.
    """
    try:
        terms = vae.model.reader.expected_log_prior_by_factor(q.loc, q.scale)
    except NotGaussianPrior:
        return {}
    factors = vae.model.reader.factors(q.loc.shape[-2])
    return {
        name: -closed_forms.entropy(columns_of(q.scale, factors[name])) - expected
        for name, expected in terms.items()
    }


def missing_weights(warm_up: Mapping[str, int], iteration: int) -> dict[str, float]:
    """1 - w_f of each factor, w_f rising from 0 to 1 within its warm-up.

    Args:
        warm_up: Iterations by factor.
        iteration: The number of the iteration, from 0.
    """
    return {
        name: max(0.0, 1 - iteration / steps) if steps else 0.0 for name, steps in warm_up.items()
    }


def discount(
    vae: VideoVAE, q: dist.Normal, missing: Mapping[str, float | Tensor]
) -> Float[Tensor, ""]:
    """β Σ_f (1 - w_f) KL(q(f) ‖ p(f)), w_f the weight of a factor's KL.

    Taken off the loss of any estimator of the ELBO (eq. 5), it leaves the factor's KL the weight
    w_f β. A factor that the decoder has no use for yet is not pulled to its prior then.

    Args:
        vae: The model.
        q: The guide's Normals, .loc and .scale (B, N, D).
        missing: 1 - w_f by factor, one or more, numbers or tensors of one number.

    Returns:
        The mean over the videos, nats per video.

    KL warm-up is from Sønderby et al. 2016, arXiv:1602.02282.
    """
    kl = factor_kl(vae, q)
    return vae.beta * torch.stack([rest * kl[name].mean() for name, rest in missing.items()]).sum()


def check_warm_up(vae: VideoVAE, warm_up: Mapping[str, int]) -> None:
    """Raise unless the factors' KLs can be weighted one by one.

    Raises:
        InputError: A factor whose KL isn't known by itself, or a smoothing guide.
    """
    if not warm_up:
        return
    given = dict(warm_up)
    if vae.guide.name == "smoothing":
        advice = "a smoothing guide ties the factors; leave it out, or take another guide"
        raise InputError(f"warm_up: got {given}; {advice}")
    zeros = torch.zeros(1, vae.num_frames, vae.num_features)
    known = sorted(factor_kl(vae, dist.Normal(zeros, torch.ones_like(zeros))))
    advice = f"name factors of {', '.join(known)}" if known else "leave it out for this prior"
    require(given.keys() <= set(known), "warm_up", given, advice)
