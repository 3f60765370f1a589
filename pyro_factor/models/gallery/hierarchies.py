"""The factored prior with one more level: groups of clips, and scales that are learned."""

import copy
import functools
import math
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroParam
from torch import Tensor
from torch.distributions import constraints

from ...errors import require
from .. import priors
from ..autoregression import GaussianAutoregression
from ..closed_forms import CONDITIONALS, REGISTRY, closed_form, known_conditional
from ..global_conditional import GlobalConditional
from ..hyperparameters import Number, check_scales, check_sizes


def groups(
    num_frames: int,
    static: int = 2,
    temporal: int = 2,
    clips: int = 2,
    clip_scale: Number = 0.5,
    static_scale: Number = 0.1,
    temporal_scale: Number = 0.1,
) -> Tensor:
    """Two levels of identity: a group's centre, and around it the centres of its clips.

    One item is a group, its clips stacked along the frames. For clip k and its frames i,

        group ~ N(0, 1),  hs0_k | group ~ N(group, clip_scale²),  hs_ki | hs0_k ~ N(hs0_k, σs²),
        ht_k1 ~ N(0, 1),  ht_ki | ht_k,i-1 ~ N(ht_k,i-1, σt²).

    Args:
        num_frames: N, the number of frames of all clips together.
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        clips: Clips in a group; it divides N.
        clip_scale: The spread of a group's clips around its centre.
        static_scale: σs, the spread of a clip's static codes around its centre.
        temporal_scale: σt, the scale of a step of the walk, which starts anew with each clip.

    Returns:
        h = [hs; ht] of shape (..., N, static + temporal).

    Raises:
        InputError: A size or a scale is not positive, or `clips` does not divide N.

    Eqs. 6-8 of Grathwohl and Wilson, arXiv:1612.04440, with a level above the clip.
    """
    check_sizes(num_frames=num_frames, static=static, temporal=temporal, clips=clips)
    check_scales(clip_scale=clip_scale, static_scale=static_scale, temporal_scale=temporal_scale)
    advice = f"give a number of clips that divides the {num_frames} frames"
    require(num_frames % clips == 0, "clips", clips, advice)
    length = num_frames // clips
    group = pyro.sample("group", dist.Normal(0.0, 1.0).expand([static]).to_event(1))
    centre = group.unsqueeze(-2).expand(*group.shape[:-1], clips, static)
    hs0 = pyro.sample("hs0", dist.Normal(centre, clip_scale).to_event(2))
    centres = hs0.unsqueeze(-2).expand(*hs0.shape[:-1], length, static).flatten(-3, -2)
    hs = pyro.sample("hs", dist.Normal(centres, static_scale).to_event(2))
    ht = pyro.sample("ht", _walks(num_frames, temporal, length, temporal_scale))
    return torch.cat([hs, ht], -1)


def _walks(
    num_frames: int, features: int, length: int, temporal_scale: Number
) -> GaussianAutoregression:
    """Random walks that start anew every `length` frames."""
    starts = (torch.arange(num_frames) % length == 0).unsqueeze(-1)
    scales = torch.where(starts, 1.0, torch.as_tensor(temporal_scale)).expand(num_frames, features)
    return GaussianAutoregression((~starts).unsqueeze(-1), scales)


