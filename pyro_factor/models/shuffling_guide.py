"""A guide that decodes each frame with the static code of another frame of its clip."""

import pyro.distributions as dist
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import require
from .prior_reader import PriorReader
from .program import algebra
from .video_guide import VideoGuide
from .videos import Videos, sizes

STATIC = "hs"


class ShufflingGuide(VideoGuide):
    """q(h | x) = ∏_i N(hs_i; μ(x_j), σ²(x_j)) N(ht_i; μ(x_i), σ²(x_i)), j = i + s modulo N.

    In training, each frame is reconstructed with the static code of another frame, s frames on, s
    drawn for each clip from 1 to N - 1, so that the code can hold only what the frames share. For
    every s it is a guide of independent Normals and its ELBO a bound; the static prior is
    exchangeable (eq. 7), so that the KL is the same for all s. In evaluation mode s is 0: the
    guide of eq. 12.

    Args:
        reader: The prior, read; see `check`.
        encoder: From images (M, C, H, W) to loc and scale, (M, D) each.
        beta: Weight of the latent draws (eq. 5).
        images: What a frame is.
    """

    name = "shuffling"

    @classmethod
    def check(cls, reader: PriorReader, num_frames: int) -> None:
        """Raise unless a prior has static codes, and a KL that no shift of them changes.

        Raises:
            InputError: It has no factor `hs`, or one whose frames can't be exchanged.
            NotGaussianPrior: It has no KL in closed form.
        """
        factors = reader.factors(num_frames)
        held = f"it shuffles {STATIC}, and this prior's factors are {', '.join(factors)}"
        advice = f"{held}; give one with a static factor {STATIC}"
        require(STATIC in factors, "guide", cls.name, advice)
        with algebra(reader.prior), torch.no_grad():
            q = torch.randn(2, 1, num_frames, reader.layout(num_frames).num_features)
            moved = [shifted(h, torch.ones(1).long(), factors[STATIC]) for h in q]
            before, after = (
                torch.stack([*reader.expected_log_prior(loc, scale.exp()).values()]).sum()
                for loc, scale in (q, moved)
            )
        held = f"it shuffles {STATIC} over frames, and this prior tells them apart"
        advice = f"{held}; give another guide"
        require(torch.allclose(before, after), "guide", cls.name, advice)

    def posterior(self, videos: Videos) -> dist.Normal:
        """Return q(h | x)."""
        q = self.recognise(videos)
        if not self.training:
            return q
        num_videos, num_frames = sizes(videos)
        shift = torch.randint(
            min(1, num_frames - 1), num_frames, (num_videos,), device=q.loc.device
        )
        static = self.reader.factors(num_frames)[STATIC]
        loc, scale = (shifted(part, shift, static) for part in (q.loc, q.scale))
        return dist.Normal(loc, scale)


def shifted(
    h: Float[Tensor, "videos frames features"], shift: Int[Tensor, "videos"], columns: list[int]
) -> Float[Tensor, "videos frames features"]:
    """Take some columns of each frame from the one that lies so many frames further in its clip."""
    frames = torch.arange(h.shape[1], device=h.device)
    source = (frames + shift[:, None]) % h.shape[1]
    further = h.gather(1, source[..., None].expand_as(h)).unbind(-1)
    # feature by feature, since a list of columns would be copied to a GPU in every step
    return torch.stack([further[i] if i in columns else h[..., i] for i in range(h.shape[-1])], -1)
