"""The paper's training step by hand, in plain PyTorch: what Pyro's flexibility is held against."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Codes = Float[Tensor, "videos frames features"]


def loss(
    encoder: nn.Module,
    decoder: nn.Module,
    videos: Float[Tensor, "videos frames channels height width"],
    noise: Codes,
    *,
    static: int,
    scale: float = 0.1,
) -> Float[Tensor, ""]:
    """Minus the ELBO of the factored prior with the exact KL (eqs. 13-18), in nats per video.

    Args:
        encoder: From images to loc and scale.
        decoder: From codes to logits.
        videos: Clips.
        noise: Standard Normal, of the draw of h.
        static: Features of the static factor; the others are temporal.
        scale: σs and σt.
    """
    images = videos.flatten(0, 1)
    loc, spread = (out.to(noise).view_as(noise) for out in encoder(images))
    logits = decoder((loc + spread * noise).flatten(0, 1))
    loss = F.binary_cross_entropy_with_logits(logits.to(images), images, reduction="sum")
    entropy = (spread.log() + 0.5 * (1 + math.log(2 * math.pi))).sum()
    prior = _static(loc[..., :static], spread[..., :static], scale)
    prior = prior + _temporal(loc[..., static:], spread[..., static:], scale)
    return (loss - entropy - prior) / len(videos)


def _static(loc: Codes, spread: Codes, scale: float) -> Tensor:
    """E_q[log p(hs)], the clip's centre integrated out."""
    videos, frames, features = loc.shape
    square = spread.square().sum(1)
    mean = loc.mean(1)
    within = (loc - mean[:, None]).square().sum(1) + (1 - 1 / frames) * square
    between = frames * (mean.square() + square / frames**2)
    quadratic = within / scale**2 + between / (scale**2 + frames)
    constant = frames * math.log(2 * math.pi) + (frames - 1) * math.log(scale**2)
    constant += math.log(scale**2 + frames)
    return -0.5 * (quadratic.sum() + videos * features * constant)


def _temporal(loc: Codes, spread: Codes, scale: float) -> Tensor:
    """E_q[log p(ht)] of the random walk."""
    videos, frames, features = loc.shape
    square = spread.square()
    steps = (loc[:, 1:] - loc[:, :-1]).square() + square[:, 1:] + square[:, :-1]
    first = loc[:, 0].square() + square[:, 0]
    constant = frames * math.log(2 * math.pi) + (frames - 1) * math.log(scale**2)
    return -0.5 * (first.sum() + steps.sum() / scale**2 + videos * features * constant)


def step(
    loss: Callable[[], Tensor], optimiser: torch.optim.Optimizer, precision: torch.dtype
) -> Tensor:
    """One step of the optimiser; returns the loss, still on the device."""
    device = optimiser.param_groups[0]["params"][0].device.type
    with torch.autocast(device, torch.bfloat16, enabled=precision is torch.bfloat16):
        value = loss()
    optimiser.zero_grad()
    value.backward()
    optimiser.step()
    return value.detach()
