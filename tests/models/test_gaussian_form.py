"""The Gaussian form of a prior against dense Gaussians, worked out by hand."""

import functools

import example_priors as examples
import numpy as np
import oracles
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_factor import InputError, NotGaussianPrior, gaussian_form, priors
from pyro_factor.models import DegeneratePrior, closed_form

THREE_WAYS = [examples.vectorised, examples.frame_by_frame, examples.frame_plate]
COVARIANCES = {
    priors.factored: oracles.factored_covariance,
    priors.slow: oracles.slow_covariance,
    priors.independent: oracles.independent_covariance,
}


def codes(num_frames, features=4, videos=3):
    loc = torch.randn(videos, num_frames, features, dtype=torch.float64)
    return loc, torch.rand_like(loc) + 0.1


@pytest.mark.parametrize("num_frames", [1, 2, 16])
@pytest.mark.parametrize("prior", COVARIANCES)
def test_form_is_the_dense_gaussian(prior, num_frames):
    form = gaussian_form(prior, num_frames)
    covariance = COVARIANCES[prior](num_frames)
    np.testing.assert_allclose(form.loc, 0, atol=1e-10)
    np.testing.assert_allclose(form.covariance, covariance, atol=1e-10)
    loc, scale = codes(num_frames)
    dense = [
        oracles.dense_kl(m.flatten().numpy(), s.flatten().numpy(), covariance)
        for m, s in zip(loc, scale, strict=True)
    ]
    np.testing.assert_allclose(form.kl(loc, scale), dense, rtol=1e-10)
    log_prob = [oracles.multivariate_normal(cov=covariance).logpdf(m.flatten()) for m in loc]
    np.testing.assert_allclose(form.log_prob(loc), log_prob, rtol=1e-10)


@pytest.mark.parametrize("num_frames", [1, 2, 16])
@pytest.mark.parametrize("prior", COVARIANCES)
def test_form_is_the_closed_form(prior, num_frames):
    loc, scale = codes(num_frames)
    terms = closed_form(prior)(loc, scale)
    general = gaussian_form(prior, num_frames).expected_log_prob(loc, scale)
    torch.testing.assert_close(general, sum(terms.values()), rtol=1e-10, atol=0)


@pytest.mark.parametrize("prior", THREE_WAYS)
@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_a_prior_written_three_ways_has_one_form(prior, num_frames):
    form = gaussian_form(prior, num_frames)
    covariance = oracles.factored_covariance(num_frames)
    np.testing.assert_allclose(form.covariance, covariance, atol=1e-10)


def test_a_prior_with_a_mean_and_two_levels_of_globals():
    def prior(num_frames):
        group = pyro.sample("group", dist.Normal(3.0, 2.0).expand([1]).to_event(1))
        clip = pyro.sample("clip", dist.Normal(group - 1, 0.5).to_event(1))
        loc = clip.unsqueeze(-2).expand(*clip.shape[:-1], num_frames, 1)
        return pyro.sample("h", dist.Normal(2 * loc, 0.1).to_event(2))

    form = gaussian_form(prior, 3)
    np.testing.assert_allclose(form.loc, 4, rtol=1e-10)
    np.testing.assert_allclose(form.covariance, 4 * 4.25 + 0.01 * np.eye(3), rtol=1e-10)
    loc, scale = codes(3, features=1)
    centred = loc.flatten(1).numpy() - 4
    dense = [oracles.dense_kl(m, s.flatten().numpy(), 17 + 0.01 * np.eye(3)) for m, s in
             zip(centred, scale, strict=True)]  # fmt: skip
    np.testing.assert_allclose(form.kl(loc, scale), dense, rtol=1e-9)


def test_a_prior_whose_columns_are_no_draws():
    form = gaussian_form(examples.non_centred, 3)
    covariance = np.kron(oracles.static_covariance(3, 0.1), np.eye(2))
    np.testing.assert_allclose(form.covariance, covariance, atol=1e-10)
    samples = form.distribution(torch.zeros((), dtype=torch.float64)).sample((100_000,)).flatten(1)
    np.testing.assert_allclose(samples.T.cov(), covariance, atol=0.04)


@pytest.mark.parametrize("prior", examples.NOT_GAUSSIAN)
def test_a_prior_that_is_not_gaussian_is_refused_by_name(prior):
    with pytest.raises(NotGaussianPrior, match=examples.NOT_GAUSSIAN[prior]):
        gaussian_form(prior, 4)


@pytest.mark.parametrize("seed", range(6))
def test_a_prior_that_draws_now_and_then_is_refused_by_name(seed):
    torch.manual_seed(seed)
    with pytest.raises(NotGaussianPrior, match=r"'?extra"):
        gaussian_form(examples.draw_if_positive, 4)


def test_a_degenerate_prior_is_told_apart():
    with pytest.raises(DegeneratePrior, match="'twice'"):
        gaussian_form(examples.repeated, 4)


def test_a_global_parameter_is_refused_with_advice():
    def prior(num_frames):
        scale = pyro.param("spread", torch.tensor(1.0))
        return pyro.sample("h", dist.Normal(0.0, scale).expand([num_frames, 2]).to_event(2))

    with pytest.raises(InputError, match=r"'spread'.*PyroModule"):
        gaussian_form(prior, 4)


def test_gradient_in_a_learned_scale():
    loc, spread = codes(5)

    def kl(scale):
        bound = functools.partial(priors.factored, static_scale=scale, temporal_scale=scale)
        return gaussian_form(bound, 5).kl(loc, spread)

    scale = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(kl, [scale])


def test_reading_a_form_leaves_the_random_state():
    state = torch.get_rng_state()
    gaussian_form(priors.factored, 4)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


def test_a_form_can_be_read_under_inference_mode():
    with torch.inference_mode():
        form = gaussian_form(priors.factored, 4)
    np.testing.assert_allclose(form.covariance, oracles.factored_covariance(4), atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 4), (16, 1), (5, 4)])
def test_codes_of_another_shape_are_refused(shape):
    form = gaussian_form(priors.factored, 16)
    for take in (form.log_prob, lambda h: form.kl(h, torch.ones_like(h))):
        with pytest.raises(InputError, match=r"loc: got \(\d+, \d\); give codes of"):
            take(torch.zeros(3, *shape))


def test_what_is_kept_under_inference_mode_takes_gradients_later():
    form = gaussian_form(functools.partial(examples.vectorised), 4)
    with torch.inference_mode():
        assert form.covariance.shape == form.precision.shape
        assert form.loc.shape == (4, 4)
    loc = torch.zeros(4, 4, dtype=torch.float64, requires_grad=True)
    covariance = torch.eye(16, dtype=torch.float64).requires_grad_()
    form.expected_log_prob_jointly(loc, covariance).sum().backward()
    torch.testing.assert_close(covariance.grad, -0.5 * form.precision)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("loc", "scale", "told"),
    [
        (torch.zeros(4, 4), torch.ones(4, 1), r"scale: got \(4, 1\); give \(4, 4\)"),
        (torch.zeros(4, 4), torch.tensor(1.0), r"scale: got \(\); give \(4, 4\)"),
        (
            torch.zeros(4, 4, dtype=torch.long),
            torch.ones(4, 4),
            "loc: got torch.int64; give floats",
        ),
    ],
)
def test_what_is_no_normal_for_each_entry_is_refused(loc, scale, told):
    with pytest.raises(InputError, match=told):
        gaussian_form(priors.slow, 4).kl(loc, scale)
