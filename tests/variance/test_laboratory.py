"""The laboratory against closed forms, and against gradients taken the long way."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule, PyroParam
from small_runs import FRAMES, SIZE, small_vae
from torch import nn

from pyro_factor import priors
from pyro_factor.variance import noise
from pyro_factor.variance.contestants import contestant
from pyro_factor.variance.coordinates import GROUPS, group_of, roots
from pyro_factor.variance.frozen import hold_statistics
from pyro_factor.variance.laboratory import Laboratory
from pyro_factor.variance.measure import measure
from pyro_factor.variance.sampling import sample_terms
from pyro_factor.variance.tables import interval

X, A, S = 1.3, 0.7, 0.5  # x ~ N(A z, S²)
LOC, SCALE = 0.4, 0.6  # q(z) = N(LOC, SCALE²)
DRAWS = 1_500


class Guide(PyroModule):
    def __init__(self):
        super().__init__()
        self.loc = nn.Parameter(torch.tensor(LOC))
        self.scale = PyroParam(torch.tensor(SCALE), dist.constraints.real)

    def forward(self):
        pyro.sample("z", dist.Normal(self.loc, self.scale))


def model():
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    pyro.sample("x", dist.Normal(A * z, S), obs=torch.tensor(X))


# Variances of the gradients in loc and scale of one draw z = loc + scale ε, from E ε⁴ = 3.
RECONSTRUCTION = (A**4 * SCALE**2 / S**4, A**2 * ((X - A * LOC) ** 2 + 2 * (A * SCALE) ** 2) / S**4)
CLOSED = {
    # log p(z) - log q(z): -z in loc, -zε + 1/scale in scale
    "trace": (SCALE**2, LOC**2 + 2 * SCALE**2),
    # the score left out: ε/scale - z in loc, that times ε in scale
    "path": ((1 / SCALE - SCALE) ** 2, LOC**2 + 2 * (1 / SCALE - SCALE) ** 2),
    "analytic": (0.0, 0.0),
}


def draw(name, term, draws=DRAWS):
    runner = contestant(name)
    with pyro.settings.context(module_local_params=True):
        guide = Guide()
        elbo, leaves = runner.make(0), [guide.loc, guide.scale]

        def terms():
            found = elbo.terms(model, guide)
            return {
                "reconstruction": found["reconstruction"],
                "kl": sum(value for key, value in found.items() if key != "reconstruction"),
            }

        return sample_terms(terms, leaves, range(draws)).gradients[term].numpy()


def assert_variances(gradients, expected):
    """Within five standard errors: a chance of 6e-7 each."""
    for found, true in zip(gradients.T, expected, strict=True):
        variance = noise.latent_variance(found.reshape(-1, 1, 1))
        if true == 0:
            assert variance.value < 1e-30  # the quadratic form rounds where draws cancel
        else:
            error = variance.influence.std() / math.sqrt(len(found))
            assert abs(variance.value / true - 1) < 5 * error


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", CLOSED)
def test_variances_of_a_linear_gaussian_pair(name):
    assert_variances(draw(name, "kl"), CLOSED[name])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("particles", [1, 4])
def test_particles_divide_the_reconstructions_variance(particles):
    name = "analytic" if particles == 1 else f"analytic:{particles}"
    assert_variances(draw(name, "reconstruction"), [v / particles for v in RECONSTRUCTION])


@pytest.mark.usefixtures("float64")
def test_antithetic_draws_leave_the_even_part_only():
    gradients = draw("antithetic:2", "reconstruction")
    # A (X - A z) / S² is odd about its mean; times ε, what is even is -A² scale ε² / S²
    assert np.ptp(gradients[:, 0]) < 1e-12
    assert_variances(gradients[:, 1:], [2 * A**4 * SCALE**2 / S**4])


@pytest.mark.usefixtures("float64")
def test_quasi_monte_carlo_is_less_noisy_than_as_many_independent_draws():
    for column, variance in enumerate(RECONSTRUCTION):
        found = draw("sobol:4", "reconstruction", 500)[:, column]
        assert found.var() < 0.5 * variance / 4


def clips(number=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(number, FRAMES, 1, SIZE, SIZE, generator=generator)


def test_roots_keep_inner_products():
    vae, videos = hold_statistics(small_vae(), clips(1)), clips(1)
    encoder, images = vae.guide.encoder, videos.flatten(0, 1)
    found = roots(encoder, images)
    loc, scale = encoder(images)
    g = torch.randn(2, 2 * loc.numel())
    for group in GROUPS:
        parameters = [p for n, p in encoder.named_parameters() if group_of(n) == group]
        outputs = torch.cat([loc.flatten(), scale.flatten()])
        moved = [
            torch.cat(
                [
                    d.flatten()
                    for d in torch.autograd.grad(outputs @ v, parameters, retain_graph=True)
                ]
            )
            for v in g
        ]
        expected = torch.stack(moved) @ torch.stack(moved).T
        coordinates = g.double() @ found[group]
        torch.testing.assert_close(
            (coordinates @ coordinates.T).float(), expected, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("name", ["trace", "path", "analytic", "antithetic:2"])
def test_gradients_are_those_of_the_whole_pair(name):
    vae = small_vae(beta=1.0)
    lab, runner = Laboratory(vae, clips()), contestant(name)
    parts = lab.kl(runner, range(3), 0), lab.reconstruction(runner, range(3), 0)
    kl = sum(parts[0].gradients.values())
    total = parts[1].gradients["reconstruction"][:, : lab.size] + kl
    batch = lab.encoder_gradients(total)["encoder"].mean(1)
    encoder = list(lab.vae.guide.encoder.parameters())
    elbo = runner.make(lab.vae.max_plate_nesting)
    whole = sample_terms(
        lambda: {"elbo": sum(elbo.terms(lab.vae.model, lab.vae.guide, clips()).values())},
        encoder,
        range(3),
    )
    gradients = whole.gradients["elbo"].double().numpy()
    np.testing.assert_allclose(batch @ batch.T, gradients @ gradients.T, rtol=1e-3)


@pytest.mark.parametrize("number", [1, 2, 20])
def test_statistics_are_held_at_the_batchs(number):
    vae, videos = small_vae(), clips(number)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    held = hold_statistics(vae, videos)
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not held.training
    with torch.no_grad():
        expected, found = vae.train().encode(videos), held.encode(videos)
    torch.testing.assert_close(found.loc, expected.loc, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.scale, expected.scale, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(held.encode(videos[:1]).loc, found.loc[:1], rtol=1e-4, atol=1e-4)


def rows_by(rows):
    return {(row.estimator, row.part, row.group): row for row in rows}


def test_what_is_measured():
    runners = [contestant(name) for name in ("trace", "sobol:4")]
    vae = small_vae(beta=2.0)
    rows = rows_by(measure(vae, clips(), runners, draws=24, point=7.0))
    assert {key[0] for key in rows} == {"analytic", "trace", "sobol:4", "mean_field", "by_frame"}
    for part in ("kl", "static", "temporal", "entropy"):
        for group in ("encoder", *GROUPS, "value"):
            assert rows["analytic", part, group].variance == (0, 0, 0)
            assert rows["trace", part, group].ratio is None
    total = rows["trace", "total", "encoder"]
    assert total.draws == 24
    assert rows["sobol:4", "total", "encoder"].draws == 6
    assert total.ratio.low < total.ratio.value < total.ratio.high
    assert total.ratio.value > 1
    assert total.seconds > 0
    assert total.point == 7
    assert rows["trace", "reconstruction", "decoder"].ratio.value == 1  # the same draws
    # the groups of the encoder are all of it
    parts = [rows["trace", "kl", group].variance.value for group in GROUPS]
    assert rows["trace", "kl", "encoder"].variance.value == pytest.approx(sum(parts))
    # the whole has the weight β: 2² times the KL's variance, and the reconstruction's
    kl, reconstruction = (
        rows["trace", part, "encoder"].variance.value for part in ("kl", "reconstruction")
    )
    assert 2 * kl < total.variance.value < 8 * kl + 4 * reconstruction


def test_another_prior_has_no_per_site_forms():
    rows = measure(small_vae(priors.slow), clips(2), [contestant("trace")], draws=4)
    assert {row.estimator for row in rows} == {"analytic", "trace"}


def two_levels(generator, draws, number, between, within):
    means = between * generator.standard_normal((1, number, 5))
    return means + within * generator.standard_normal((draws, number, 5))


def test_noise_of_two_levels_is_told_apart():
    generator = np.random.default_rng(0)
    x = two_levels(generator, 20, 4_000, between=0.3, within=2.0)
    assert noise.latent_variance(x).value == pytest.approx(5 * 4.0, rel=0.02)
    # the draws' share, 5 · 4 / 20 = 1, is more than twice what is sought
    assert noise.clip_variance(x).value == pytest.approx(5 * 0.09, rel=0.1)


def test_the_signal_is_the_mean_gradients_square():
    generator, covered, repeats = np.random.default_rng(0), 0, 300
    for _ in range(repeats):
        x = generator.standard_normal((100, 2, 100)) + 0.1
        # 100 · 0.1², the noise's own 100 / 200 taken out
        estimate = noise.signal(x)
        covered += estimate.low < 1 < estimate.high
    # 0.95 within five standard errors, and a little for the delta method
    assert abs(covered / repeats - 0.95) < 5 * math.sqrt(0.95 * 0.05 / repeats) + 0.02
    # a norm of 1 over a standard deviation of 10
    assert noise.signal_to_noise(x).value == pytest.approx(0.1, abs=0.04)
    none = noise.signal_to_noise(x - x.mean((0, 1)))
    assert none == pytest.approx((0, np.nan, np.nan), nan_ok=True)
    assert noise.signal_to_noise(0 * x + 1).value == np.inf


@pytest.mark.parametrize("paired", [True, False])
def test_intervals_of_ratios_cover_at_their_nominal_rate(paired):
    generator, covered, repeats = np.random.default_rng(0), 0, 600
    for _ in range(repeats):
        shared = generator.standard_normal((60, 2, 20))
        other = shared if paired else generator.standard_normal((80, 2, 20))
        a = noise.latent_variance(3 * shared + generator.standard_normal(shared.shape))
        b = noise.latent_variance(other)
        estimate = noise.ratio(a, b)
        covered += estimate.low < 10 < estimate.high
    # 0.95 within five standard errors, and a little for the delta method
    assert abs(covered / repeats - 0.95) < 5 * math.sqrt(0.95 * 0.05 / repeats) + 0.01


def test_two_draws_or_two_clips_have_no_interval():
    x = np.random.default_rng(0).standard_normal((2, 2, 5))
    variance = noise.latent_variance(x)
    for found in (variance.estimate, noise.ratio(variance, variance), noise.clip_variance(x)):
        assert interval(found) == interval(found).partition("\n")[0]
        assert np.isnan([found.low, found.high]).all()


def test_a_seed_fixes_all_draws():
    torch.manual_seed(0)
    vae, videos = small_vae(), clips()
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        rows = measure(vae, videos, [contestant("trace")], draws=4, seed=0)
        found.append([row.variance for row in rows])
        assert torch.initial_seed() == state
    assert found[0] == found[1]
