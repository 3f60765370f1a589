"""The penalty on what factors share, against correlations worked out by hand."""

from functools import partial

import numpy as np
import pyro
import pytest
import torch
from small_runs import check_that_training_lowers, rows, small_data, small_run, small_vae

from pyro_factor.config import TrainingConfig
from pyro_factor.errors import InputError
from pyro_factor.inference import orthogonality_penalty
from pyro_factor.inference.trainer import Trainer
from pyro_factor.models import priors

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


def test_draws_of_other_frames_are_no_other_factor():
    h = torch.randn(3, 5, 3)
    parts = {"first": [0, 1], "rest": [0, 1], "ht": [2]}
    once = {name: parts[name] for name in ("first", "ht")}
    assert orthogonality_penalty(h, parts) == 2 * orthogonality_penalty(h, once)
    assert orthogonality_penalty(h, {"first": [0, 1], "rest": [0, 1]}) == 0


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


@pytest.mark.parametrize("elbo", ["analytic", "trace"])
def test_training_with_it_lowers_it(tmp_path, elbo):
    def measure(q, factors):
        return orthogonality_penalty(q.loc, factors)

    check_that_training_lowers("orthogonality", measure, tmp_path, elbo)


@pytest.mark.parametrize("guide", ["independent", "smoothing"])
def test_it_is_of_the_guides_means(guide):
    torch.manual_seed(0)
    vae = small_vae(guide=guide)
    config = TrainingConfig(videos=4, precision="float32", orthogonality=1.0)
    with pyro.settings.context(module_local_params=True):
        trainer = Trainer(vae, small_data(), config, torch.device("cpu"))
        videos = trainer.draw(0)
        _, found = trainer.objectives[1](videos, {})
    vae.train()
    expected = orthogonality_penalty(vae.encode(videos).loc, vae.factors)
    torch.testing.assert_close(found["orthogonality"], expected, rtol=1e-4, atol=1e-7)


def test_without_a_weight_there_is_no_penalty(tmp_path):
    small_run(tmp_path, small_vae(), 5)
    assert "orthogonality" not in rows(tmp_path)[0]


def test_one_factor_has_nothing_to_be_orthogonal_to(tmp_path):
    with pytest.raises(InputError, match=r"orthogonality: got 1\.0; the prior has one factor, h"):
        small_run(tmp_path / "run", small_vae(priors.slow), 5, orthogonality=1.0)
    assert not (tmp_path / "run").exists()


def test_of_features_all_correlations_count(tmp_path):
    torch.manual_seed(0)
    vae, weights = small_vae(), {"orthogonality": 2.0, "precision": "float32"}
    config = TrainingConfig(videos=4, orthogonality_of="features", **weights)
    trainer = Trainer(vae, small_data(), config, torch.device("cpu"))
    videos = trainer.draw(0)
    with torch.no_grad():
        loc = vae.guide.encoder(videos.flatten(0, 1))[0]
    correlations = np.corrcoef(loc.double().T)
    expected = (np.triu(correlations, 1) ** 2).sum()
    found = trainer.update(0, videos)["orthogonality"]
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_of_features_a_prior_of_one_factor_has_parts(tmp_path):
    options = {"orthogonality": 1.0, "orthogonality_of": "features"}
    small_run(tmp_path / "two", small_vae(prior=priors.slow), 1, **options)
    one = small_vae(prior=partial(priors.slow, features=1))
    with pytest.raises(InputError, match=r"orthogonality: got 1.0; the prior has one feature"):
        small_run(tmp_path / "one", one, 1, **options)
