"""Weights in half precision, and what that changes."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..checkpoint import weights
from ..evaluation.evaluate import elbo_terms
from ..evaluation.gather import TEST_STREAM, evaluating, stream
from ..inference.runs import Run
from ..models import VideoVAE
from .card import Rounding

LARGEST_ERROR = 2.0**-10  # twice what rounding to 11 binary digits leaves
CLIPS = 64


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights in half precision, but for those that do not survive it."""
    return {name: t.half() if survives(t) else t for name, t in tensors.items()}


def survives(tensor: Tensor) -> bool:
    """Whether half precision holds a tensor.

    It does if it moves every row of a matrix or kernel by at most `LARGEST_ERROR` of the row's
    norm, and so every entry of a vector: a running variance divides a channel of its own, however
    small it is. What overflows moves by infinity.
    """
    if not tensor.is_floating_point():
        return False
    rows = tensor.double().reshape(len(tensor), -1) if tensor.ndim else tensor.double().view(1, 1)
    moved = rows - rows.half().double()
    return bool((moved.norm(dim=1) <= LARGEST_ERROR * rows.norm(dim=1)).all())


def measure_rounding(run: Run, rounded: VideoVAE, clips: int = CLIPS, seed: int = 0) -> Rounding:
    """Hold a rounded model against the run that it was made of.

    Args:
        run: The run.
        rounded: Its model with rounded weights.
        clips: Clips of the test part.
        seed: Seed of the clips and of the ELBO's draws.
    """
    with evaluating(run.vae, seed) as device:
        test = run.data.scoring("test")[1]
        videos = test.batch(clips, stream(seed, TEST_STREAM)).videos.to(device)
        before, after = (_seen(vae, videos, seed) for vae in (run.vae, rounded))
    moved = (after.loc - before.loc) / before.scale
    floats = [(name, t) for name, t in weights(run.vae).items() if t.is_floating_point()]
    return Rounding(
        kept=tuple(name for name, t in floats if not survives(t)),
        clips=clips,
        codes=float(moved.abs().max()),
        codes_rms=float(moved.square().mean().sqrt()),
        pixels=float((after.frames - before.frames).abs().max()),
        elbo=after.elbo - before.elbo,
    )


class Seen(NamedTuple):
    """What a model makes of clips: its guide, decoded means, and the ELBO."""

    loc: Tensor
    scale: Tensor
    frames: Tensor
    elbo: float


def _seen(vae: VideoVAE, videos: Tensor, seed: int) -> Seen:
    q = vae.encode(videos)
    torch.manual_seed(seed)
    terms = elbo_terms(vae, videos.shape[1])(videos)
    return Seen(q.loc, q.scale, vae.decode(q.loc), float(sum(terms.values())))
