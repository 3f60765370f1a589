"""Eqs. 10 and 14-18 against dense Gaussians, the paper as printed, and Monte Carlo."""

import functools
import math

import numpy as np
import oracles
import pytest
import torch
from example_priors import Unknown

from pyro_factor import VideoVAE, gallery, gaussian_form, priors
from pyro_factor.models import closed_forms as closed
from pyro_factor.models.prior_reader import PriorReader

NUM_FRAMES = [1, 2, 16]


SCALE = 0.1


def log_prob(expected, values, scale):
    return float(expected(values, torch.zeros_like(values), scale))


@pytest.mark.parametrize("num_frames", NUM_FRAMES)
def test_static_marginal_is_the_dense_gaussian(num_frames):
    hs = torch.randn(num_frames, 3, dtype=torch.float64)
    dense = oracles.dense_log_prob(hs, oracles.static_covariance(num_frames, SCALE))
    assert log_prob(closed.expected_static, hs, SCALE) == pytest.approx(dense, rel=1e-10)


@pytest.mark.parametrize("num_frames", NUM_FRAMES)
def test_walk_is_the_dense_gaussian(num_frames):
    ht = torch.randn(num_frames, 3, dtype=torch.float64)
    dense = oracles.dense_log_prob(ht, oracles.walk_covariance(num_frames, SCALE))
    assert log_prob(closed.expected_walk, ht, SCALE) == pytest.approx(dense, rel=1e-10)


@pytest.mark.parametrize("num_frames", NUM_FRAMES)
def test_paper_constant_misses_by_the_erratum(num_frames):
    hs = torch.randn(num_frames, 3, dtype=torch.float64)
    variance = SCALE**2
    miss = oracles.paper_log_prob_static(hs, SCALE) - log_prob(closed.expected_static, hs, SCALE)
    # F ½ log [(σs² + N) / N(σs² + 1)], zero at N = 1
    erratum = 1.5 * math.log((variance + num_frames) / (num_frames * (variance + 1)))
    assert miss == pytest.approx(erratum, abs=1e-9)
    assert (abs(erratum) > 1e-3) == (num_frames > 1)


def test_static_marginal_does_not_cancel_in_float32():
    hs = 1 + 1e-2 * torch.randn(1024, 1, dtype=torch.float64)
    hs = hs.float().double()  # the same numbers in both precisions
    exact = oracles.dense_log_prob(hs, oracles.static_covariance(1024, 1e-2))
    assert log_prob(closed.expected_static, hs.float(), 1e-2) == pytest.approx(exact, abs=1e-3)


PRIORS = {
    priors.factored: oracles.factored_covariance,
    priors.slow: oracles.slow_covariance,
    priors.independent: oracles.independent_covariance,
}


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("num_frames", NUM_FRAMES)
def test_kl_is_the_dense_one(prior, num_frames):
    loc = torch.randn(5, num_frames, 4, dtype=torch.float64)
    scale = torch.rand(5, num_frames, 4, dtype=torch.float64) + 0.1
    terms = closed.closed_form(prior)(loc, scale)
    kl = -closed.entropy(scale) - sum(terms.values())
    covariance = PRIORS[prior](num_frames)
    dense = [
        oracles.dense_kl(m.flatten().numpy(), s.flatten().numpy(), covariance)
        for m, s in zip(loc, scale, strict=True)
    ]
    np.testing.assert_allclose(kl, dense, rtol=1e-10)


@pytest.mark.parametrize("prior", PRIORS)
def test_kl_is_the_monte_carlo_one(prior):
    loc, scale = torch.randn(4, 4), torch.rand(4, 4) + 0.1
    terms = closed.closed_form(prior)
    exact = float(-closed.entropy(scale) - sum(terms(loc, scale).values()))
    form = float(gaussian_form(prior, 4).kl(loc, scale))
    covariance = torch.as_tensor(PRIORS[prior](4), dtype=loc.dtype)
    dense = torch.distributions.MultivariateNormal(torch.zeros(16), covariance)
    estimate, error = oracles.monte_carlo_kl(loc, scale, lambda h: dense.log_prob(h.flatten(1)))
    assert abs(exact - estimate) < 4 * error
    assert abs(form - estimate) < 4 * error


