"""Smoothing, imputation, prediction and global draws against dense conditioning."""

import example_priors as examples
import numpy as np
import oracles
import pytest
import torch
from small_runs import small_data, small_vae

from pyro_factor import InputError, gaussian_form, priors
from pyro_factor.models.latent_posterior import smooth
from pyro_factor.models.prior_reader import PriorReader

FRAMES, FEATURES = 5, 4


def observed(covariance, loc, scale, seen):
    """Condition N(0, covariance) on noisy entries, by the textbook formula."""
    gain = covariance[:, seen] @ np.linalg.inv(
        covariance[np.ix_(seen, seen)] + np.diag(scale[seen] ** 2)
    )
    return gain @ loc[seen], covariance - gain @ covariance[seen]


@pytest.mark.parametrize("prior", [priors.factored, examples.frame_by_frame, priors.slow])
@pytest.mark.parametrize("given", [FRAMES, 3], ids=["smooth", "predict"])
@pytest.mark.parametrize("mask", [None, [True, False, True]], ids=["all", "imputed"])
def test_conditioning_is_the_dense_one(prior, given, mask):
    loc = torch.randn(2, given, FEATURES, dtype=torch.float64)
    scale = torch.rand_like(loc) + 0.2
    seen = torch.ones(given, dtype=torch.bool)
    if mask:
        seen[:3] = torch.tensor(mask)
    found = smooth(gaussian_form(prior, FRAMES), loc, scale, seen if mask else None)
    covariance = (
        oracles.slow_covariance(FRAMES)
        if prior is priors.slow
        else oracles.factored_covariance(FRAMES)
    )
    entries = np.flatnonzero(np.repeat(np.pad(seen.numpy(), (0, FRAMES - given)), FEATURES))
    for i in range(2):
        padded = [np.pad(x[i].numpy().ravel(), (0, (FRAMES - given) * FEATURES)) for x in
                  (loc, scale)]  # fmt: skip
        mean, spread = observed(covariance, *padded, entries)
        np.testing.assert_allclose(found.loc[i].flatten(), mean, atol=1e-8)
        np.testing.assert_allclose(found.covariance[i], spread, atol=1e-8)
        np.testing.assert_allclose(found.scale[i].flatten(), np.sqrt(np.diag(spread)), atol=1e-8)


def test_samples_have_the_moments():
    loc = torch.zeros(1, 2, FEATURES, dtype=torch.float64)
    found = smooth(gaussian_form(priors.factored, 3), loc, torch.ones_like(loc))
    samples = found.sample(20_000)
    assert samples.shape == (20_000, 1, 3, FEATURES)
    # entries of the covariance are below 1.1: a standard error of 0.011 at most
    error = samples[:, 0].flatten(1).T.cov() - found.covariance[0]
    assert error.abs().max() < 0.06


def test_the_global_centre_is_the_joint_one():
    vae = small_vae()
    vae.eval()
    videos = small_data().batch(2, torch.Generator().manual_seed(0)).videos
    with torch.no_grad():
        q, found = vae.encode(videos), vae.global_posterior(videos)
    assert list(found) == ["hs0"]
    # p(hs0 | hs) = N( Σ hs_i / (N + σs²), σs² / (N + σs²) )
    num_frames, variance = q.loc.shape[1], 0.01
    total = num_frames + variance
    loc = q.loc[..., :2].double().sum(1) / total
    spread = variance / total + q.scale[..., :2].double().square().sum(1) / total**2
    np.testing.assert_allclose(found["hs0"].loc, loc, rtol=1e-6)
    np.testing.assert_allclose(found["hs0"].scale, spread.sqrt(), rtol=1e-6)
    slow = small_vae(priors.slow)
    assert slow.eval().global_posterior(videos) == {}


def test_a_vae_predicts_and_imputes():
    vae = small_vae().eval()
    videos = small_data().batch(2, torch.Generator().manual_seed(0)).videos
    seen = torch.tensor([True, True, False, True])
    with torch.no_grad():
        found = vae.smooth(videos, 6, seen)
        q = vae.encode(videos)
    assert found.loc.shape == (2, 6, 4)
    again = smooth(PriorReader(vae.prior).form(6), q.loc, q.scale, seen)
    torch.testing.assert_close(found.loc, again.loc)
    # what was not seen is less certain
    walk = found.scale[:, :, 2:]
    assert (walk[:, 5] > walk[:, 3]).all()
    assert (walk[:, 2] > walk[:, 1]).all()


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_named():
    form = gaussian_form(priors.factored, 3)
    scale = torch.ones(4, FEATURES)
    with pytest.raises(InputError, match="at most 3 frames"):
        smooth(form, scale, scale)
    with pytest.raises(InputError, match="give 4 features"):
        smooth(form, scale[:3, :2], scale[:3, :2])
    with pytest.raises(InputError, match="a mask of 3 frames"):
        smooth(form, scale[:3], scale[:3], torch.tensor([True]))
    with pytest.raises(InputError, match="num_frames: got 2; give 4"):
        small_vae().eval().smooth(small_data().batch(1, torch.Generator()).videos, 2)
