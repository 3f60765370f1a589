"""The structured guide, against the dense Gaussian that it is."""

import example_priors as examples
import numpy as np
import pytest
import torch
from oracles import factored_covariance
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from scipy.stats import multivariate_normal, ttest_1samp
from small_pairs import FEATURES, FRAMES, VIDEOS, FixedOutputs, estimates, linear_pair, log_evidence
from small_runs import small_data, small_run, small_vae
from torch import nn

from pyro_factor import AnalyticKL_ELBO, VideoVAE, gallery, gaussian_form, load, priors
from pyro_factor.errors import InputError
from pyro_factor.inference.estimators import make_estimator
from pyro_factor.inference.terms import latent_sites
from pyro_factor.models import InvalidPairError, MeanFieldGuide, NotGaussianPrior
from pyro_factor.variance.frozen import freeze


def non_centred(num_frames):
    """Whose pair has one site, h."""
    return torch.cat([examples.non_centred(num_frames)] * 2, -1) + examples._standard(
        "own", num_frames, FEATURES
    )


EVERY_WAY = [
    priors.factored,
    priors.independent,
    examples.frame_by_frame,
    examples.frame_plate,
    non_centred,
]


def smoothing(prior, copies=1, beta=1.0, **changes):
    decoder = nn.Sequential(nn.Linear(FEATURES, 4), nn.Unflatten(1, (1, 2, 2)))
    networks = {"encoder": FixedOutputs(copies), "decoder": decoder, "image_shape": (1, 2, 2)}
    return VideoVAE(prior, FRAMES, beta=beta, guide="smoothing", **networks | changes)


def dense(vae, videos, covariance):
    """Mean and covariance of p(h) ∏ N(h_i; μ_i, σ_i²), by the textbook formula, clip by clip."""
    q = vae.guide.recognise(videos)
    loc, scale = q.loc.detach().flatten(1).numpy(), q.scale.detach().flatten(1).numpy()
    precision = np.linalg.inv(covariance)
    for mean, spread in zip(loc, scale, strict=True):
        joint = np.linalg.inv(precision + np.diag(spread**-2.0))
        yield joint @ (spread**-2.0 * mean), joint


