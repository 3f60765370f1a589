"""How well frames that were not seen are predicted, or imputed from their neighbours."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..models import VideoVAE
from .reconstruction import Likeness, likeness

REAL = "nearest frame"


def masks(num_frames: int) -> dict[str, Bool[Tensor, "frames"]]:
    """Which frames are seen: the first half, and every third."""
    frames = torch.arange(num_frames)
    return {"predicted": frames < (num_frames + 1) // 2, "imputed": frames % 3 == 0}


def nearest_seen(seen: Bool[Tensor, "frames"]) -> Int[Tensor, "frames"]:
    """The seen frame that is nearest to each, the earlier of two."""
    frames = torch.arange(len(seen))
    distance = (frames[:, None] - frames).abs()
    return distance.masked_fill(~seen, len(seen)).argmin(1)


def measure_unseen(
    vae: VideoVAE, videos: Float[Tensor, "videos frames channels height width"]
) -> Mapping[str, dict[str, Likeness]]:
    """Compare frames that were not seen with what the codes' joint posterior expects.

    Args:
        vae: The model, in evaluation mode.
        videos: Clips of 2 frames or more.

    Returns:
        For `predicted` and `imputed` frames, the likeness of frames decoded from the posterior's
        mean codes (`model`), of the nearest frame that was seen (`nearest frame`), and of the
        frames' own reconstructions, which saw them (`seen`).

    Raises:
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.
    """
    found = {}
    with torch.no_grad():
        decoded = vae.decode(vae.encode(videos).loc)
        for name, seen in masks(videos.shape[1]).items():
            expected = vae.decode(vae.smooth(videos, seen=seen).loc.to(videos.dtype))
            made = {
                "model": expected,
                REAL: videos[:, nearest_seen(seen)],
                "seen": decoded,
            }
            real = videos[:, ~seen].flatten(0, 1)
            found[name] = {
                kind: likeness(each[:, ~seen].flatten(0, 1), real) for kind, each in made.items()
            }
    return found
