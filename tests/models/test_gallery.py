"""The gallery's priors against dense Gaussians, quadrature and Monte Carlo, and as they train."""

import copy
import inspect
import math
from functools import partial

import gallery_oracles as dense
import numpy as np
import oracles
import pyro
import pytest
import torch
from oracles import factored_covariance
from pyro.infer import Trace_ELBO
from scipy.stats import chi2, kstest, laplace, norm
from small_runs import FRAMES, SIZE, SMALL, command, small_vae

from pyro_factor import (
    AnalyticKL_ELBO,
    InputError,
    NotGaussianPrior,
    gallery,
    gaussian_form,
    load,
    priors,
)
from pyro_factor.models import closed_form
from pyro_factor.models.closed_forms import entropy
from pyro_factor.models.program import run_prior

FAILURE_RATE = 1e-6  # of each test of samples, were it run with other seeds


def each(covariance, features=4):
    """Frame-major, of features that are alike."""
    return lambda num_frames: np.kron(covariance(num_frames), np.eye(features))


# name -> prior, its covariance, the numbers of frames
GAUSSIAN = {
    "multi_rate": (gallery.multi_rate, dense.multi_rate),
    "multi_rate text": (
        partial(gallery.multi_rate, features=2, scales="0.03,0.3"),
        partial(dense.multi_rate, features=2, scales=(0.03, 0.3)),
    ),
    "damped": (gallery.damped, each(dense.damped)),
    "ornstein_uhlenbeck": (gallery.ornstein_uhlenbeck, each(dense.ornstein_uhlenbeck)),
    "integrated": (gallery.integrated, each(dense.integrated)),
    "autoregressive": (gallery.autoregressive, each(dense.autoregressive)),
    "autoregressive 1": (
        partial(gallery.autoregressive, features=2, coefficients=-0.8),
        each(partial(dense.autoregressive, coefficients=(-0.8,)), 2),
    ),
    "autoregressive 3": (
        partial(gallery.autoregressive, features=1, coefficients="0.5,-0.2,0.3"),
        each(partial(dense.autoregressive, coefficients=(0.5, -0.2, 0.3)), 1),
    ),
    "gp_rbf": (gallery.gp_rbf, each(dense.gp_rbf)),
    "gp_matern": (gallery.gp_matern, each(dense.gp_matern)),
    "gp_matern 0.5": (
        partial(gallery.gp_matern, smoothness=0.5),
        each(partial(dense.gp_matern, smoothness=0.5)),
    ),
    "gp_matern 2.5": (
        partial(gallery.gp_matern, smoothness=2.5, length_scale=2.0),
        each(partial(dense.gp_matern, smoothness=2.5, length_scale=2.0)),
    ),
    "gp_periodic": (gallery.gp_periodic, each(dense.gp_periodic)),
    "fractional_brownian": (gallery.fractional_brownian, each(dense.fractional_brownian)),
    "fractional_brownian 0.1": (
        partial(gallery.fractional_brownian, hurst=0.1),
        each(partial(dense.fractional_brownian, hurst=0.1)),
    ),
    "brownian_bridge": (gallery.brownian_bridge, each(dense.brownian_bridge)),
    "groups 1": (partial(gallery.groups, clips=1), partial(dense.groups, clips=1)),
    "groups 2": (gallery.groups, dense.groups),
    "groups 3": (partial(gallery.groups, clips=3), partial(dense.groups, clips=3)),
    "factored_by_frame": (gallery.factored_by_frame, factored_covariance),
    "factored_by_frame scales": (
        partial(gallery.factored_by_frame, static=1, static_scale=0.5, temporal_scale=0.3),
        partial(factored_covariance, static=1, static_scale=0.5, temporal_scale=0.3),
    ),
    "factored_autoregressive": (
        partial(gallery.factored_autoregressive, static=1, static_scale=0.3),
        partial(dense.factored_autoregressive, static=1, scale=0.3),
    ),
    "learned": (gallery.LearnedFactored(), factored_covariance),
}
NUM_FRAMES = {"groups 2": (2, 8), "groups 3": (3, 6)}
CASES = [(name, n) for name in GAUSSIAN for n in NUM_FRAMES.get(name, (1, 2, 7))]


def fresh(name):
    """The prior, a module as it is when it is made, and its covariance."""
    prior, covariance = GAUSSIAN[name]
    return copy.deepcopy(prior), covariance


def codes(num_frames, features, videos=3):
    loc = torch.randn(videos, num_frames, features, dtype=torch.float64)
    return loc, torch.rand_like(loc) + 0.1


