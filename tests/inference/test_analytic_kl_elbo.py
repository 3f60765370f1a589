"""AnalyticKL_ELBO against Trace_ELBO's expectation, and the conditions it states."""

import math

import example_priors as examples
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, TraceMeanField_ELBO
from pyro.nn import PyroModule, PyroParam
from small_pairs import (
    FEATURES,
    FRAMES,
    VIDEOS,
    Ignores,
    estimates,
    guide_of_laplace,
    guide_that_depends_on_a_draw,
    pair,
)
from torch.distributions import kl_divergence

from pyro_factor import AnalyticKL_ELBO, VideoVAE, gaussian_form, priors
from pyro_factor.inference import RecordedTrace_ELBO
from pyro_factor.models import InvalidPairError

THE_PAPERS = [priors.factored, priors.slow, priors.independent]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("beta", [1.0, 4.0])
@pytest.mark.parametrize("prior", [*THE_PAPERS, examples.frame_by_frame, examples.frame_plate])
def test_one_expectation_with_trace_elbo_in_value_and_gradient(prior, beta):
    vae, videos = pair(prior, beta), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    options = (5_000, vae.max_plate_nesting)
    ours = estimates(AnalyticKL_ELBO(*options, vectorize_particles=True), vae, videos, 20)
    pyros = estimates(RecordedTrace_ELBO(*options, vectorize_particles=True), vae, videos, 20)
    error = ((ours.var(0) + pyros.var(0)) / 20).sqrt()
    # 49 comparisons of means of 20: |t| > 5.5 has a chance of about 1e-4 in all
    assert (((ours.mean(0) - pyros.mean(0)) / error).abs() < 5.5).all()
    # and the difference is resolved: the standard error is small beside the value
    assert error[0] < 0.01 * ours[:, 0].mean()


@pytest.mark.parametrize("prior", THE_PAPERS)
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_value_is_the_gaussian_kl(prior, beta):
    vae, videos = pair(prior, beta, Ignores()), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    q = vae.encode(videos)
    kl = gaussian_form(prior, FRAMES).kl(q.loc, q.scale).sum()
    # logits of zero: log ½ for every pixel
    expected = VIDEOS * FRAMES * 4 * math.log(2) + beta * kl
    torch.testing.assert_close(AnalyticKL_ELBO()(vae.model, vae.guide)(videos), expected)


@pytest.mark.parametrize("prior", THE_PAPERS)
def test_gradient_of_the_kl_has_no_variance(prior):
    vae, videos = pair(prior, decoder=Ignores()), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    ours = estimates(AnalyticKL_ELBO(), vae, videos, 5)
    assert (ours == ours[0]).all()
    pyros = estimates(RecordedTrace_ELBO(), vae, videos, 5)
    assert (pyros.var(0) > 0).all()


def test_terms_add_up_to_the_elbo():
    vae, videos = pair(priors.factored, decoder=Ignores()), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    elbo = AnalyticKL_ELBO()
    loss = elbo.loss(vae.model, vae.guide, videos)
    with torch.no_grad():
        terms = elbo.terms(vae.model, vae.guide, videos)
    assert list(terms) == ["reconstruction", "entropy", "static", "temporal"]
    assert -float(sum(terms.values())) * VIDEOS == pytest.approx(loss, rel=1e-6)
    assert elbo.last_terms == terms


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, RecordedTrace_ELBO])
@pytest.mark.parametrize("vectorized", [False, True])
@pytest.mark.parametrize("particles", [1, 3])
def test_recorded_terms_make_the_loss(elbo, vectorized, particles):
    vae, videos = pair(priors.factored, 2.0), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    elbo = elbo(particles, vae.max_plate_nesting, vectorize_particles=vectorized)
    loss = elbo.loss(vae.model, vae.guide, videos)
    terms = {name: float(value) for name, value in elbo.last_terms.items()}
    kl = -sum(value for name, value in terms.items() if name != "reconstruction")
    assert -(terms["reconstruction"] - 2.0 * kl) * VIDEOS == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, RecordedTrace_ELBO])
