"""Per-site KLs with global draws that are independent of the frames', against the exact KL."""

from functools import partial

import pytest
import torch
from pyro import poutine
from pyro.distributions import Normal
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from scipy.stats import ttest_1samp
from small_pairs import FRAMES, VIDEOS, Ignores, pair
from small_runs import SIZE, small_vae

from pyro_factor import AnalyticKL_ELBO, gallery, priors
from pyro_factor.inference.terms import latent_sites
from pyro_factor.models import InvalidPairError
from pyro_factor.models.mean_field_guide import MeanFieldGuide

FAILURE_RATE = 1e-6  # of each test of samples, were it run with other seeds
REPEATS = 20

SPREAD = 0.3
FACTORED = partial(priors.factored, static_scale=SPREAD)
CLIP_SPREAD = 0.5
GROUPS = partial(gallery.groups, clips=FRAMES, clip_scale=CLIP_SPREAD, static_scale=SPREAD)
BY_FRAME = partial(gallery.factored_by_frame, static_scale=SPREAD, temporal_scale=0.2)


def small_pair(prior, beta=1.0):
    """A pair whose decoder ignores the code, so that losses differ in the KL alone, and clips."""
    return pair(prior, beta, Ignores()), torch.rand(VIDEOS, FRAMES, 1, 2, 2)


def exact_loss(vae, videos):
    return AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)


def losses(vae, guide, videos, particles=5_000):
    elbo = TraceMeanField_ELBO(particles, vae.max_plate_nesting, vectorize_particles=True)
    return [elbo.loss(vae.model, guide, videos) for _ in range(REPEATS)]


def assert_mean(values, expected):
    assert ttest_1samp(values, expected).pvalue > FAILURE_RATE


def excess(precision, cross, variances):
    """E_q KL(q(g) ‖ p(g|h)) of one feature, q(g) with the conditional's means and precisions.

    p(g|h) has this precision, and the mean precision⁻¹ cross h; the variances are those of q(h).
    """
    spread = (cross.T @ torch.linalg.solve(precision, cross)).diagonal()
    return 0.5 * (
        (variances * spread).sum(-1) + precision.diagonal().log().sum() - precision.logdet()
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_what_independent_globals_cost_is_the_closed_form(beta):
    vae, videos = small_pair(FACTORED, beta)
    variances = vae.encode(videos).scale.square()[..., vae.factors["hs"]].detach()
    cost = float(variances.sum()) / (2 * SPREAD**2 * (FRAMES + SPREAD**2))
    found = losses(vae, MeanFieldGuide.of(vae.guide), videos)
    assert_mean(found, exact_loss(vae, videos) + beta * cost)
    # which is no small thing
    assert beta * cost > 0.1
    # and it is the general one
    precision = torch.tensor([[1 + FRAMES / SPREAD**2]])
    cross = torch.full((1, FRAMES), SPREAD**-2)
    general = excess(precision, cross, variances.transpose(-1, -2)).sum()
    assert float(general) == pytest.approx(cost)


@pytest.mark.usefixtures("float64")
def test_two_levels_of_globals_cost_their_correlation_too():
    vae, videos = small_pair(GROUPS)
    variances = vae.encode(videos).scale.square()[..., vae.factors["hs"]].detach()
    # group ~ N(0, 1), hs0_k ~ N(group, c²), hs_k ~ N(hs0_k, σs²): a clip of one frame each
    precision = torch.diag(torch.full((1 + FRAMES,), CLIP_SPREAD**-2 + SPREAD**-2))
    precision[0, 0] = 1 + FRAMES / CLIP_SPREAD**2
    precision[0, 1:] = precision[1:, 0] = -(CLIP_SPREAD**-2)
    cross = torch.cat([torch.zeros(1, FRAMES), torch.eye(FRAMES) / SPREAD**2])
    cost = float(excess(precision, cross, variances.transpose(-1, -2)).sum())
    found, exact = losses(vae, MeanFieldGuide.of(vae.guide), videos), exact_loss(vae, videos)
    assert_mean(found, exact + cost)
    assert min(found) > exact + 0.1


class Moved(MeanFieldGuide):
    """The companion with other means and scales of the global draws."""

    def _known(self, layout, q):
        best = super()._known(layout, q)
        return {k: Normal(n.loc + self.shift, n.scale * self.factor) for k, n in best.items()}


@pytest.mark.usefixtures("float64")
def test_other_means_or_scales_of_the_globals_cost_more():
    vae, videos = small_pair(FACTORED)
    ours = losses(vae, MeanFieldGuide.of(vae.guide), videos, 500)
    moved = Moved.of(vae.guide)
    for moved.shift, moved.factor in [(0.2, 1.0), (-0.2, 1.0), (0.0, 1.5), (0.0, 0.6)]:
        assert min(losses(vae, moved, videos, 500)) > max(ours)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("prior", [priors.slow, priors.independent, gallery.damped])
def test_without_globals_it_is_the_exact_kl_without_noise(prior):
    vae, videos = small_pair(prior)
    for guide in (MeanFieldGuide.of(vae.guide), vae.guide):
        found = TraceMeanField_ELBO().loss(vae.model, guide, videos)
        assert found == pytest.approx(exact_loss(vae, videos), rel=1e-10)


@pytest.mark.usefixtures("float64")
def test_the_factored_prior_by_frame_has_the_exact_kl_on_average():
    vae, videos = small_pair(BY_FRAME)
    assert_mean(losses(vae, vae.guide, videos), exact_loss(vae, videos))
    same = partial(priors.factored, static_scale=SPREAD, temporal_scale=0.2)
    other, _ = small_pair(same)
    other.guide.encoder.load_state_dict(vae.guide.encoder.state_dict())
    assert exact_loss(other, videos) == pytest.approx(exact_loss(vae, videos), rel=1e-8)


@pytest.mark.parametrize("prior", [FACTORED, GROUPS, BY_FRAME, priors.slow])
def test_it_makes_the_draws_of_the_prior_in_their_order(prior):
    vae, videos = small_pair(prior)
    guide = MeanFieldGuide.of(vae.guide)
    traces = [poutine.trace(program).get_trace(videos) for program in (guide, vae.model)]
    ours, theirs = map(latent_sites, traces)
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name]["fn"].shape() == theirs[name]["fn"].shape()
        assert ours[name]["fn"].event_dim == theirs[name]["fn"].event_dim
    assert traces[0].nodes["_RETURN"]["value"].shape == (VIDEOS, FRAMES, vae.num_features)


