"""A guide that decodes each frame with the static code of another frame of its clip."""

import pyro.distributions as dist
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import require
from .images import Images
from .prior_reader import PriorReader
from .video_guide import VideoGuide
from .videos import Videos

STATIC = "hs"


class ShufflingGuide(VideoGuide):
    """q(h | x) = ∏_i N(hs_i; μ(x_j), σ²(x_j)) N(ht_i; μ(x_i), σ²(x_i)), j = i + s modulo N.

    In training, each frame is reconstructed with the static code of another frame, s frames on, s
    drawn for each clip from 1 to N - 1, so that the code can hold only what the frames share. For
    every s it is a guide of independent Normals and its ELBO a bound; the static prior is
    exchangeable (eq. 7), so that the KL is the same for all s. In evaluation mode s is 0: the
    guide of eq. 12.

    Args:
        reader: The prior, read; it has a factor `hs`.
        encoder: From images (M, C, H, W) to loc and scale, (M, D) each.
        beta: Weight of the latent draws (eq. 5).
        images: What a frame is.

    Raises:
        InputError: The prior has no factor `hs`.
    """

    name = "shuffling"

    def __init__(
        self, reader: PriorReader, encoder: torch.nn.Module, beta: float, images: Images
    ) -> None:
        super().__init__(reader, encoder, beta, images)
        factors = reader.layout(2).factors
        held = f"this prior's factors are {', '.join(factors)}; give one with a static factor"
        require(STATIC in factors, "guide", self.name, f"it shuffles {STATIC}, and {held} {STATIC}")
        self._static = factors[STATIC]

    def posterior(self, videos: Videos) -> dist.Normal:
        """Return q(h | x)."""
        q = self.recognise(videos)
        if not self.training:
            return q
        num_videos, num_frames = videos.shape[:2]
        shift = torch.randint(
            min(1, num_frames - 1), num_frames, (num_videos,), device=q.loc.device
        )
        loc, scale = (shifted(part, shift, self._static) for part in (q.loc, q.scale))
        return dist.Normal(loc, scale)


def shifted(
    h: Float[Tensor, "videos frames features"], shift: Int[Tensor, "videos"], columns: list[int]
) -> Float[Tensor, "videos frames features"]:
    """Take some columns of each frame from the one that lies so many frames further in its clip."""
    frames = torch.arange(h.shape[1], device=h.device)
    source = (frames + shift[:, None]) % h.shape[1]
    moved = h.clone()
    moved[..., columns] = h.gather(1, source[..., None].expand_as(h))[..., columns]
    return moved
