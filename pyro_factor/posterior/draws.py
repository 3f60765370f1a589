"""Draws of the guide for some clips, with all that importance sampling asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from ..inference.terms import latent_sites, latent_terms
from ..models.video_model import PriorAlone
from ..models.video_vae import VideoVAE
from ..models.videos import Videos

DRAWS = "posterior_draws"  # the plate over them


@dataclass(frozen=True)
class Draws:
    """S draws of the guide for each of B clips.

    Args:
        sites: Values of every draw of the prior by name, (S, B, *its shape).
        codes: h, (S, B, N, D).
        likelihood: log p(x_i | h_i) of every frame, in nats, (S, B, N).
        terms: The other terms of the ELBO at β = 1, in nats, (S, B): `entropy`, -log q(h|x), and
            those of log p(h), global draws integrated out.
    """

    sites: Mapping[str, Float[Tensor, "draws videos *shape"]]
    codes: Float[Tensor, "draws videos frames features"]
    likelihood: Float[Tensor, "draws videos frames"]
    terms: Mapping[str, Float[Tensor, "draws videos"]]

    @property
    def log_weight(self) -> Float[Tensor, "draws videos"]:
        """The log importance weight, log p(x, h) - log q(h | x), in nats: a draw of the ELBO."""
        return self.likelihood.sum(-1) + torch.stack(list(self.terms.values())).sum(0)


@torch.no_grad()
def draw(vae: VideoVAE, videos: Videos, num_samples: int, batch_size: int = 512) -> Draws:
    """Draw from the guide.

    Args:
        vae: The model, in evaluation mode.
        videos: Clips (B, N, C, H, W).
        num_samples: S, draws for each clip.
        batch_size: Frames decoded at a time.

    Returns:
        The draws.
    """
    plate = pyro.plate(DRAWS, num_samples, dim=-1 - vae.max_plate_nesting)
    with pyro.settings.context(module_local_params=True):
        prior = PriorAlone(vae.model.reader, vae.model.decoder, 1.0, vae.images)
        guide = poutine.trace(plate(vae.guide)).get_trace(videos)
        model = poutine.trace(poutine.replay(plate(prior), trace=guide)).get_trace(videos)
    guide.compute_log_prob()
    model.compute_log_prob()
    codes: Tensor = guide.nodes["_RETURN"]["value"]  # type: ignore[assignment]
    codes = codes.reshape(num_samples, *videos.shape[:2], -1)
    shapes = {d.name: d.shape for d in vae.model.reader.layout(videos.shape[1]).draws}
    sites = {
        name: site["value"].reshape(num_samples, len(videos), *shapes[name])
        for name, site in latent_sites(guide).items()
    }
    terms = latent_terms(latent_sites(guide), latent_sites(model), _log_prob, _log_prob)
    return Draws(sites, codes, log_likelihood(vae, videos, codes, batch_size), terms)


@torch.no_grad()
def draw_prior(vae: VideoVAE, num_videos: int, num_frames: int) -> dict[str, Tensor]:
    """Draw every site of the prior for some clips, in its shape under the plates."""
    reader = vae.model.reader
    sample = reader.sampler(num_frames, like=vae.model.like)
    local = pyro.settings.context(module_local_params=True)
    with local, poutine.block(), reader.clips(num_videos, num_frames):
        trace = poutine.trace(sample).get_trace()
    return {name: site["value"] for name, site in latent_sites(trace).items()}


@torch.no_grad()
def smoothed_log_weights(
    vae: VideoVAE, videos: Videos, num_samples: int, batch_size: int = 512
) -> Float[Tensor, "draws videos"]:
    """Log importance weights of draws from the guide's factors combined with the prior's form.

    q(h | x) ∝ p(h) ∏_i N(h_i; μ(x_i), σ²(x_i)): Gaussian, with the correlations between frames that
    the guide itself lacks.

    Args:
        vae: The model, in evaluation mode.
        videos: Clips (B, N, C, H, W).
        num_samples: Draws for each clip.
        batch_size: Frames decoded at a time.

    Returns:
        log p(x, h) - log q(h | x), in nats.

    Raises:
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.
    """
    joint, form = vae.smooth(videos), vae.model.reader.form(videos.shape[1])
    codes = joint.sample(num_samples)
    likelihood = log_likelihood(vae, videos, codes.to(videos.dtype), batch_size).sum(-1)
    return likelihood + form.log_prob(codes) - joint.log_prob(codes)


@torch.no_grad()
def log_likelihood(
    vae: VideoVAE,
    videos: Videos,
    codes: Float[Tensor, "draws videos frames features"],
    batch_size: int,
) -> Float[Tensor, "draws videos frames"]:
    """Every frame's log p(x_i | h_i) under every draw, in nats, a batch of frames at a time."""
    shape, flat = codes.shape[:-1], codes.flatten(0, 2)
    images = videos.flatten(0, 1)
    parts = []
    for numbers in torch.arange(len(flat)).split(batch_size):
        pixels = vae.images.pixels(vae.model.outputs(flat[numbers]))
        parts.append(pixels.log_prob(images[numbers % len(images)]).flatten(1).sum(-1))
    return torch.cat(parts).reshape(shape)


def _log_prob(sites: Mapping[str, dict]) -> Tensor:
    """Summed over all but draws and clips, the two plates on the left."""
    found = [site["unscaled_log_prob"] for site in sites.values()]
    totals = [value.reshape(*value.shape[:2], -1).sum(-1) for value in found]
    return sum(totals, start=torch.zeros(()))