def test_it_shares_the_encoder_and_trains_it():
    vae, videos = small_vae(), torch.rand(2, 4, 1, SIZE, SIZE)
    guide = MeanFieldGuide.of(vae.guide)
    assert guide.encoder is vae.guide.encoder
    for elbo in (TraceMeanField_ELBO(), Trace_ELBO()):
        vae.zero_grad()
        elbo(vae.model, guide)(videos).backward()
        gradients = [parameter.grad for parameter in vae.parameters()]
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert all((gradient != 0).any() for gradient in gradients)


def test_a_prior_with_learned_scales_gets_their_gradient():
    prior = gallery.LearnedFactored()
    vae, videos = small_pair(prior)
    TraceMeanField_ELBO()(vae.model, MeanFieldGuide.of(vae.guide))(videos).backward()
    assert all((parameter.grad != 0).all() for parameter in prior.parameters())


def test_the_exact_kl_integrates_the_globals_out_itself():
    vae, videos = small_pair(FACTORED)
    guide = MeanFieldGuide.of(vae.guide)
    with pytest.raises(InvalidPairError, match="the guide draws 'hs0' from a Normal of its own"):
        AnalyticKL_ELBO().loss(vae.model, guide, videos)


def test_it_has_the_weight_of_the_guide_whose_companion_it_is():
    vae, videos = small_pair(FACTORED)
    guide = MeanFieldGuide.of(vae.guide)
    for beta in (1.0, 4.0):
        vae.beta = beta
        found = []
        for each in (guide, MeanFieldGuide.of(vae.guide)):
            torch.manual_seed(0)
            found.append(TraceMeanField_ELBO().loss(vae.model, each, videos))
        assert found[0] == found[1]
    assert [*map(id, guide.parameters())] == [*map(id, vae.guide.parameters())]
