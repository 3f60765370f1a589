"""A guide's draws, spread better over the particles, or so that gradients can be taken in them."""

from collections.abc import Callable
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Size, Tensor
from torch.quasirandom import SobolEngine

from ..errors import require
from ..models.gaussian_conditional import GaussianConditional
from .terms import is_exact_conditional, normal_below


def independent(shape: Size) -> Tensor:
    """Standard Normal noise, particle by particle."""
    return torch.randn(shape)


def antithetic(shape: Size) -> Tensor:
    """Standard Normal noise in pairs ε, -ε along the first dimension, which is even."""
    half = torch.randn(shape[0] // 2, *shape[1:])
    return torch.cat([half, -half])


def sobol(shape: Size) -> Tensor:
    """Standard Normal noise from scrambled Sobol points along the first dimension (Owen 1995).

    Every point by itself is standard Normal, so estimators stay unbiased.
    """
    sizes = [SobolEngine.MAXDIM] * (shape[1:].numel() // SobolEngine.MAXDIM)
    sizes.append(shape[1:].numel() - sum(sizes))
    seeds = torch.randint(2**31 - 1, (len(sizes),)).tolist()
    points = [
        SobolEngine(size, scramble=True, seed=seed).draw(shape[0], dtype=torch.float64)
        for size, seed in zip(sizes, seeds, strict=True)
        if size
    ]
    # half a unit of the engine's last digit, so that no point is 0
    uniform = torch.cat(points, -1) + 0.5**31
    return torch.special.ndtri(uniform).reshape(shape)


NOISES: dict[str, Callable[[Size], Tensor]] = {
    "independent": independent,
    "antithetic": antithetic,
    "sobol": sobol,
}


class SpreadDraws(Messenger):
    """Draw a guide's Gaussians with one of the noises above, particles along the first dimension.

    Args:
        noise: Its name.
    """

    def __init__(self, noise: str) -> None:
        super().__init__()
        self.noise = NOISES[noise]

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["done"] or msg["is_observed"] or is_exact_conditional(msg):
            return
        normal = normal_below(msg["fn"])
        if isinstance(msg["fn"], GaussianConditional):
            noise = self.noise(msg["fn"].loc.shape).to(msg["fn"].loc)
            msg["value"], msg["done"] = msg["fn"].colour(noise), True
        elif normal is not None:
            shape = msg["fn"].shape()
            noise = self.noise(shape).to(normal.loc)
            msg["value"] = normal.loc.expand(shape) + normal.scale.expand(shape) * noise
            msg["done"] = True


class DifferentiableDraws(Messenger):
    """Let gradients be taken in all of a guide's draws, of parameters or not."""

    def _pyro_sample(self, msg: Any) -> None:
        if msg["is_observed"] or site_is_subsample(msg):
            return
        value = msg["fn"](*msg["args"], **msg["kwargs"]) if msg["value"] is None else msg["value"]
        msg["value"] = value if value.requires_grad else value.detach().requires_grad_()
        msg["done"] = True


def check_noise(noise: str, num_particles: int, vectorize_particles: bool) -> None:
    """Raise `InputError` unless the particles suit a noise."""
    require(noise in NOISES, "noise", noise, f"choose from {', '.join(NOISES)}")
    if noise == "independent":
        return
    even = num_particles > 1 and (noise != "antithetic" or num_particles % 2 == 0)
    advice = f"{noise} draws need " + (
        "an even number of them" if noise == "antithetic" else "2 or more"
    )
    require(even, "particles", num_particles, advice)
    # last, since who names an estimator has it from the number of particles
    advice = f"{noise} draws are spread over particles; give vectorize_particles=True"
    require(vectorize_particles, "vectorize_particles", vectorize_particles, advice)