@pytest.mark.parametrize(("name", "num_frames"), CASES)
def test_the_form_is_the_dense_gaussian(name, num_frames):
    prior, covariance = fresh(name)
    form = gaussian_form(prior, num_frames)
    expected = covariance(num_frames)
    atol = 1e-6 if name == "learned" else 1e-8  # its scales are float32 parameters
    np.testing.assert_allclose(form.loc.detach(), 0, atol=1e-8)
    np.testing.assert_allclose(form.covariance.detach(), expected, atol=atol)
    loc, scale = codes(*form.loc.shape)
    kl = [
        oracles.dense_kl(m.flatten().numpy(), s.flatten().numpy(), expected)
        for m, s in zip(loc, scale, strict=True)
    ]
    np.testing.assert_allclose(form.kl(loc, scale).detach(), kl, rtol=10 * atol)


@pytest.mark.parametrize("name", GAUSSIAN)
@pytest.mark.usefixtures("float64")
def test_draws_have_the_moments_of_the_form(name):
    prior, covariance = fresh(name)
    num_frames, clips = NUM_FRAMES.get(name, (7,))[-1], 2_000
    h, _ = run_prior(prior, num_frames, clips=(clips, -1))
    factor = np.linalg.cholesky(covariance(num_frames))
    white = np.linalg.solve(factor, h.detach().flatten(1).numpy().T).T
    size = white.shape[1]
    # squared Mahalanobis distances, and sums of squares over clips, are chi-square
    assert kstest((white**2).sum(1), chi2(size).cdf).pvalue > FAILURE_RATE
    sums = (white**2).sum(0)
    tails = np.minimum(chi2(clips).cdf(sums), chi2(clips).sf(sums))
    assert tails.min() > FAILURE_RATE / (2 * size)


@pytest.mark.parametrize("name", ["damped", "gp_matern", "groups 2", "factored_by_frame"])
def test_the_kl_is_the_monte_carlo_one(name):
    prior, covariance = fresh(name)
    loc, scale = torch.randn(4, 4), torch.rand(4, 4) + 0.1
    normal = torch.distributions.MultivariateNormal(
        torch.zeros(16), torch.as_tensor(covariance(4), dtype=torch.float32)
    )
    estimate, error = oracles.monte_carlo_kl(loc, scale, lambda h: normal.log_prob(h.flatten(1)))
    assert abs(float(gaussian_form(prior, 4).kl(loc, scale)) - estimate) < 4 * error


@pytest.mark.parametrize(
    ("prior", "same"),
    [
        (partial(gallery.damped, damping=1.0), priors.slow),
        (partial(gallery.damped, damping=0.0, temporal_scale=1.0), priors.independent),
        (partial(gallery.fractional_brownian, hurst=0.5), priors.slow),
        (
            partial(gallery.autoregressive, coefficients=(0.5,)),
            partial(gallery.ornstein_uhlenbeck, length_scale=1 / math.log(2)),
        ),
        (gallery.factored_by_frame, priors.factored),
    ],
    ids=["no damping", "all damping", "Brownian", "AR(1)", "centre integrated out"],
)
def test_special_cases(prior, same):
    covariances = [gaussian_form(p, 5).covariance for p in (prior, same)]
    torch.testing.assert_close(*covariances, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["multi_rate text", "learned"])
def test_a_closed_form_is_the_form(name):
    prior, _ = fresh(name)
    loc, scale = codes(7, 4)
    terms = closed_form(prior)(loc, scale)
    general = gaussian_form(prior, 7).expected_log_prob(loc, scale)
    torch.testing.assert_close(sum(terms.values()), general, rtol=1e-8, atol=0)
    expected = {"rate_0", "rate_1"} if name == "multi_rate text" else {"static", "temporal"}
    assert terms.keys() == expected


def log_laplace_walk(loc, scale, b):
    """E_q[log p(h)] of one feature, (N,) each, term by term by quadrature."""
    total = dense.normal_expectation(norm.logpdf, loc[0], scale[0])
    steps = zip(np.diff(loc), np.hypot(scale[1:], scale[:-1]), strict=True)
    return total + sum(dense.normal_expectation(laplace(scale=b).logpdf, m, s) for m, s in steps)


