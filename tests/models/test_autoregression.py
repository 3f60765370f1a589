"""The Gaussian autoregression against its dense Gaussian."""

import numpy as np
import oracles
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.distributions import kl_divergence

from pyro_factor import NotGaussianPrior, gaussian_form
from pyro_factor.models import GaussianAutoregression, GaussianRandomWalk

COEFFICIENTS = (0.7, -0.4, 0.2)


def covariance(coefficients, scales):
    """(I - A)⁻¹ diag(scales²) (I - A)⁻ᵀ of coefficients (N, K) and scales (N,)."""
    num_frames = len(scales)
    recursion = np.eye(num_frames)
    for k, column in enumerate(np.broadcast_to(coefficients, (num_frames, 3)).T, 1):
        recursion -= np.diag(column[k:], -k)[:num_frames, :num_frames]
    inverse = np.linalg.inv(recursion)
    return inverse @ np.diag(scales**2) @ inverse.T


@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_log_prob_is_dense(num_frames):
    coefficients = torch.randn(num_frames, 1, 3, dtype=torch.float64)
    scales = torch.rand(num_frames, 1, dtype=torch.float64) + 0.1
    process = GaussianAutoregression(coefficients, scales.expand(-1, 2))
    values = process.sample()
    dense = covariance(coefficients.squeeze(1).numpy(), scales.squeeze(1).numpy())
    expected = oracles.dense_log_prob(values, dense)
    assert float(process.log_prob(values)) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(process.variance[:, 0], dense.diagonal(), rtol=1e-10)


def test_samples_have_its_moments():
    process = GaussianAutoregression(COEFFICIENTS, torch.full((4, 1), 0.5))
    samples = process.sample((100_000,)).squeeze(-1)
    dense = covariance(np.array(COEFFICIENTS), np.full(4, 0.5))
    # the standard error of a covariance of Normals is about var·sqrt(2/n) < 0.002
    np.testing.assert_allclose(samples.T.cov(), dense, atol=0.01)
    np.testing.assert_allclose(samples.mean(0), 0, atol=0.01)


def test_expands_and_broadcasts():
    process = GaussianAutoregression(COEFFICIENTS, torch.rand(5, 2) + 0.1).expand([7, 3])
    assert process.rsample((2,)).shape == (2, 7, 3, 5, 2)
    assert process.log_prob(process.sample()).shape == (7, 3)
    assert process.mean.shape == process.variance.shape == (7, 3, 5, 2)
    per_video = GaussianAutoregression(COEFFICIENTS, torch.rand(7, 5, 2) + 0.1)
    assert per_video.batch_shape == (7,)
    per_feature = GaussianAutoregression(torch.rand(7, 1, 2, 3), torch.rand(5, 2) + 0.1)
    assert (per_feature.batch_shape, per_feature.event_shape) == ((7,), (5, 2))


def test_a_walk_is_its_special_case():
    walk = GaussianRandomWalk(6, 2, torch.tensor([0.1, 0.2]))
    process = GaussianAutoregression([1.0], walk.scales)
    values = walk.sample()
    torch.testing.assert_close(walk.log_prob(values), process.log_prob(values))
    torch.testing.assert_close(walk.variance, process.variance)
    assert type(walk.expand([3])) is GaussianRandomWalk
    torch.manual_seed(1)
    walked = walk.sample()
    torch.manual_seed(1)
    torch.testing.assert_close(walked, process.sample())


def test_gradients_reach_coefficients_and_scales():
    values = torch.randn(5, 2, dtype=torch.float64)
    coefficients = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)
    scales = (torch.rand(5, 2, dtype=torch.float64) + 0.1).requires_grad_()

    def log_prob(coefficients, scales):
        return GaussianAutoregression(coefficients, scales).log_prob(values)

    def sample(coefficients, scales):
        torch.manual_seed(0)
        return GaussianAutoregression(coefficients, scales).rsample()

    assert torch.autograd.gradcheck(log_prob, [coefficients, scales])
    assert torch.autograd.gradcheck(sample, [coefficients, scales])


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="scales"):
        GaussianAutoregression(COEFFICIENTS, -torch.ones(5, 2), validate_args=True)
    with pytest.raises(ValueError, match="coefficients"):
        GaussianAutoregression([float("nan")], torch.ones(5, 2), validate_args=True)
    with pytest.raises(ValueError, match=r"scales: got \(2,\)"):
        GaussianAutoregression(COEFFICIENTS, torch.ones(2))
    process = GaussianAutoregression(COEFFICIENTS, torch.ones(5, 2), validate_args=True)
    with pytest.raises(ValueError, match="value"):
        process.log_prob(torch.ones(4, 2))


