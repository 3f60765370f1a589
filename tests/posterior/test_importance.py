"""Importance weights where the posterior is known."""

import math

import numpy as np
import pytest
import torch
from small_pairs import FRAMES, Constant, Ignores
from small_runs import small_data, small_vae

from pyro_factor import VideoVAE, gallery, priors
from pyro_factor.errors import InputError
from pyro_factor.inference import AnalyticKL_ELBO
from pyro_factor.models import NotGaussianPrior
from pyro_factor.posterior.importance import GOOD, bound, importance, weigh


def gaussian_weights(generator, scale, number):
    """Log weights of N(h; 0, 1) N(x = 2; h, 1) for draws of N(1, scale²); posterior N(1, ½)."""
    h = 1 + scale * generator.standard_normal(number)
    log_joint = -0.5 * h**2 - 0.5 * (2 - h) ** 2 - math.log(2 * math.pi)
    log_guide = -0.5 * ((h - 1) / scale) ** 2 - math.log(scale) - 0.5 * math.log(2 * math.pi)
    return log_joint - log_guide


EVIDENCE = -0.25 * 2**2 - 0.5 * math.log(2 * math.pi * 2)  # log N(2; 0, 2)


def test_the_posterior_itself_has_no_gap():
    found = weigh(gaussian_weights(np.random.default_rng(0), 0.5**0.5, 1_000), (1, 10))
    assert found.elbo == pytest.approx(EVIDENCE, abs=1e-9)
    assert found.gap == pytest.approx(0, abs=1e-9)


def test_bounds_rise_to_the_evidence():
    found = weigh(gaussian_weights(np.random.default_rng(0), 0.5, 100_000), (1, 10, 1_000))
    values = list(found.bounds.values())
    assert values == sorted(values)
    assert found.bounds[1] == pytest.approx(found.elbo)
    # KL(N(1, ¼) ‖ N(1, ½)) is what the ELBO lacks
    kl = 0.5 * (0.5 - 1 + math.log(2))
    assert found.elbo == pytest.approx(EVIDENCE - kl, abs=0.005)
    assert found.bounds[100_000] == pytest.approx(EVIDENCE, abs=0.01)
    assert found.pareto_k < GOOD


def test_a_guide_that_is_too_narrow_has_a_large_k():
    # weights ∝ exp(c ε²) with k = 1 - scale² / ½
    found = weigh(gaussian_weights(np.random.default_rng(0), 0.3, 20_000), (1,))
    assert found.pareto_k == pytest.approx(1 - 0.3**2 / 0.5, abs=0.15)
    assert found.pareto_k > GOOD


def test_a_bound_is_the_mean_over_groups():
    log_weights = np.log(np.array([1.0, 3.0, 2.0, 2.0, 100.0]))
    assert bound(log_weights, 2) == pytest.approx(math.log(2.0))


def test_the_mean_weight_is_the_elbo():
    vae = small_vae(beta=3.0).eval()
    videos = small_data().batch(3, torch.Generator().manual_seed(0)).videos
    found = importance(vae, videos, num_samples=600)
    elbo = AnalyticKL_ELBO(2_000, 1, vectorize_particles=True)
    for one, video in zip(found, videos, strict=True):
        expected = sum(elbo.terms(vae.model, vae.guide, video[None]).values())
        # a standard deviation of about 60 over draws at fresh weights; five errors of the mean
        assert one.elbo == pytest.approx(float(expected.detach()), abs=5 * 150 / 600**0.5)
        assert one.gap > 0


def test_the_same_seed_gives_the_same_weights():
    vae = small_vae()
    videos = small_data().batch(2, torch.Generator().manual_seed(0)).videos
    assert importance(vae, videos, num_samples=30) == importance(vae, videos, num_samples=30)


@pytest.mark.parametrize("prior", [priors.factored, priors.slow])
def test_smoothing_factors_that_know_nothing_gives_the_prior(prior):
    # a decoder that ignores the codes leaves the prior as the posterior
    networks = {"encoder": Constant(0.0, 1e4), "decoder": Ignores(), "image_shape": (1, 2, 2)}
    vae, videos = VideoVAE(prior, FRAMES, **networks), torch.rand(2, FRAMES, 1, 2, 2)
    for one in importance(vae, videos, guide="smoothed", num_samples=100):
        assert one.gap == pytest.approx(0, abs=1e-3)
        assert one.elbo == pytest.approx(FRAMES * 4 * math.log(0.5), abs=1e-3)


def test_smoothing_is_the_posterior_of_a_gaussian_pair():
    """Factors N(μ_i, σ²) that are the likelihood, up to a constant: the weights are all equal."""
    vae = small_vae(priors.factored).eval()
    videos = small_data().batch(1, torch.Generator().manual_seed(0)).videos
    with torch.no_grad():
        q = vae.encode(videos)
    codes = vae.smooth(videos).sample(50)
    form, joint = vae.model.reader.form(4), vae.smooth(videos)
    guide = torch.distributions.MultivariateNormal(joint.loc.flatten(-2), joint.covariance)
    factors = torch.distributions.Normal(q.loc.double(), q.scale.double())
    with torch.no_grad():
        weights = form.log_prob(codes) + factors.log_prob(codes).sum((-2, -1))
        weights = weights - guide.log_prob(codes.flatten(-2))
    assert float(weights.std()) < 1e-6 * float(weights.abs().mean())


def test_no_progress_is_shown_of_weights_that_can_not_be():
    def track(*_):
        pytest.fail("it started")

    with pytest.raises(NotGaussianPrior, match="Laplace"):
        importance(
            small_vae(gallery.laplace_walk),
            torch.zeros(1, 4, 1, 32, 32),
            guide="smoothed",
            track=track,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"guide": "best"}, "guide: got 'best'; choose from own, smoothed"),
        ({"num_samples": 24}, "num_samples: got 24"),
        ({"bounds": (0,)}, r"bounds: got \(0,\)"),
    ],
)
def test_bad_numbers_are_named(options, message):
    with pytest.raises(InputError, match=message):
        importance(small_vae(), torch.zeros(1, 4, 1, 32, 32), **options)


def test_the_gap_is_of_the_bound_of_all_weights():
    found = weigh(np.array([0.0] * 20 + [-100.0] * 10), (20,))
    assert found.gap == pytest.approx(found.bounds[30] - found.elbo)


def test_equal_weights_have_no_tail():
    assert weigh(np.zeros(1000), (10,)).pareto_k < GOOD


@pytest.mark.parametrize("nats", [-4e5, -6e3, 0.0, 20.0])
def test_rounding_is_no_tail(nats):
    noise = np.random.default_rng(0).integers(-4, 5, 1000) * np.spacing(np.float32(nats))
    assert weigh(nats + noise.astype(float), (10,), torch.float32).pareto_k == 0


@pytest.mark.parametrize(("nats", "dtype"), [(-4e5, torch.float64), (-6e3, torch.float32)])
def test_a_tail_is_fitted_where_the_dtype_resolves_it(nats, dtype):
    expected = weigh(tail := np.random.default_rng(0).exponential(0.1, 1000), (10,)).pareto_k
    assert expected > 0
    assert weigh(nats + tail, (10,), dtype).pareto_k == pytest.approx(expected, abs=1e-6)


def test_weights_of_which_one_is_zero_have_a_tail():
    log_weights = np.random.default_rng(0).exponential(2.0, 1000)
    log_weights[0] = -math.inf
    assert weigh(log_weights, (10,)).pareto_k > GOOD