def log_sparse_static(loc, scale, spread):
    total = dense.normal_expectation(laplace.logpdf, loc[0], scale[0])
    others = zip(loc[1:] - loc[0], np.hypot(scale[1:], scale[0]), strict=True)
    return total + sum(dense.normal_expectation(norm(scale=spread).logpdf, m, s) for m, s in others)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_sparse_closed_forms_are_the_quadrature(num_frames):
    loc, scale = codes(num_frames, 2, videos=1)
    loc[0, :, 1] *= 1e-3  # means about zero, where |x| has its corner
    features = [(loc[0, :, j].numpy(), scale[0, :, j].numpy()) for j in range(2)]
    walk = closed_form(partial(gallery.laplace_walk, features=2, temporal_scale=0.3))
    expected = sum(log_laplace_walk(m, s, 0.3) for m, s in features)
    assert float(walk(loc, scale)["temporal"]) == pytest.approx(expected, rel=1e-9)
    static = closed_form(partial(gallery.sparse_static, temporal=1, static_scale=0.3))
    both = [torch.cat([part, torch.ones(1, num_frames, 1)], -1) for part in (loc, scale)]
    expected = sum(log_sparse_static(m, s, 0.3) for m, s in features)
    assert float(static(*both)["static"]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("prior", [gallery.laplace_walk, gallery.sparse_static])
@pytest.mark.usefixtures("float64")
def test_sparse_closed_forms_are_of_the_program(prior):
    """By Monte Carlo: the guide's draws, put into the program."""
    vae, draws = small_vae(prior), 20_000
    layout = vae.model.reader.layout(FRAMES)
    loc, scale = torch.randn(FRAMES, 4), torch.rand(FRAMES, 4) + 0.1
    h = torch.distributions.Normal(loc, scale).sample((draws,))
    values = {draw.name: layout.take(h, draw) for draw in layout.draws}
    returned, sites = run_prior(prior, FRAMES, values, clips=(draws, -1))
    assert torch.equal(returned, h)
    log_prob = sum(site["fn"].log_prob(site["value"]) for site in sites)
    exact = sum(closed_form(prior)(loc, scale).values())
    assert abs(log_prob.mean() - exact) < 5 * log_prob.std() / draws**0.5


@pytest.mark.parametrize(
    ("prior", "names"),
    [
        (gallery.laplace_walk, ["temporal_scale"]),
        (gallery.sparse_static, ["static_scale", "temporal_scale"]),
    ],
)
def test_gradients_of_the_sparse_closed_forms(prior, names):
    def expected(loc, scale, *scales):
        bound = partial(prior, **dict(zip(names, scales, strict=True)))
        return sum(closed_form(bound)(loc, scale).values())

    loc, scale = (x.requires_grad_() for x in codes(4, 4, videos=2))
    scales = [torch.tensor(s, dtype=torch.float64, requires_grad=True) for s in (0.3, 0.7)]
    assert torch.autograd.gradcheck(expected, [loc, scale, *scales[: len(names)]])


@pytest.mark.parametrize(
    ("prior", "draw"), [(gallery.laplace_walk, "ht_1"), (gallery.sparse_static, "hs_0")]
)
def test_sparse_priors_have_no_form(prior, draw):
    with pytest.raises(NotGaussianPrior, match=f"'{draw}' is Laplace"):
        gaussian_form(prior, 4)


def make(name):
    prior = gallery.PRIORS[name]
    return prior() if isinstance(prior, type) else prior


@pytest.mark.parametrize("name", gallery.PRIORS)
def test_every_prior_trains_under_both_elbos(name):
    vae = small_vae(make(name))
    videos = torch.rand(3, FRAMES, 1, SIZE, SIZE)
    q = vae.encode(videos)
    assert sum(map(len, vae.factors.values())) == vae.num_features == q.loc.shape[-1]
    for elbo in (AnalyticKL_ELBO(), Trace_ELBO()):
        loss = elbo(vae.model, vae.guide)
        parameters = list(loss.parameters())
        optimiser = torch.optim.Adam(parameters)
        before = [parameter.detach().clone() for parameter in parameters]
        loss(videos).backward()
        optimiser.step()
        after = [parameter.detach() for parameter in parameters]
        assert all(torch.isfinite(parameter).all() for parameter in after)
        assert all((a != b).any() for a, b in zip(before, after, strict=True))
    assert torch.isfinite(vae.sample_prior(2)).all()


def test_the_factored_prior_by_frame_has_no_global_draw():
    def globals_(prior):
        return [d.name for d in small_vae(prior).model.reader.layout(FRAMES).global_draws]

    assert globals_(priors.factored) == ["hs0"]
    assert globals_(gallery.factored_by_frame) == []


def test_draws_are_named_as_the_factors():
    assert small_vae(gallery.multi_rate).factors == {"rate_0": [0], "rate_1": [1], "rate_2": [2]}
    several = (gallery.groups, gallery.sparse_static, gallery.factored_by_frame)
    for prior in (*several, gallery.factored_autoregressive):
        assert small_vae(prior).factors == {"hs": [0, 1], "ht": [2, 3]}
    assert small_vae(gallery.laplace_walk).factors == {"ht": [0, 1, 2, 3]}


@pytest.mark.parametrize("name", gallery.PRIORS)
def test_a_prior_makes_its_tensors_in_the_dtype_and_place_it_is_told(name):
    prior = make(name)
    # meta stands for any device that is not the CPU; it has no values to validate
    with torch.device("meta"), pyro.validation_enabled(False):
        h, sites = run_prior(make(name), 6)
    assert h.device.type == "meta"
    assert run_prior(prior, 6)[0].dtype == torch.float32
    assert all(site["value"].dtype == torch.float32 for site in run_prior(prior, 6)[1])
    assert {site["value"].device.type for site in sites} == {"meta"}


LEARNABLE = {
    gallery.multi_rate: {"scales": (0.1, 0.3)},
    gallery.damped: {"damping": 0.9, "temporal_scale": 0.2},
    gallery.ornstein_uhlenbeck: {"length_scale": 3.0},
    gallery.integrated: {"velocity_scale": 0.2, "acceleration_scale": 0.3},
    gallery.gp_rbf: {"length_scale": 2.0, "noise": 0.3},
    gallery.gp_matern: {"length_scale": 2.0, "noise": 0.3},
    gallery.gp_periodic: {"period": 3.0, "length_scale": 1.0, "noise": 0.3},
    gallery.fractional_brownian: {"hurst": 0.7, "temporal_scale": 0.2},
    gallery.brownian_bridge: {"scale": 1.5},
    gallery.groups: {"clip_scale": 0.4, "static_scale": 0.3, "temporal_scale": 0.2},
    gallery.factored_by_frame: {"static_scale": 0.3, "temporal_scale": 0.2},
    gallery.factored_autoregressive: {"static_scale": 0.3},
}


@pytest.mark.parametrize("prior", LEARNABLE, ids=lambda prior: prior.__name__)
def test_gradients_reach_hyperparameters(prior):
    hyperparameters = LEARNABLE[prior]
    known = inspect.signature(prior).parameters.keys() & {"static", "temporal", "features"}
    features = dict.fromkeys(known, 1)
    values = [torch.tensor(v, dtype=torch.float64) for v in hyperparameters.values()]

    def kl(*values):
        bound = partial(prior, **dict(zip(hyperparameters, values, strict=True)), **features)
        form = gaussian_form(bound, 4)
        return form.kl(0.5 * torch.ones_like(form.loc), torch.ones_like(form.loc))

    values = [value.requires_grad_() for value in values]
    assert torch.autograd.gradcheck(kl, values, fast_mode=True, check_undefined_grad=False)


@pytest.mark.parametrize(
    ("prior", "arguments", "features"),
    [
        ("damped", ["damping=0.8", "features=3"], 3),
        ("multi_rate", ["scales=0.03,0.3", "features=2"], 4),
        ("factored_by_frame", ["static=3", "static_scale=0.2"], 5),
        ("learned", ["static=3", "static_scale=0.2"], 5),
    ],
)
def test_the_command_line_trains(tmp_path, monkeypatch, prior, arguments, features):
    monkeypatch.chdir(tmp_path)
    chosen = ["--prior", prior, "--prior-args", *arguments]
    assert command("train", *SMALL, *chosen, "--iterations", 2, "--folder", "a") == 0
    assert command("train", "--folder", "a", "--resume", "--iterations", 3) == 0
    assert load("a").num_features == features


BAD = {
    "no features": (gallery.damped, {"features": 0}, "features: got 0"),
    "half a feature": (gallery.gp_rbf, {"features": 1.5}, "features: got 1.5"),
    "static rate": (gallery.multi_rate, {"scales": (0.0, 1.0)}, "scales: got 0.0"),
    "no rates": (gallery.multi_rate, {"scales": ()}, r"scales: got \(\)"),
    "rates": (gallery.multi_rate, {"scales": "fast,slow"}, "scales: got 'fast,slow'"),
    "one rate": (gallery.multi_rate, {"scales": True}, "scales: got True"),
    "damping": (gallery.damped, {"damping": 1.1}, "damping: got 1.1; give a number from 0 to 1"),
    "step": (gallery.damped, {"temporal_scale": -0.1}, "temporal_scale: got -0.1"),
    "true": (gallery.damped, {"temporal_scale": True}, "temporal_scale: got True"),
    "length": (gallery.ornstein_uhlenbeck, {"length_scale": 0}, "length_scale: got 0"),
    "text": (gallery.ornstein_uhlenbeck, {"length_scale": "long"}, "length_scale: got 'long'"),
    "velocity": (gallery.integrated, {"velocity_scale": 0.0}, "velocity_scale: got 0.0"),
    "acceleration": (gallery.integrated, {"acceleration_scale": -1}, "acceleration_scale: got -1"),
    "explosive": (gallery.autoregressive, {"coefficients": "1.0,0.1"}, "coefficients: got .*1.0"),
    "unit root": (gallery.autoregressive, {"coefficients": 1}, "coefficients: got .*1.0"),
    "nan": (gallery.autoregressive, {"coefficients": "nan"}, "coefficients: got .*nan"),
    "rbf": (gallery.gp_rbf, {"length_scale": -1.0}, "length_scale: got -1.0"),
    "noise": (gallery.gp_rbf, {"noise": 1e-6}, "noise: got 1e-06; give a number from 0.001"),
    "smoothness": (gallery.gp_matern, {"smoothness": 1.0}, "smoothness: got 1.0; choose 0.5"),
    "period": (gallery.gp_periodic, {"period": 0.0}, "period: got 0.0"),
    "hurst": (gallery.fractional_brownian, {"hurst": 1.0}, "hurst: got 1.0"),
    "walk": (gallery.fractional_brownian, {"temporal_scale": 0.0}, "temporal_scale: got 0.0"),
    "bridge": (gallery.brownian_bridge, {"scale": 0.0}, "scale: got 0.0"),
    "clips": (gallery.groups, {"clips": 3}, "clips: got 3; .* divides the 4 frames"),
    "no clips": (gallery.groups, {"clips": 0}, "clips: got 0"),
    "clip scale": (gallery.groups, {"clip_scale": 0.0}, "clip_scale: got 0.0"),
    "beside swings": (gallery.factored_autoregressive, {"static_scale": 0}, "static_scale: got 0"),
    "static beside swings": (gallery.factored_autoregressive, {"static": 0}, "static: got 0"),
    "swings": (gallery.factored_autoregressive, {"coefficients": "2,-1"}, "coefficients: got"),
    "by frame": (gallery.factored_by_frame, {"static_scale": 0.0}, "static_scale: got 0.0"),
    "step by frame": (gallery.factored_by_frame, {"temporal_scale": -1}, "temporal_scale: got -1"),
    "nothing static": (gallery.factored_by_frame, {"static": 0}, "static: got 0"),
    "laplace": (gallery.laplace_walk, {"temporal_scale": 0.0}, "temporal_scale: got 0.0"),
    "sparse": (gallery.sparse_static, {"static_scale": 0.0}, "static_scale: got 0.0"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.usefixtures("unchecked")
def test_bad_hyperparameters_are_named(case):
    prior, hyperparameters, message = BAD[case]
    with pytest.raises(InputError, match=message):
        small_vae(partial(prior, **hyperparameters))


@pytest.mark.usefixtures("unchecked")
def test_bad_hyperparameters_of_the_module_are_named():
    with pytest.raises(InputError, match="static: got 0"):
        gallery.LearnedFactored(static=0)
    with pytest.raises(InputError, match="temporal_scale: got -1"):
        gallery.LearnedFactored(temporal_scale=-1)


def test_a_module_trains_its_scales_by_its_closed_form():
    prior = gallery.LearnedFactored(static_scale=0.5)
    loc, scale = codes(6, 4)
    kl = -entropy(scale) - sum(closed_form(prior)(loc, scale).values())
    kl.sum().backward()
    gradients = [parameter.grad.clone() for parameter in prior.parameters()]
    prior.zero_grad()
    gaussian_form(prior, 6).kl(loc, scale).sum().backward()
    for gradient, parameter in zip(gradients, prior.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert closed_form(type("Mine", (gallery.LearnedFactored,), {})()) is None
    assert not pyro.get_param_store()


def test_coefficients_that_train_are_refused():
    with pytest.raises(InputError, match=r"coefficients: got .* they can't be learned"):
        gallery.autoregressive(4, coefficients=(torch.tensor(0.5, requires_grad=True),))


def test_learned_scales_are_shown_as_they_are_now():
    prior = gallery.LearnedFactored(static=3, temporal_scale=0.5)
    with torch.no_grad():
        prior.temporal_scale_unconstrained -= math.log(4)
    shown = "LearnedFactored(static=3, temporal=2, static_scale=0.1, temporal_scale=0.125)"
    assert repr(prior) == shown