@pytest.mark.parametrize("what", ["coefficients", "scales"])
def test_what_depends_on_a_draw_is_not_gaussian(what):
    def prior(num_frames):
        draw = pyro.sample("rate", dist.Normal(0.0, 1.0).expand([1]).to_event(1)).sigmoid()
        draw = draw.unsqueeze(-2).unsqueeze(-2)
        ones = torch.ones(num_frames, 2)
        if what == "coefficients":
            return pyro.sample("ht", GaussianAutoregression(draw, ones))
        return pyro.sample("ht", GaussianAutoregression([0.5], draw.squeeze(-1) * ones))

    with pytest.raises(NotGaussianPrior, match="draw 'ht' depends on a draw"):
        gaussian_form(prior, 4)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("num_frames", [1, 5])
@pytest.mark.parametrize("clips", [(), (3,)])
def test_the_kl_from_independent_normals_is_dense(num_frames, clips):
    coefficients, scales = torch.randn(num_frames, 1, 3), torch.rand(num_frames, 1) + 0.1
    walk = GaussianRandomWalk(num_frames, 2, 0.3)
    processes = [
        (
            GaussianAutoregression(coefficients, scales.expand(-1, 2)),
            covariance(coefficients.squeeze(1).numpy(), scales.squeeze(1).numpy()),
        ),
        (walk, oracles.walk_covariance(num_frames, 0.3)),
        (walk.expand(clips), oracles.walk_covariance(num_frames, 0.3)),
    ]
    loc, scale = torch.randn(*clips, num_frames, 2), torch.rand(*clips, num_frames, 2) + 0.1
    for process, dense in processes:
        found = kl_divergence(dist.Normal(loc, scale).to_event(2), process)
        assert found.shape == clips
        expected = [
            oracles.dense_kl(m.flatten().numpy(), s.flatten().numpy(), np.kron(dense, np.eye(2)))
            for m, s in zip(*(x.reshape(-1, num_frames, 2) for x in (loc, scale)), strict=True)
        ]
        np.testing.assert_allclose(found.flatten(), expected, rtol=1e-9)


def test_a_normal_of_numbers_is_broadcast_in_the_kl():
    process = GaussianAutoregression(COEFFICIENTS, torch.ones(5, 2))
    numbers = dist.Normal(0.5, 2.0).expand([5, 2]).to_event(2)
    tensors = dist.Normal(torch.full((5, 2), 0.5), torch.full((5, 2), 2.0)).to_event(2)
    torch.testing.assert_close(kl_divergence(numbers, process), kl_divergence(tensors, process))


@pytest.mark.parametrize(
    "q",
    [
        dist.Laplace(torch.zeros(5, 2), 1.0).to_event(2),
        dist.Normal(torch.zeros(5, 2), 1.0).to_event(1),
        dist.Normal(torch.zeros(5, 2), 1.0),
        dist.MultivariateNormal(torch.zeros(5, 2), torch.eye(2)).to_event(1),
        dist.StudentT(3.0, torch.zeros(5, 2), 1.0).to_event(2),
    ],
    ids=lambda q: f"{type(q).__name__} {tuple(q.event_shape)}",
)
@pytest.mark.parametrize("process", ["autoregression", "walk"])
def test_the_kl_from_other_families_is_not_implemented(q, process):
    walk = GaussianRandomWalk(5, 2, 0.3)
    p = walk if process == "walk" else GaussianAutoregression(COEFFICIENTS, torch.ones(5, 2))
    with pytest.raises(NotImplementedError):
        kl_divergence(q, p)