@pytest.fixture
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2, dtype=torch.float64)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("prior", EVERY_WAY)
def test_the_draws_have_the_joint_density(prior, videos):
    vae = smoothing(prior)
    covariance = gaussian_form(prior, FRAMES).covariance.numpy()
    with torch.no_grad():
        trace = poutine.trace(vae.guide).get_trace(videos)
        trace.compute_log_prob()
    exact = {n for n, s in trace.nodes.items() if s.get("infer", {}).get("exact_conditional")}
    sites = [s for n, s in latent_sites(trace).items() if n not in exact]
    found = sum(s["unscaled_log_prob"].reshape(VIDEOS, -1).sum(-1) for s in sites)
    h = trace.nodes["_RETURN"]["value"].detach().flatten(1).numpy()
    normals = dense(vae, videos, covariance)
    expected = [
        multivariate_normal(*normal).logpdf(value) for value, normal in zip(h, normals, strict=True)
    ]
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_marginals_and_the_global_draw(videos):
    vae = smoothing(priors.factored)
    covariance = factored_covariance(FRAMES)
    q, centre = vae.encode(videos), vae.global_posterior(videos)["hs0"]
    # hs0 = E[hs0 | h] + noise:  E[hs0 | h] = Σ hs_i / (N + σs²)
    gain = np.kron(np.ones(FRAMES), np.eye(2, 4)) / (FRAMES + 0.01)
    for i, (loc, joint) in enumerate(dense(vae, videos, covariance)):
        np.testing.assert_allclose(q.loc[i].detach().numpy().ravel(), loc, rtol=1e-9)
        spread = q.scale[i].detach().numpy().ravel()
        np.testing.assert_allclose(spread, np.diag(joint) ** 0.5, rtol=1e-9)
        np.testing.assert_allclose(centre.loc[i].detach().numpy(), gain @ loc, rtol=1e-9)
        own = 0.01 / (FRAMES + 0.01) * np.eye(2)
        found = centre.covariance[i].detach().numpy()
        np.testing.assert_allclose(found, own + gain @ joint @ gain.T, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("prior", EVERY_WAY)
def test_the_kl_is_the_dense_one(prior, videos):
    vae = smoothing(prior)
    terms = AnalyticKL_ELBO(max_plate_nesting=vae.max_plate_nesting).terms(
        vae.model, vae.guide, videos
    )
    covariance = gaussian_form(prior, FRAMES).covariance.numpy()
    precision, (_, determinant) = np.linalg.inv(covariance), np.linalg.slogdet(covariance)
    kls = [
        0.5 * (np.trace(precision @ joint) + loc @ precision @ loc - len(loc))
        + 0.5 * (determinant - np.linalg.slogdet(joint)[1])
        for loc, joint in dense(vae, videos, covariance)
    ]
    found = -sum(value for name, value in terms.items() if name != "reconstruction")
    np.testing.assert_allclose(float(found.detach()), np.mean(kls), rtol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("prior", [priors.factored, examples.frame_by_frame])
@pytest.mark.parametrize(("elbo", "particles"), [("analytic", 4), ("sobol", 4), ("antithetic", 2)])
def test_estimators_agree_with_trace(prior, elbo, particles, videos):
    copies, repeats = 300, 10
    vae, clips = smoothing(prior, copies, 4.0), videos.repeat(copies, 1, 1, 1, 1)
    found, expected = (
        estimates(make_estimator(name, particles, vae.max_plate_nesting), vae, clips, repeats)
        for name in (elbo, "trace")
    )
    difference = ((found - expected) / copies).numpy()
    assert ttest_1samp(difference, 0.0).pvalue.min() > 1e-6 / difference.shape[1]
    assert difference[:, 0].std() / repeats**0.5 < 0.01 * abs(found[:, 0].mean() / copies)


@pytest.mark.usefixtures("float64")
def test_it_is_the_posterior_of_a_linear_gaussian_decoder(videos):
    vae = linear_pair(guide="smoothing")
    evidence = log_evidence(videos)
    elbo = Trace_ELBO(max_plate_nesting=vae.max_plate_nesting)
    # every draw tells log p(x)
    losses = [elbo.loss(vae.model, vae.guide, videos) for _ in range(3)]
    np.testing.assert_allclose(losses, -evidence.sum(), rtol=1e-9)


def test_it_trains_and_is_loaded_again(tmp_path):
    run = small_run(tmp_path / "run", small_vae(guide="smoothing"), 30, videos=8)
    assert run.config.model.guide == "smoothing"
    videos = small_data().batch(3, torch.Generator().manual_seed(0)).videos
    again = load(tmp_path / "run")
    torch.testing.assert_close(again.encode(videos).loc, run.vae.encode(videos).loc)
    # whole clips matter to a frame's code
    first = run.vae.encode(videos[:, :1]).loc[:, 0]
    assert not torch.allclose(first, run.vae.encode(videos).loc[:, 0], rtol=1e-4)


def test_what_it_does_not_suit_is_refused(videos):
    vae, clips = smoothing(priors.factored), videos.float()
    with (
        pytest.warns(UserWarning, match="mean field"),
        pytest.raises(InvalidPairError, match="draws a site given others"),
    ):
        TraceMeanField_ELBO().loss(vae.model, vae.guide, clips)
    with pytest.raises(InvalidPairError, match="PathDerivative_ELBO: the guide's site 'hs'"):
        make_estimator("path", 1, 1).loss(vae.model, vae.guide, clips)
    with pytest.raises(InputError, match="guide: got 'smoothing'; its companion needs"):
        MeanFieldGuide.of(vae.guide)
    with pytest.raises(InputError, match="vae: got 'a smoothing guide'; give a model whose guide"):
        freeze(vae, torch.zeros(3, 4), torch.ones(3, 4))
    with pytest.raises(NotGaussianPrior):
        small_vae(gallery.laplace_walk, guide="smoothing")
    with pytest.raises(InputError, match="guide: got 'best'; choose from independent, smoothing"):
        small_vae(guide="best")
    with pytest.raises(InputError, match="pixels: got 'grey'; choose from bernoulli, gaussian"):
        small_vae(pixels="grey")
    with pytest.raises(InputError, match="pixel_scale: got 0"):
        small_vae(pixels="gaussian", pixel_scale=0.0)
