"""The penalty on what factors share, against correlations worked out by hand."""

import numpy as np
import pytest
import torch
from small_runs import FRAMES, SIZE, small_vae

from pyro_factor.inference import AnalyticKL_ELBO, orthogonality_penalty

FACTORS = {"hs": [0, 1], "ht": [2, 3]}


def test_codes_without_correlations_cost_nothing():
    # columns of a Hadamard matrix: orthogonal, and of mean zero but for the first
    two = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    columns = torch.kron(torch.kron(two, two), two)[:, 1:5]
    h = (columns * torch.tensor([1.0, 2.0, 3.0, 4.0]) + 5).reshape(2, 4, 4)
    assert float(orthogonality_penalty(h, FACTORS)) == pytest.approx(0, abs=1e-12)


def test_known_correlations():
    h = torch.randn(3, 5, 4, dtype=torch.float64)
    h[..., 2] = 3 - 2 * h[..., 0]  # a correlation of -1, in any unit
    correlations = np.corrcoef(h.flatten(0, 1).T)
    expected = (correlations[:2, 2:] ** 2).sum()
    assert float(orthogonality_penalty(h, FACTORS)) == pytest.approx(expected, rel=1e-12)
    one_each = {"a": [0], "b": [2], "c": [3]}
    expected = 1 + correlations[0, 3] ** 2 + correlations[2, 3] ** 2
    assert float(orthogonality_penalty(h, one_each)) == pytest.approx(expected, rel=1e-12)


def test_within_a_factor_anything_goes():
    h = torch.randn(3, 5, 1).expand(3, 5, 4)
    assert orthogonality_penalty(h, {"h": [0, 1, 2, 3]}) == 0


def test_gradient():
    h = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: orthogonality_penalty(h, FACTORS), [h])


def test_a_constant_feature_counts_as_uncorrelated():
    h = torch.randn(7, 3, 4)
    h[..., 0] = 0.1
    rest = orthogonality_penalty(h, {"hs": [1], "ht": [2, 3]})
    h.requires_grad_()
    penalty = orthogonality_penalty(h, FACTORS)
    torch.testing.assert_close(penalty, rest)
    penalty.backward()
    assert torch.isfinite(h.grad).all()


def test_training_with_it_lowers_it():
    vae = small_vae()
    videos = torch.rand(4, FRAMES, 1, SIZE, SIZE)
    loss = AnalyticKL_ELBO()(vae.model, vae.guide)
    optimiser = torch.optim.Adam(loss.parameters(), 1e-3)
    penalties = []
    for _ in range(10):
        penalty = orthogonality_penalty(vae.encode(videos).loc, vae.factors)
        optimiser.zero_grad()
        (loss(videos) + 1e5 * penalty).backward()
        optimiser.step()
        penalties.append(float(penalty.detach()))
    assert penalties[-1] < 0.5 * penalties[0]
