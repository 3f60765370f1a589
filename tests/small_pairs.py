"""Pairs of model and guide whose encoder's outputs are parameters."""

import numpy as np
import pyro
import torch
from oracles import factored_covariance
from scipy.stats import multivariate_normal
from torch import nn

from pyro_factor import VideoVAE, priors

VIDEOS, FRAMES, FEATURES = 2, 3, 4
SLOPE, NOISE = 0.5, 0.3  # of the linear decoder, and of its pixels


class FixedOutputs(nn.Module):
    """An encoder whose loc and scale are free parameters, one for every frame of the batch.

    Args:
        copies: How often the batch repeats the clips that have the parameters.
    """

    def __init__(self, copies=1):
        super().__init__()
        self.copies = copies
        self.loc = nn.Parameter(0.3 * torch.randn(VIDEOS * FRAMES, FEATURES))
        self.log_scale = nn.Parameter(torch.randn(VIDEOS * FRAMES, FEATURES) - 1.5)

    def forward(self, images):
        return self.loc.repeat(self.copies, 1), self.log_scale.exp().repeat(self.copies, 1)


class Constant(nn.Module):
    """An encoder that believes the same of every frame."""

    def __init__(self, loc, scale):
        super().__init__()
        self.loc, self.scale = loc, scale

    def forward(self, images):
        return torch.full((len(images), 4), self.loc), torch.full((len(images), 4), self.scale)


class Ignores(nn.Module):
    """A decoder that doesn't look at the code, so that only the KL has a gradient."""

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(1, 2, 2))

    def forward(self, h):
        return self.logits.expand(len(h), 1, 2, 2)


def pair(prior, beta=1.0, decoder=None, copies=1):
    decoder = decoder or nn.Sequential(nn.Linear(FEATURES, 4), nn.Unflatten(1, (1, 2, 2)))
    return VideoVAE(
        prior,
        FRAMES,
        beta=beta,
        encoder=FixedOutputs(copies),
        decoder=decoder,
        image_shape=(1, 2, 2),
    )


class Exact(nn.Module):
    """The encoder whose factors are the likelihood of a linear decoder, the scales times a number.

    Args:
        width: The number.
    """

    def __init__(self, width=1.0):
        super().__init__()
        self.width = width

    def forward(self, images):
        loc = images.flatten(1) / SLOPE
        return loc, torch.full_like(loc, self.width * NOISE / SLOPE)


def linear_pair(width=1.0, **options):
    """Gaussian pixels whose means are half the codes: the posterior is known."""
    decoder = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Unflatten(1, (1, 2, 2)))
    decoder[0].weight.data = SLOPE * torch.eye(4)
    networks = {"encoder": Exact(width), "decoder": decoder, "image_shape": (1, 2, 2)}
    return VideoVAE(
        priors.factored, FRAMES, pixels="gaussian", pixel_scale=NOISE, **networks | options
    )


def linear_posterior(videos):
    """Mean and covariance of p(h | x) of the pair above, for each clip."""
    precision = np.linalg.inv(factored_covariance(FRAMES))
    covariance = np.linalg.inv(precision + (SLOPE / NOISE) ** 2 * np.eye(len(precision)))
    return SLOPE / NOISE**2 * videos.flatten(1).double().numpy() @ covariance, covariance


def log_evidence(videos):
    """log p(x) of the pair above, for each clip."""
    covariance = SLOPE**2 * factored_covariance(FRAMES) + NOISE**2 * np.eye(4 * FRAMES)
    normal = multivariate_normal(np.zeros(4 * FRAMES), covariance)
    return normal.logpdf(videos.flatten(1).double().numpy())


def estimates(elbo, vae, videos, repeats):
    """Values and gradients in the guide's outputs: (repeats, 1 + entries)."""
    rows = []
    for _ in range(repeats):
        vae.zero_grad()
        loss = elbo(vae.model, vae.guide)(videos)
        loss.backward()
        encoder = vae.guide.encoder
        gradients = [encoder.loc.grad.flatten(), encoder.log_scale.grad.flatten()]
        rows.append(torch.cat([loss.detach().reshape(1), *gradients]))
    return torch.stack(rows)


def guide_that_depends_on_a_draw(x):
    with pyro.plate("items", len(x)):
        h = pyro.sample("h", pyro.distributions.Normal(x, 0.5))
        pyro.sample("k", pyro.distributions.Normal(h, 0.5))


def guide_of_laplace(x):
    with pyro.plate("items", len(x)):
        pyro.sample("h", pyro.distributions.Laplace(x, 0.5))
