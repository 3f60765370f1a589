"""Every estimator of the ELBO has one expectation; how each spreads or differentiates its draws."""

import io

import example_priors as examples
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from scipy.stats import kstest, norm, ttest_1samp
from small_pairs import (
    FRAMES,
    VIDEOS,
    estimates,
    guide_of_laplace,
    guide_that_depends_on_a_draw,
    pair,
)
from small_runs import small_run, small_vae
from torch.nn.functional import softplus
from torch.quasirandom import SobolEngine

from pyro_factor import AnalyticKL_ELBO, gallery, gaussian_form, priors
from pyro_factor.errors import InputError
from pyro_factor.inference.estimators import ESTIMATORS, make_estimator
from pyro_factor.inference.noise import NOISES, antithetic, sobol
from pyro_factor.inference.path_derivative import PathDerivative_ELBO
from pyro_factor.inference.terms import prior_terms
from pyro_factor.models import InvalidPairError

FAILURE_RATE = 1e-6  # of each test of samples, were it run with other seeds

CASES = [
    ("analytic", 1),
    ("trace", 1),
    ("path", 1),
    ("antithetic", 2),
    ("antithetic", 4),
    ("sobol", 4),
]


def quadrature(vae, videos, points=64):
    """Minus the ELBO: by the Gaussian KL, and quadrature of each pixel's logit, which is Normal."""
    q = vae.encode(videos)
    linear = vae.model.decoder[0]
    loc = linear(q.loc)
    scale = (q.scale.square() @ linear.weight.T.square()).sqrt()
    nodes, weights = map(torch.as_tensor, np.polynomial.hermite_e.hermegauss(points))
    logits = loc.unsqueeze(-1) + scale.unsqueeze(-1) * nodes
    pixels = videos.flatten(2).unsqueeze(-1)
    cross_entropy = (softplus(logits) - pixels * logits) @ weights / weights.sum()
    kl = gaussian_form(vae.prior, FRAMES).kl(q.loc, q.scale)
    return cross_entropy.sum() + vae.beta * kl.sum()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("prior", "beta"), [(priors.factored, 4.0), (examples.frame_by_frame, 1.0)]
)
@pytest.mark.parametrize(("elbo", "particles"), CASES)
def test_value_and_gradient_have_the_expectation_that_quadrature_has(elbo, particles, prior, beta):
    # every copy of the clips has its own draws, the particles are as many as they are
    copies, repeats = (100 if elbo == "sobol" else 500), 20
    vae = pair(prior, beta, copies=copies)
    videos = torch.rand(VIDEOS, FRAMES, 1, 2, 2).repeat(copies, 1, 1, 1, 1)
    estimator = make_estimator(elbo, particles, vae.max_plate_nesting)
    found = estimates(estimator, vae, videos, repeats) / copies
    (exact,) = estimates(lambda *_: lambda videos: quadrature(vae, videos), vae, videos, 1) / copies
    pvalues = ttest_1samp(found.numpy(), exact.numpy()).pvalue
    assert pvalues.min() > FAILURE_RATE / len(exact)
    # and a difference would be seen: the standard error is small beside the value
    assert found[:, 0].std() / repeats**0.5 < 0.01 * exact[0]


def test_the_cases_are_all_estimators():
    assert {elbo for elbo, _ in CASES} == ESTIMATORS.keys()


def seeded(elbo, vae, videos, particles=2):
    pyro.set_rng_seed(7)
    estimator = make_estimator(elbo, particles, vae.max_plate_nesting)
    return estimator, estimates(estimator, vae, videos, 1)[0]


@pytest.mark.parametrize("particles", [1, 4])
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_the_path_derivative_has_the_value_of_trace_and_another_gradient(beta, particles):
    vae, videos = pair(priors.factored, beta), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    trace, traced = seeded("trace", vae, videos, particles)
    path, pathwise = seeded("path", vae, videos, particles)
    assert pathwise[0] == traced[0]
    assert not torch.isclose(pathwise[1:], traced[1:]).all()
    assert path.last_terms == trace.last_terms