@pytest.mark.parametrize(
    "prior", [examples.vectorised, examples.frame_by_frame, examples.frame_plate]
)
def test_a_prior_written_three_ways_trains(elbo, prior):
    vae, videos = pair(prior), torch.rand(VIDEOS, FRAMES, 1, 2, 2).round()
    loss = elbo()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(videos)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_svi_takes_it():
    vae, videos = pair(priors.factored), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.02}), AnalyticKL_ELBO())
    losses = [svi.step(videos) for _ in range(40)]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert svi.evaluate_loss(videos) < losses[0]


class ByHand:
    """A pair that no VideoVAE made: h ~ N(0, 1), x ~ N(h, 1)."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, x):
        with pyro.plate("items", len(x)), pyro.poutine.scale(scale=self.scale):
            h = pyro.sample("h", dist.Normal(0.0, 1.0))
        with pyro.plate("seen", len(x)):
            pyro.sample("x", dist.Normal(h, 1.0), obs=x)

    def expected_log_prior(self, normals, x):
        loc, scale = normals["h"]
        return {"prior": -0.5 * (loc**2 + scale**2 + math.log(2 * math.pi))}


def guide_by_hand(x):
    with pyro.plate("items", len(x)):
        pyro.sample("h", dist.Normal(x / 2, 0.7))


def test_it_is_not_tied_to_video():
    x = torch.randn(6)
    terms = AnalyticKL_ELBO(50_000, 1, vectorize_particles=True).terms(ByHand(), guide_by_hand, x)
    kl = kl_divergence(dist.Normal(x / 2, 0.7), dist.Normal(0.0, 1.0)).sum()
    torch.testing.assert_close(-(terms["entropy"] + terms["prior"]), kl)
    # E log N(x | h, 1) = log N(x | loc, 1) - ½ scale²
    expected = dist.Normal(x / 2, 1.0).log_prob(x).sum() - 6 * 0.5 * 0.49
    torch.testing.assert_close(terms["reconstruction"], expected, atol=0.05, rtol=0)


def guide_of_nothing(x):
    pass


def guide_of_parts(x):
    pyro.sample("h", dist.Normal(x, 1.0).mask(x > 0))


def guide_of_more(x):
    guide_by_hand(x)
    pyro.sample("extra", dist.Normal(0.0, 1.0))


@pytest.mark.parametrize(
    ("model", "guide", "message"),
    [
        (ByHand(), guide_that_depends_on_a_draw, "'k' has a loc or scale that depends"),
        (ByHand(), guide_of_laplace, "'h' is Laplace"),
        (ByHand(), guide_of_parts, "'h' is MaskedDistribution"),
        (ByHand(), guide_of_nothing, "guide lacks the model's draw 'h'"),
        (ByHand(), guide_of_more, "model lacks the guide's draw 'extra'"),
        (ByHand(scale=2.0), guide_by_hand, "scaled by 1.0, 'h' by 2.0"),
    ],
)
@pytest.mark.filterwarnings("ignore:Found:UserWarning")
def test_a_broken_condition_is_named(model, guide, message):
    with pytest.raises(InvalidPairError, match=message):
        AnalyticKL_ELBO().loss(model, guide, torch.randn(6))


def test_checking_the_guide_changes_nothing():
    vae = VideoVAE(priors.factored, 2, image_shape=(1, 8, 8), channels=(2,), hidden=4)
    videos = torch.rand(3, 2, 1, 8, 8)
    counts = [n for n, _ in vae.named_buffers() if n.endswith("num_batches_tracked")]
    AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)
    assert {int(vae.get_buffer(name)) for name in counts} == {1}
    assert vae.guide.training


@pytest.mark.filterwarnings("ignore:Failed to verify mean field")
def test_what_the_refused_pair_would_have_got_wrong():
    """Per-site KLs with q(hs0 | hs) overstate the KL by Σσ_i² / (σs² (N + σs²)) per feature."""
    variance, loc, scale = 0.01, torch.randn(FRAMES), torch.rand(FRAMES) * 0.2 + 0.05

    def model():
        hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0))
        centre = hs0.unsqueeze(-1).expand(*hs0.shape, FRAMES)
        pyro.sample("hs", dist.Normal(centre, variance**0.5).to_event(1))

    def guide():
        hs = pyro.sample("hs", dist.Normal(loc, scale).to_event(1))
        total = FRAMES + variance
        pyro.sample("hs0", dist.Normal(hs.sum(-1) / total, (variance / total) ** 0.5))

    elbo = TraceMeanField_ELBO(400_000, 0, vectorize_particles=True)
    overstated = elbo.loss(model, guide)
    kl = float(_static_kl(loc, scale, variance))
    excess = float(scale.square().sum()) / (variance * (FRAMES + variance))
    assert overstated - kl == pytest.approx(excess, rel=0.02)


def _static_kl(loc, scale, variance):
    covariance = torch.ones(FRAMES, FRAMES) + variance * torch.eye(FRAMES)
    prior = torch.distributions.MultivariateNormal(torch.zeros(FRAMES), covariance)
    q = torch.distributions.MultivariateNormal(loc, torch.diag(scale**2))
    return kl_divergence(q, prior)


class LearnedScale(PyroModule):
    """The factored prior with a static scale that is learned."""

    def __init__(self):
        super().__init__()
        self.static_scale = PyroParam(torch.tensor(0.5), dist.constraints.positive)

    def forward(self, num_frames):
        return priors.factored(num_frames, static_scale=self.static_scale)


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, RecordedTrace_ELBO])
def test_a_learned_scale_trains_with_the_networks(elbo):
    prior = LearnedScale()
    vae, videos = pair(prior), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    loss = elbo()(vae.model, vae.guide)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.02)
    for _ in range(5):
        optimizer.zero_grad()
        loss(videos).backward()
        optimizer.step()
    assert abs(float(prior.static_scale.detach()) - 0.5) > 0.01
    # and the form in use is the one of the scale now
    form = gaussian_form(prior, FRAMES)
    variance = form.covariance[0, 0] - form.covariance[0, FEATURES]
    torch.testing.assert_close(variance.detach().float(), prior.static_scale.detach() ** 2)


class LearnedShift(PyroModule):
    """A prior whose parameters enter only what it returns."""

    def __init__(self):
        super().__init__()
        self.shift = PyroParam(torch.zeros(FEATURES))

    def forward(self, num_frames):
        noise = dist.Normal(0.0, 1.0).expand([num_frames, FEATURES]).to_event(2)
        return self.shift + pyro.sample("noise", noise)


def test_a_parameter_of_what_a_prior_returns_gets_its_gradient():
    prior = LearnedShift()
    vae, videos = pair(prior, decoder=Ignores()), torch.rand(VIDEOS, FRAMES, 1, 2, 2)
    AnalyticKL_ELBO()(vae.model, vae.guide)(videos).backward()
    # KL = ½ Σ (μ - shift)² + ...
    expected = -vae.encode(videos).loc.sum((0, 1))
    torch.testing.assert_close(prior.shift_unconstrained.grad, expected)


@pytest.mark.filterwarnings("ignore:Found vars in model but not guide:UserWarning")
def test_a_masked_draw_is_refused():
    class Masked(ByHand):
        def __call__(self, x):
            with pyro.poutine.mask(mask=torch.tensor([True, False] * 3)):
                super().__call__(x)

    with pytest.raises(InvalidPairError, match="'h' is masked"):
        AnalyticKL_ELBO().loss(Masked(), guide_by_hand, torch.randn(6))
