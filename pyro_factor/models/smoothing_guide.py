"""The structured guide: each frame's factor times the prior, which correlates the frames."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from .latent_posterior import LatentPosterior, smooth
from .layout import Layout
from .prior_reader import PriorReader
from .video_guide import OwnPlates, VideoGuide, sample_in_turn


class SmoothingGuide(VideoGuide):
    """q(h | x) ∝ p(h) ∏_i N(h_i; μ(x_i), σ²(x_i)), times p(g | h) for the prior's global draws g.

    The encoder gives what a frame by itself says of its code, the prior's Gaussian form the rest:
    q is Gaussian, with the correlations between frames that the prior leaves, found by exact
    smoothing. It needs a prior with a Gaussian form. An iteration costs O((N·D)³) for each clip.

    The structured VAE's guide (Johnson et al., arXiv:1603.06277) for priors of linear programs.
    """

    name = "smoothing"

    @classmethod
    def check(cls, reader: PriorReader, num_frames: int) -> None:
        """Raise `NotGaussianPrior` unless the prior has a Gaussian form."""
        reader.form(num_frames)

    def combined(self, frames: dist.Normal) -> LatentPosterior:
        """Return q(h | x) of what each frame alone says, .loc and .scale (B, N, D)."""
        return smooth(self.reader.form(int(frames.loc.shape[-2])), frames.loc, frames.scale)

    def _sample_frames(self, layout: Layout, plates: OwnPlates, q: Any) -> dict[str, Tensor]:
        entries = layout.entries.to(q.loc.device)
        loc = q.loc.flatten(-2)[..., entries]
        scale_tril = torch.linalg.cholesky(q.covariance[..., entries, :][..., entries])
        loc, scale_tril = (part.to(torch.get_default_dtype()) for part in (loc, scale_tril))
        return sample_in_turn(layout, plates, layout.frame_draws, loc, scale_tril, joint=q)