def conjugate(x):
    with pyro.plate("items", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


@pytest.mark.usefixtures("float64")
def test_the_path_derivative_has_no_noise_where_the_guide_is_the_posterior():
    x = torch.randn(5)
    parameters = [(x / 2).requires_grad_(), torch.full((5,), -0.5 * np.log(2), requires_grad=True)]

    def guide(x):
        with pyro.plate("items", len(x)):
            pyro.sample("z", dist.Normal(parameters[0], parameters[1].exp()))

    def gradient(elbo):
        return torch.cat(
            torch.autograd.grad(elbo.differentiable_loss(conjugate, guide, x), parameters)
        )

    assert gradient(PathDerivative_ELBO(3)).abs().max() < 1e-10
    assert gradient(Trace_ELBO(3)).abs().min() > 1e-3


@pytest.mark.parametrize(
    ("guide", "message"),
    [
        (guide_that_depends_on_a_draw, "the guide's site 'k' has a loc or scale that depends on"),
        (guide_of_laplace, "the guide's site 'h' is Laplace; draw it from a Normal"),
    ],
)
def test_the_path_derivative_names_the_draw_that_it_can_not_take(guide, message):
    def model(x):
        with pyro.plate("items", len(x)):
            h = pyro.sample("h", dist.Normal(0.0, 1.0))
            pyro.sample("k", dist.Normal(h, 1.0))

    for use in (PathDerivative_ELBO.loss, PathDerivative_ELBO.terms):
        with pytest.raises(InvalidPairError, match=f"^PathDerivative_ELBO: {message}"):
            use(PathDerivative_ELBO(), model, guide, torch.randn(3))


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, PathDerivative_ELBO])
def test_a_loss_in_use_is_saved(elbo):
    vae, videos, file = pair(priors.factored), torch.rand(VIDEOS, FRAMES, 1, 2, 2), io.BytesIO()
    loss = elbo()(vae.model, vae.guide)
    loss(videos)
    torch.save(loss, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.isfinite(again(videos))
    assert again.elbo.last_terms.keys() == loss.elbo.last_terms.keys()


def test_the_path_derivative_takes_a_prior_that_is_not_gaussian(tmp_path):
    run = small_run(tmp_path, small_vae(gallery.laplace_walk), 2, elbo="path")
    assert run.config.training.elbo == "path"


def noise_of(elbo, particles):
    """What the guide drew inside an estimator, standardised: (particles, videos, frames, ...)."""
    vae, videos = pair(priors.factored), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    draws = []

    def guide(videos):
        draws.append(vae.guide(videos))

    make_estimator(elbo, particles, vae.max_plate_nesting).loss(vae.model, guide, videos)
    q = vae.encode(videos)
    return ((draws[-1] - q.loc) / q.scale).detach()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("particles", [2, 6])
def test_antithetic_draws_come_in_pairs(particles):
    noise = noise_of("antithetic", particles)
    assert len(noise) == particles
    first, second = noise.chunk(2)
    torch.testing.assert_close(first, -second)
    assert len(first.unique()) == first.numel()


@pytest.mark.usefixtures("float64")
def test_sobol_draws_are_spread_over_the_particles():
    noise = noise_of("sobol", 4)
    assert_one_in_each_stratum(noise.flatten(1))


def assert_one_in_each_stratum(noise):
    points = len(noise)
    strata = (torch.special.ndtr(noise.double()) * points).long().sort(0).values
    assert (strata == torch.arange(points).unsqueeze(-1)).all()


@pytest.mark.parametrize("particles", [2, 4, 8, 32])
def test_each_coordinate_of_sobol_points_takes_every_stratum_once(particles):
    assert_one_in_each_stratum(sobol(torch.Size([particles, 5, 40])).flatten(1))


def test_more_coordinates_than_a_sobol_sequence_has():
    noise = sobol(torch.Size([2, SobolEngine.MAXDIM + 3]))
    assert_one_in_each_stratum(noise)
    assert noise.isfinite().all()
    # the second sequence is scrambled by another seed
    assert not torch.isclose(noise[:, :3], noise[:, -3:]).any()


@pytest.mark.parametrize("noise", NOISES)
def test_each_particle_is_marginally_standard_normal(noise):
    # coordinates are scrambled independently, so those of one particle are a sample
    draws = NOISES[noise](torch.Size([4, 10, 500]))
    assert draws.shape == (4, 10, 500)
    for particle in draws.flatten(1):
        assert kstest(particle, norm.cdf).pvalue > FAILURE_RATE / 4


@pytest.mark.parametrize("noise", [antithetic, sobol])
def test_spread_draws_follow_the_seed(noise):
    first, second = noise(torch.Size([4, 6])), noise(torch.Size([4, 6]))
    assert not torch.isclose(first, second).any()
    pyro.set_rng_seed(0)
    assert torch.equal(noise(torch.Size([4, 6])), first)


@pytest.mark.usefixtures("float64")
def test_antithetic_pairs_cancel_what_is_linear_in_a_pair_that_no_vae_made():
    x, loc = torch.randn(5), torch.randn(5, requires_grad=True)

    def guide(x):
        with pyro.plate("items", len(x)):
            pyro.sample("z", dist.Normal(loc, 0.5))

    def gradient(noise):
        elbo = AnalyticKL_ELBO(2, 1, vectorize_particles=True, noise=noise)
        return torch.autograd.grad(elbo.differentiable_loss(conjugate, guide, x), loc)[0]

    # -log N(x | z, 1) has the slope z - x, whose mean over ±ε is loc - x; the KL's is loc
    torch.testing.assert_close(gradient("antithetic"), 2 * loc.detach() - x)
    assert not torch.isclose(gradient("independent"), 2 * loc - x).any()


REFUSED = {
    "noise": (lambda: AnalyticKL_ELBO(noise="quasi"), "noise: got 'quasi'; choose from indep"),
    "one after another": (
        lambda: AnalyticKL_ELBO(4, noise="sobol"),
        "vectorize_particles: got False; sobol draws are spread over particles; give vectorize_",
    ),
    "odd": (
        lambda: AnalyticKL_ELBO(3, vectorize_particles=True, noise="antithetic"),
        "particles: got 3; antithetic draws need an even number of them",
    ),
    "one": (
        lambda: AnalyticKL_ELBO(1, vectorize_particles=True, noise="sobol"),
        "particles: got 1; sobol draws need 2 or more",
    ),
    "odd by name": (
        lambda: make_estimator("antithetic", 5, 1),
        "particles: got 5; antithetic draws need an even number of them",
    ),
    # who names an estimator can't give vectorize_particles
    "antithetic alone": (
        lambda: make_estimator("antithetic", 1, 1),
        "particles: got 1; antithetic draws need an even number of them",
    ),
    "sobol alone": (
        lambda: make_estimator("sobol", 1, 1),
        "particles: got 1; sobol draws need 2 or more",
    ),
    "estimator": (
        lambda: make_estimator("exact", 1, 1),
        "elbo: got 'exact'; choose from analytic, trace, path, antithetic, sobol",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_suit_is_named(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_a_training_with_too_few_particles_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="particles: got 1; sobol draws need 2 or more"):
        small_run(tmp_path / "run", small_vae(), 2, elbo="sobol")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("elbo", ["path", "antithetic", "sobol"])
def test_it_trains(tmp_path, elbo):
    run = small_run(tmp_path, small_vae(), 5, elbo=elbo, particles=2)
    assert (run.config.training.elbo, run.iteration) == (elbo, 5)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("prior", "names"),
    [(priors.factored, {"static", "temporal"}), (examples.frame_by_frame, {"prior"})],
    ids=["factored", "frame by frame"],
)
@pytest.mark.parametrize(("elbo", "particles"), [*CASES, ("trace", 3)])
def test_terms_add_up_to_the_elbo_and_its_gradient(elbo, particles, prior, names):
    vae, videos = pair(prior), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    leaves = list(vae.guide.encoder.parameters())
    estimator = make_estimator(elbo, particles, vae.max_plate_nesting)
    pyro.set_rng_seed(3)
    loss = estimator.differentiable_loss(vae.model, vae.guide, videos)
    pyro.set_rng_seed(3)
    terms = estimator.terms(vae.model, vae.guide, videos)
    assert terms.keys() == {"reconstruction", "entropy"} | names
    total = -VIDEOS * sum(terms.values())
    torch.testing.assert_close(total, loss)
    ours, theirs = (torch.autograd.grad(value, leaves) for value in (total, loss))
    torch.testing.assert_close(ours, theirs)
    assert estimator.last_terms == {name: value.detach() for name, value in terms.items()}


def test_only_the_papers_draws_have_terms_of_their_own():
    assert prior_terms(["hs0", "hs", "ht"]) == {"static": ["hs0", "hs"], "temporal": ["ht"]}
    assert prior_terms(["ht"]) == {"temporal": ["ht"]}
    assert prior_terms(["hs0", "hs", "ht", "speed"]) == {"prior": ["hs0", "hs", "ht", "speed"]}
    assert prior_terms(["group", "hs0", "hs", "ht"]).keys() == {"prior"}
    assert prior_terms([]) == {}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("elbo", ["trace", "path"])
def test_estimated_terms_are_those_of_the_exact_kl_on_average(elbo):
    vae, videos = pair(priors.factored), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    exact = make_estimator("analytic", 1, vae.max_plate_nesting)
    truth = exact.terms(vae.model, vae.guide, videos)
    estimator = make_estimator(elbo, 200, vae.max_plate_nesting)
    found = [estimator.terms(vae.model, vae.guide, videos) for _ in range(20)]
    assert found[0].keys() == truth.keys()
    for name in ("entropy", "static", "temporal"):
        draws = [float(terms[name].detach()) for terms in found]
        assert ttest_1samp(draws, float(truth[name].detach())).pvalue > FAILURE_RATE / 3


def masked(data):
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("n", len(data)), pyro.poutine.mask(mask=data > 0):
        pyro.sample("x", dist.Normal(z, 1.0), obs=data)


def subsampled(data):
    z = pyro.sample("z", dist.Normal(0.0, 1.0))
    with pyro.plate("n", len(data), subsample_size=2) as index:
        pyro.sample("x", dist.Normal(z, 1.0), obs=data[index])


def one_by_one(data):
    for i in pyro.plate("n", len(data)):
        z = pyro.sample(f"z_{i}", dist.Normal(0.0, 1.0))
        pyro.sample(f"x_{i}", dist.Normal(z, 1.0), obs=data[i])


def one_normal(data):
    pyro.sample("z", dist.Normal(0.3, 0.5))


def normals_one_by_one(data):
    for i in pyro.plate("n", len(data)):
        pyro.sample(f"z_{i}", dist.Normal(0.3, 0.5))


def counts(data):
    with pyro.plate("n", len(data)):
        pyro.sample("z", dist.Poisson(2.0))


def counted(data):
    with pyro.plate("n", len(data)):
        pyro.sample("z", dist.Poisson(3.0))


def nothing(data):
    pass


def seen_alone(data):
    with pyro.plate("n", len(data)):
        pyro.sample("x", dist.Normal(0.0, 1.0), obs=data)


ANY = {
    "masked": (masked, one_normal, 1, ("trace", "path", "analytic")),
    "subsampled": (subsampled, one_normal, 1, ("trace", "path", "analytic")),
    "one by one": (one_by_one, normals_one_by_one, 6, ("trace", "path", "analytic")),
    "not reparameterised": (counts, counted, 6, ("trace",)),
    "no draws": (seen_alone, nothing, 6, ("trace", "path", "analytic")),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("case", "elbo"), [(c, elbo) for c in ANY for elbo in ANY[c][3]])
def test_terms_of_any_pair_add_up_to_its_loss(case, elbo):
    model, guide, items, _ = ANY[case]
    data, estimator = torch.tensor([0.5, -0.7, 2.0, 0.1, -1.0, 0.3]), make_estimator(elbo, 1, 1)
    estimator.loss(model, guide, data)  # the first use of a pair is checked
    pyro.set_rng_seed(1)
    loss = estimator.loss(model, guide, data)
    assert -items * float(sum(estimator.last_terms.values())) == pytest.approx(loss, rel=1e-9)
    pyro.set_rng_seed(1)
    if elbo == "trace":
        assert loss == pytest.approx(Trace_ELBO(max_plate_nesting=1).loss(model, guide, data))


def test_the_graph_is_kept_where_it_is_asked_for():
    loc = torch.tensor(0.3, requires_grad=True)
    shared = loc.sin()
    data, elbo = torch.tensor([0.5, -0.7]), AnalyticKL_ELBO(retain_graph=True)

    def guide(data):
        pyro.sample("z", dist.Normal(shared, 0.5))

    for _ in range(2):
        elbo.loss_and_grads(masked, guide, data)
    assert loc.grad is not None
    with torch.inference_mode():
        assert AnalyticKL_ELBO().loss(masked, one_normal, data) > 0