def factored_by_frame(
    num_frames: int,
    static: int = 2,
    temporal: int = 2,
    static_scale: Number = 0.1,
    temporal_scale: Number = 0.1,
) -> Tensor:
    """The factored prior frame by frame, the centre integrated out: for KLs taken site by site.

        hs_i | hs_<i ~ N( Σ_{j<i} hs_j / (i-1+σs²), σs² (1 + 1/(i-1+σs²)) ),  ht as in `factored`,

    draws `hs_<i>` and `ht_<i>`. The density is that of `factored`. It has no global draw, so that
    `pyro.infer.TraceMeanField_ELBO` is valid, with the paper's bound.

    Args:
        num_frames: N, the number of frames; each is a statement of the program.
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        static_scale: σs, the spread of a clip's static codes around its centre.
        temporal_scale: σt, the scale of a step of the walk.

    Returns:
        h = [hs; ht] of shape (..., N, static + temporal).

    Raises:
        InputError: A size or a scale is not positive.

    Eqs. 7 and 10 of Grathwohl and Wilson, arXiv:1612.04440.
    """
    check_sizes(num_frames=num_frames, static=static, temporal=temporal)
    check_scales(static_scale=static_scale, temporal_scale=temporal_scale)
    variance = torch.as_tensor(static_scale) ** 2
    hs: list[Tensor] = []
    ht: list[Tensor] = []
    for i in range(num_frames):
        # hs_1 ~ N(0, 1 + σs²) is the case of no frame before
        centre = torch.stack(hs).sum(0) / (i + variance) if hs else torch.zeros(static)
        spread = static_scale * (1 + 1 / (i + variance)).sqrt()
        hs.append(pyro.sample(f"hs_{i}", dist.Normal(centre, spread).to_event(1)))
        place, step = (ht[-1], temporal_scale) if ht else (torch.zeros(temporal), 1.0)
        ht.append(pyro.sample(f"ht_{i}", dist.Normal(place, step).to_event(1)))
    return torch.cat([torch.stack(hs, -2), torch.stack(ht, -2)], -1)


class LearnedFactored(PyroModule):
    """The factored prior with scales σs and σt that train with the networks.

    Args:
        static: Features of the static factor hs.
        temporal: Features of the temporal factor ht.
        static_scale: σs at the start.
        temporal_scale: σt at the start.

    Raises:
        InputError: A size or a scale is not positive.

    Eqs. 6-8 of Grathwohl and Wilson, arXiv:1612.04440, where both scales are fixed.
    """

    def __init__(
        self,
        static: int = 2,
        temporal: int = 2,
        static_scale: float = 0.1,
        temporal_scale: float = 0.1,
    ) -> None:
        super().__init__()
        check_sizes(static=static, temporal=temporal)
        check_scales(static_scale=static_scale, temporal_scale=temporal_scale)
        self.sizes = {"static": static, "temporal": temporal}
        scales = {"static_scale": float(static_scale), "temporal_scale": float(temporal_scale)}
        self.hyperparameters: dict[str, Any] = self.sizes | scales
        self.static_scale = _positive(static_scale)
        self.temporal_scale = _positive(temporal_scale)
        self.every = 1  # frames in a step of the walk

    def forward(self, num_frames: int) -> Tensor:
        """Sample the draws of `priors.factored`; return h, (..., N, static + temporal)."""
        return self.factored()(num_frames)

    def extra_repr(self) -> str:
        """Its sizes, and its scales as they are now."""
        scales = {name: getattr(self, name).item() for name in ("static_scale", "temporal_scale")}
        shown = {name: f"{value:.3g}" for name, value in (self.sizes | scales).items()}
        return ", ".join(f"{name}={value}" for name, value in shown.items())

    def thinned(self, every: int) -> "LearnedFactored":
        """The prior of every so many-th frame, with this one's parameters."""
        kept = copy.copy(self)  # the parameters are shared, and stay so as they train
        kept.every *= every
        return kept

    def factored(self) -> functools.partial:
        """`priors.factored` with the scales as they are now."""
        step: Any = self.temporal_scale
        scales: dict[str, Any] = {
            "static_scale": self.static_scale,
            "temporal_scale": step * math.sqrt(self.every),
        }
        return functools.partial(priors.factored, **self.sizes, **scales)


def _positive(start: float) -> PyroParam:
    return PyroParam(torch.tensor(float(start)), constraints.positive)


def _expected_learned(loc: Tensor, scale: Tensor, prior: LearnedFactored) -> dict[str, Tensor]:
    terms = closed_form(prior.factored())
    assert terms is not None
    return terms(loc, scale)


def _learned_conditional(num_frames: int, prior: LearnedFactored) -> GlobalConditional:
    conditional = known_conditional(prior.factored())
    assert conditional is not None
    return conditional(num_frames)


REGISTRY[LearnedFactored] = _expected_learned
CONDITIONALS[LearnedFactored] = _learned_conditional