def test_gradient_in_the_scales_is_right():
    loc = torch.randn(6, 4, dtype=torch.float64)
    spread = torch.rand(6, 4, dtype=torch.float64) + 0.1

    def expected(static_scale, temporal_scale):
        bound = functools.partial(
            priors.factored, static_scale=static_scale, temporal_scale=temporal_scale
        )
        return sum(closed.closed_form(bound)(loc, spread).values())

    scales = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in (0.3, 0.7)]
    assert torch.autograd.gradcheck(expected, scales)


@pytest.mark.parametrize("asked", [False, True])
def test_closed_form_is_found_through_partials(asked):
    inner = functools.partial(priors.factored, static=3)
    if asked:
        assert inner.__dict__ == {}  # Python then nests what it would merge
    bound = functools.partial(inner, temporal=1)
    loc, scale = torch.randn(5, 4), torch.rand(5, 4)
    terms = closed.closed_form(bound)(loc, scale)
    torch.testing.assert_close(
        terms["static"], closed.expected_static(loc[:, :3], scale[:, :3], 0.1)
    )
    torch.testing.assert_close(
        terms["temporal"], closed.expected_walk(loc[:, 3:], scale[:, 3:], 0.1)
    )
    assert closed.closed_form(lambda num_frames: None) is None


def test_scales_of_each_frame_are_left_to_the_general_form():
    scales = torch.tensor([[0.1], [0.2]])
    prior = functools.partial(priors.factored, static_scale=scales)
    assert closed.closed_form(prior) is None
    loc, scale = torch.randn(2, 4), 0.1 + torch.rand(2, 4)
    terms = VideoVAE(prior, 2, image_shape=(1, 16, 16)).model.reader.expected_log_prior(loc, scale)
    exact = gaussian_form(prior, 2).expected_log_prob(loc, scale)
    torch.testing.assert_close(terms["prior"], exact)


@pytest.mark.parametrize("num_frames", NUM_FRAMES)
@pytest.mark.parametrize("scale", [SCALE, torch.tensor([0.1, 0.7], dtype=torch.float64)])
def test_the_centre_given_the_frames_is_the_dense_one(num_frames, scale):
    prior = functools.partial(priors.factored, static=2, temporal=3, static_scale=scale)
    found = closed.known_conditional(prior)(num_frames)
    h = torch.randn(num_frames, 5, dtype=torch.float64)
    for feature, own in enumerate(np.broadcast_to(np.asarray(scale), 2)):
        # hs0 ~ N(0, 1) has covariance 1 with every hs_i
        weights = np.linalg.solve(oracles.static_covariance(num_frames, own), np.ones(num_frames))
        mean, variance = weights @ h[:, feature].numpy(), 1 - weights.sum()
        assert float(found.loc(h)[feature]) == pytest.approx(mean, rel=1e-9)
        assert float(found.scale_tril[feature, feature]) == pytest.approx(variance**0.5, rel=1e-7)
    assert torch.equal(found.scale_tril, found.scale_tril.diagonal().diag())


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("every", [1, 3])
def test_a_learned_conditional_is_the_general_one_and_so_is_its_gradient(every):
    h, found = torch.randn(4, 5, 3), []
    for kind in (gallery.LearnedFactored, Unknown):
        prior = kind(static=2, temporal=1, static_scale=0.3).thinned(every)
        conditional = PriorReader(prior).conditional(4 + 1)
        value = conditional.loc(h).square().sum() + conditional.scale_tril.square().sum()
        (gradient,) = torch.autograd.grad(value, prior.static_scale_unconstrained)
        found.append([conditional.loc(h), conditional.scale_tril, gradient])
    for known, general in zip(*found, strict=True):
        torch.testing.assert_close(known, general)
