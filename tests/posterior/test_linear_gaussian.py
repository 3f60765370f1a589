"""Weights, bounds, smoothing and calibration with a linear-Gaussian decoder: all is known."""

import math

import numpy as np
import pytest
import torch
from small_pairs import FRAMES, VIDEOS, Exact, linear_pair, linear_posterior, log_evidence

from pyro_factor.posterior.calibration import calibrate
from pyro_factor.posterior.importance import GOOD, importance


@pytest.fixture
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2)


@pytest.mark.parametrize(
    ("pair_guide", "weighed"), [("smoothing", "own"), ("independent", "smoothed")]
)
def test_smoothing_is_the_posterior(videos, pair_guide, weighed):
    vae = linear_pair(guide=pair_guide)
    means, covariance = linear_posterior(videos)
    joint = vae.smooth(videos)
    np.testing.assert_allclose(joint.loc.flatten(1).numpy(), means, atol=1e-6)
    np.testing.assert_allclose(joint.covariance[0].numpy(), covariance, atol=1e-7)
    found = importance(vae, videos, guide=weighed, num_samples=100)
    for one, evidence in zip(found, log_evidence(videos), strict=True):
        assert one.elbo == pytest.approx(evidence, abs=1e-3)
        assert one.gap == pytest.approx(0, abs=1e-3)


class Averages(torch.nn.Module):
    """The exact encoder of frames of 16 by 16 equal pixels for each of the pair's."""

    def forward(self, images):
        loc, scale = Exact()(torch.nn.functional.avg_pool2d(images, 16))
        return loc, scale / 16


@pytest.mark.parametrize(
    ("pair_guide", "weighed"), [("smoothing", "own"), ("independent", "smoothed")]
)
def test_rounding_of_the_posteriors_weights_is_no_tail(pair_guide, weighed):
    small = linear_pair().model.decoder
    decoder = torch.nn.Sequential(small, torch.nn.Upsample(scale_factor=16))
    networks = {"encoder": Averages(), "decoder": decoder, "image_shape": (1, 32, 32)}
    vae = linear_pair(guide=pair_guide, **networks)
    videos = vae.images.sample(vae.decode(vae.sample_prior(6)))
    for one in importance(vae, videos, guide=weighed, num_samples=200):
        assert one.gap < 0.001
        assert one.pareto_k == 0


def test_the_bounds_of_an_independent_guide_rise_to_the_evidence(videos):
    # about the scales of the posterior's conditionals, the best that an independent guide can have
    means, covariance = linear_posterior(videos)
    scale = np.diag(np.linalg.inv(covariance)).mean() ** -0.5
    vae = linear_pair(scale / 0.6)

    class Centred(torch.nn.Module):
        def forward(self, images):
            loc = torch.from_numpy(means).float().reshape(-1, 4)
            loc = loc.reshape(VIDEOS, FRAMES, 4)[number : number + 1].flatten(0, 1)
            return loc, torch.full_like(loc, scale)

    vae.guide.encoder = Centred()
    for number, evidence in enumerate(log_evidence(videos)):
        video = videos[number : number + 1]
        (one,) = importance(vae, video, num_samples=20_000, bounds=(10, 1_000))
        kl = 0.5 * (
            np.trace(np.linalg.inv(covariance)) * scale**2
            - len(covariance)
            + np.linalg.slogdet(covariance)[1]
            - 2 * len(covariance) * math.log(scale)
        )
        assert one.elbo == pytest.approx(evidence - kl, abs=5 * (2 * kl / 20_000) ** 0.5 + 0.01)
        assert one.elbo < one.bounds[10] < one.bounds[1_000] < evidence + 0.1
        assert kl > 0.5
        assert one.bounds[20_000] - one.elbo > 0.3 * kl
        # too narrow where frames move together, and it is told
        assert one.pareto_k > GOOD


@pytest.mark.parametrize("guide", ["smoothing", "independent"])
def test_simulation_finds_who_is_calibrated(guide):
    videos, level = 600, 0.9
    found = calibrate(linear_pair(guide=guide), videos=videos)
    # entries of a clip depend on each other: five standard errors as if it had two
    error = 5 * math.sqrt(level * (1 - level) / (2 * videos))
    for site in ("hs", "ht", "hs0"):
        if guide == "smoothing":
            assert abs(found.coverage(site, level) - level) < error
            assert found.uniformity(site) > 1e-4
        elif site != "hs0":
            # factors without the prior: as wide as the likelihood, wider than the posterior's error
            assert found.spread(site) == pytest.approx(1, abs=0.1)
    if guide == "smoothing":
        _, covariance = linear_posterior(torch.zeros(1, FRAMES, 1, 2, 2))
        widths = linear_pair(guide=guide).encode(torch.zeros(1, FRAMES, 1, 2, 2)).scale
        expected = np.diag(covariance).reshape(FRAMES, 4) ** 0.5
        np.testing.assert_allclose(widths[0].numpy(), expected, rtol=1e-5)
