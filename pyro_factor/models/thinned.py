"""Every so many-th frame of a clip: the exact marginal of a prior, and a pair that trains on it."""

import functools
import inspect
import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InputError, require
from . import priors
from .errors import NotGaussianPrior
from .kept_frames import KeptFrames
from .program import Prior, merged
from .video_vae import VideoVAE
from .videos import Videos

WALKS = (priors.factored, priors.slow)  # whose other factor is the same for any frames


@runtime_checkable
class Thinning(Protocol):
    """A prior that says itself what it is on every so many-th frame."""

    def thinned(self, every: int) -> Prior:
        """The prior of the frames that are kept, with this one's parameters."""
        ...


def thinned(prior: Prior, every: int, num_frames: int = 1) -> Prior:
    """The prior of the frames 1, 1 + every, 1 + 2 every, ..., the others integrated out.

    For the paper's priors it is one of them: a walk's step over several frames has `every` times
    the variance (eq. 8), and static draws are independent given their centre (eq. 7). A prior
    whose parameters train is asked for it by its method `thinned(every)`.

    Args:
        prior: A Pyro model function.
        every: Frames from one that is kept to the next.
        num_frames: Frames of the whole clip, for a prior whose frames depend on their number; all
            that are left after the last one kept are integrated out too.

    Returns:
        A Pyro model function of the number of frames kept.

    Raises:
        InputError: `every` is below 1, or the prior has parameters and lacks that method.
    """
    require(every >= 1, "every", every, "give 1 or more")
    if isinstance(prior, Thinning):
        return prior.thinned(every)
    learned = isinstance(prior, nn.Module) and any(True for _ in prior.parameters())
    advice = "this prior has parameters and no method thinned(every); give 1, or the prior one"
    require(not learned or every == 1, "every", every, advice)
    if every == 1 and (num_frames == 1 or learned):
        return prior
    bound = merged(prior)
    if bound.func is priors.independent:
        return prior
    if bound.func in WALKS:
        scale = inspect.signature(bound).parameters["temporal_scale"].default
        return functools.partial(bound, temporal_scale=scale * math.sqrt(every))
    return KeptFrames(prior, every, num_frames)


def thinned_pair(vae: VideoVAE, every: int, largest: int | None = None) -> VideoVAE:
    """A pair for every so many-th frame, with the networks of a model: what trains one trains both.

    The frames that are kept stand for all: their reconstruction counts `largest` times, which is a
    weight of β / largest of the KL, so that the clip's global draws cost what they cost in the
    whole clip. What the KL holds for each frame by itself counts less by that.

    Args:
        vae: The model.
        every: Frames from one that is kept to the next.
        largest: Keep only as many as there would be this far apart; `every` unless given.

    Returns:
        A model of ⌈N / largest⌉ frames; the model itself for 1.

    Raises:
        InputError: As `thinned`; fewer than two frames would be kept; or a prior that isn't
            Gaussian, whose marginal isn't known.
    """
    largest = largest or every
    if largest == 1:
        return vae
    advice = f"give less than the {vae.num_frames} frames of a clip"
    require(largest < vae.num_frames, "every", largest, advice)
    prior = thinned(vae.prior, every, vae.num_frames)
    try:
        pair = VideoVAE(
            prior,
            -(-vae.num_frames // largest),
            encoder=vae.guide.encoder,
            decoder=vae.model.decoder,
            image_shape=vae.image_shape,
            **vae.settings | {"beta": vae.beta / largest},
        )
    except NotGaussianPrior as error:
        advice = "the prior of those frames alone isn't known; give 1"
        raise InputError(f"every: got {largest}; {advice} ({error})") from error
    own = {id(each) for each in vae.parameters()}
    shared = all(id(each) in own for each in pair.parameters())
    advice = "the prior's thinned(every) must return a prior with its own parameters, not copies"
    require(shared, "every", every, advice)
    return pair


def thinned_pairs(vae: VideoVAE, distances: Sequence[int]) -> dict[int, VideoVAE]:
    """Pairs by the distance of their frames, each of as many as the largest one leaves.

    Args:
        vae: The model.
        distances: Frames from one that is kept to the next.

    Raises:
        InputError: As `thinned_pair`.
    """
    return {every: thinned_pair(vae, every, max(distances)) for every in distances}


def thinned_videos(
    videos: Videos, every: int, num_kept: int
) -> Float[Tensor, "videos kept channels height width"]:
    """The frames 1, 1 + every, 1 + 2 every, ... of some clips, so many of them."""
    return videos[:, ::every][:, :num_kept]
