"""Every so many-th frame of a clip: the exact marginal of a prior, and a pair that trains on it."""

import functools
import inspect
import math
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InputError, require
from . import priors
from .program import Prior, merged
from .video_vae import VideoVAE

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
        num_frames: Frames of the whole clip, for a prior whose frames depend on their number; any
            that are left after the last one kept are integrated out too.

    Returns:
        A Pyro model function of the number of frames kept.

    Raises:
        InputError: `every` is below 1, or the prior is a module without that method.
    """
    require(every >= 1, "every", every, "give 1 or more")
    if every == 1:
        return prior
    if isinstance(prior, Thinning):
        return prior.thinned(every)
    advice = "this prior has parameters and no method thinned(every); give 1, or the prior one"
    require(not isinstance(prior, nn.Module), "every", every, advice)
    bound = merged(prior)
    if bound.func is priors.independent:
        return prior
    if bound.func in WALKS:
        scale = inspect.signature(bound).parameters["temporal_scale"].default
        return functools.partial(bound, temporal_scale=scale * math.sqrt(every))

    def kept(num_kept: int) -> Float[Tensor, "*videos frames features"]:
        whole = num_frames if num_kept == -(-num_frames // every) else every * (num_kept - 1) + 1
        return prior(whole)[..., ::every, :]

    return kept


def thinned_pair(vae: VideoVAE, every: int) -> VideoVAE:
    """A pair for every so many-th frame, with the networks of a model: what trains one trains both.

    The frames that are kept stand for all: their reconstruction counts `every` times, which is a
    weight of β / every of the KL, so that the clip's global draws cost what they cost in the whole
    clip. What the KL holds for each frame by itself counts less by that.

    Args:
        vae: The model.
        every: Frames from one that is kept to the next.

    Returns:
        A model of ⌈N / every⌉ frames; the model itself for 1.

    Raises:
        InputError: As `thinned`; fewer than two frames would be kept; or a prior whose marginal
            isn't known, such as one that isn't Gaussian.
    """
    if every == 1:
        return vae
    advice = f"give less than the {vae.num_frames} frames of a clip"
    require(every < vae.num_frames, "every", every, advice)
    prior = thinned(vae.prior, every, vae.num_frames)
    try:
        return VideoVAE(
            prior,
            -(-vae.num_frames // every),
            encoder=vae.guide.encoder,
            decoder=vae.model.decoder,
            image_shape=vae.image_shape,
            **vae.settings | {"beta": vae.beta / every},
        )
    except InputError as error:
        advice = "the prior of those frames alone isn't known; give 1"
        raise InputError(f"every: got {every}; {advice} ({error})") from error
