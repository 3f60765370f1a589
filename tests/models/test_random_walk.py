"""The Gaussian random walk against its dense Gaussian."""

import oracles
import pytest
import torch

from pyro_factor.models import GaussianRandomWalk


@pytest.mark.parametrize("num_frames", [1, 2, 16])
def test_log_prob_is_dense(num_frames):
    walk = GaussianRandomWalk(num_frames, 3, torch.tensor(0.2, dtype=torch.float64))
    values = walk.sample()
    dense = oracles.dense_log_prob(values, oracles.walk_covariance(num_frames, 0.2))
    assert float(walk.log_prob(values)) == pytest.approx(dense, rel=1e-10)


def test_samples_have_its_moments():
    walk = GaussianRandomWalk(4, 1, 0.5)
    samples = walk.sample((100_000,)).squeeze(-1)
    covariance = torch.as_tensor(oracles.walk_covariance(4, 0.5), dtype=torch.float32)
    # the standard error of a covariance of Normals is about var·sqrt(2/n) < 0.01
    torch.testing.assert_close(samples.T.cov(), covariance, atol=0.04, rtol=0)
    torch.testing.assert_close(walk.variance.squeeze(-1), covariance.diagonal())


def test_expands_and_broadcasts():
    walk = GaussianRandomWalk(5, 2, 0.1).expand([7, 3])
    assert walk.rsample((2,)).shape == (2, 7, 3, 5, 2)
    assert walk.log_prob(walk.sample()).shape == (7, 3)
    per_video = GaussianRandomWalk(5, 2, torch.rand(7, 1) + 0.1)
    assert per_video.batch_shape == (7,)
    assert per_video.mean.shape == (7, 5, 2)


def test_a_negative_scale_is_refused():
    with pytest.raises(ValueError, match="scale"):
        GaussianRandomWalk(5, 2, -0.1, validate_args=True)
