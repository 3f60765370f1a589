"""Frames that do not fit their clip: low importance-weighted likelihood given the others."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from ..errors import require
from ..inference.seeds import seeded
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from .draws import log_likelihood


@dataclass(frozen=True)
class Anomalies:
    """How likely each frame is, in nats.

    Args:
        given_rest: log p(x_i | the clip's other frames), (B, N).
        alone: log p(x_i), (B, N).
    """

    given_rest: Float[np.ndarray, "videos frames"]
    alone: Float[np.ndarray, "videos frames"]

    @property
    def surprise(self) -> Float[np.ndarray, "videos frames"]:
        """How much less likely the other frames make a frame: high where it does not fit."""
        return self.alone - self.given_rest

    @property
    def strangest(self) -> Int[np.ndarray, "videos"]:
        """The most surprising frame of each clip, from 0."""
        return self.surprise.argmax(-1)


@torch.no_grad()
def anomalies(
    vae: VideoVAE,
    videos: Videos,
    *,
    num_samples: int = 100,
    seed: int = 0,
    batch_size: int = 512,
) -> Anomalies:
    """Estimate how likely every frame is, given its clip's others and alone.

    With draws h_i of the encoder's Normal r of that frame alone,

        p(x_i | x_-i) ≈ mean of p(h_i | x_-i) p(x_i | h_i) / r(h_i).

    p(h_i | x_-i) is the prior times the factors of all other frames, at frame i; log p(x_i) has the
    prior's own p(h_i) in its place.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips (B, N, C, H, W) of 2 frames or more.
        num_samples: Draws for each frame.
        seed: Seed of the draws.
        batch_size: Frames decoded at a time.

    Returns:
        Both for every frame, in nats.

    Raises:
        InputError: Clips of one frame, or of another shape or range; no draws.
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.
    """
    require(num_samples >= 1, "num_samples", num_samples, "give 1 or more")
    require(videos.shape[1] >= 2, "videos", tuple(videos.shape), "give clips of 2 frames or more")
    factors = vae.eval().guide.recognise(videos)
    r = Normal(factors.loc.double(), factors.scale.double())
    form = vae.model.reader.form(videos.shape[1]).to(videos.device)
    own = MultivariateNormal(form.loc, _blocks(form.covariance, form.loc.shape[-1]))
    with seeded(seed):
        codes = r.sample((num_samples,))
    likelihood = log_likelihood(vae, videos, codes.to(videos.dtype), batch_size)
    weights = likelihood.double() - r.log_prob(codes).sum(-1)
    given_rest, alone = (
        (weights + p.log_prob(codes)).logsumexp(0) - math.log(num_samples)
        for p in (cavities(vae, videos), own)
    )
    return Anomalies(given_rest.numpy(force=True), alone.numpy(force=True))


@torch.no_grad()
def cavities(vae: VideoVAE, videos: Videos) -> MultivariateNormal:
    """The codes of each frame given the clip's other frames, p(h_i | x_-i): batches (B, N).

    The smoothed marginal of a frame, its own factor divided out.
    """
    factors, joint = vae.guide.recognise(videos), vae.smooth(videos)
    precision = torch.linalg.inv(_blocks(joint.covariance, joint.loc.shape[-1]))
    weight = factors.scale.double().square().reciprocal()
    linear = (precision @ joint.loc.unsqueeze(-1)).squeeze(-1) - weight * factors.loc.double()
    rest = precision - torch.diag_embed(weight)
    rest = 0.5 * (rest + rest.mT)
    loc = torch.linalg.solve(rest, linear.unsqueeze(-1)).squeeze(-1)
    return MultivariateNormal(loc, precision_matrix=rest)


def _blocks(covariance: Tensor, features: int) -> Tensor:
    """The covariance of each frame's features, (..., N, D, D)."""
    whole = covariance.unflatten(-1, (-1, features)).unflatten(-3, (-1, features))
    return whole.diagonal(dim1=-4, dim2=-2).movedim(-1, -3)
