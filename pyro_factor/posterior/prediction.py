"""Frames that were not seen, predicted or imputed with their uncertainty."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..errors import require
from ..inference.seeds import forked
from ..models.video_vae import VideoVAE
from ..models.videos import Videos


class Frames(NamedTuple):
    """What is expected of each pixel.

    Args:
        mean: (B, N, C, H, W).
        spread: Its standard deviation over the codes: how unsure the picture is, not the noise of
            single pixels.
    """

    mean: Float[Tensor, "videos frames channels height width"]
    spread: Float[Tensor, "videos frames channels height width"]


@torch.no_grad()
def predict(
    vae: VideoVAE,
    videos: Videos,
    seen: Bool[Tensor, "frames"],
    *,
    num_samples: int = 50,
    seed: int = 0,
) -> Frames:
    """Decode draws of all frames' codes given the frames that were seen.

    The codes' joint posterior is the prior times the guide's factor of each seen frame: later
    frames are predicted, those between imputed, and all of a clip's frames share its identity.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips (B, N, C, H, W); what is in frames that were not seen has no part in it.
        seen: Which frames were, (N,).
        num_samples: Draws, 2 or more.
        seed: Seed of the draws.

    Returns:
        The mean and the spread of every pixel.

    Raises:
        InputError: A mask of another length, no frame seen, too few draws.
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.
    """
    require(num_samples >= 2, "num_samples", num_samples, "give 2 or more")
    joint = vae.eval().smooth(videos, seen=seen)
    require(bool(seen.any()), "seen", seen.tolist(), "have one frame or more seen")
    with forked(seed):
        codes = joint.sample(num_samples).to(videos.dtype)
    pixels = torch.stack([vae.decode(h) for h in codes])
    return Frames(pixels.mean(0), pixels.std(0))
