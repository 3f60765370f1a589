"""The pair of model and guide, as users and Pyro call it."""

import functools
from dataclasses import dataclass

import example_priors as examples
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, JitTrace_ELBO, Predictive, Trace_ELBO, TraceMeanField_ELBO
from pyro.nn import PyroModule, PyroParam
from scipy.stats import ttest_ind
from torch import nn

from pyro_factor import (
    AnalyticKL_ELBO,
    InputError,
    NotGaussianPrior,
    VideoVAE,
    gallery,
    gaussian_form,
    priors,
)
from pyro_factor.config import FROM_PYTHON
from pyro_factor.models import GaussianConditional, InvalidPairError
from pyro_factor.models.mean_field_guide import MeanFieldGuide
from pyro_factor.models.networks import Encoder
from pyro_factor.models.prior_reference import refer_to

SMALL = {"image_shape": (1, 8, 8), "channels": (2, 4), "hidden": 8}
EVERY_WAY = [
    priors.factored,
    priors.slow,
    priors.independent,
    examples.frame_by_frame,
    examples.frame_plate,
    examples.non_centred,
]


def small(prior=priors.factored, num_frames=4, **changes):
    return VideoVAE(prior, num_frames, **(SMALL | changes))


@pytest.fixture
def videos():
    return torch.rand(3, 4, 1, 8, 8)


@pytest.mark.parametrize("prior", EVERY_WAY)
@pytest.mark.parametrize("num_frames", [1, 4, 9])
def test_guide_and_model_take_any_number_of_frames(prior, num_frames):
    vae = small(prior)
    videos = torch.rand(3, num_frames, 1, 8, 8)
    q = vae.encode(videos)
    assert q.loc.shape == q.scale.shape == (3, num_frames, vae.num_features)
    guide_trace = poutine.trace(vae.guide).get_trace(videos)
    replayed = poutine.replay(vae.model, trace=guide_trace)(videos)
    torch.testing.assert_close(replayed, guide_trace.nodes["_RETURN"]["value"])
    assert vae.decode(q.loc).shape == videos.shape
    assert vae.sample_prior(2, num_frames).shape == (2, num_frames, vae.num_features)


def test_model_is_the_prior_and_bernoulli_pixels(videos):
    vae = small().eval()
    trace = poutine.trace(vae.model).get_trace(videos)
    h, p = trace.nodes["_RETURN"]["value"], None
    p = vae.decode(h)
    bernoulli = (videos * p.log() + (1 - videos) * (1 - p).log()).sum((1, 2, 3, 4))
    torch.testing.assert_close(trace.nodes["x"]["fn"].log_prob(videos), bernoulli)


def test_global_draw_has_its_exact_conditional(videos):
    vae = small()
    trace = poutine.trace(vae.guide).get_trace(videos)
    site, hs = trace.nodes["hs0"], trace.nodes["hs"]["value"]
    assert site["infer"] == {"exact_conditional": True}
    # p(hs0 | hs) = N( Σ hs_i / (N + σs²), σs² / (N + σs²) )
    exact = torch.distributions.Normal(hs.sum(-2) / 4.01, (0.01 / 4.01) ** 0.5)
    torch.testing.assert_close(site["fn"].mean, exact.mean, atol=1e-5, rtol=1e-5)
    expected = exact.log_prob(site["value"]).sum(-1)
    torch.testing.assert_close(site["fn"].log_prob(site["value"]), expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("prior", [priors.factored, examples.frame_by_frame, examples.frame_plate])
@pytest.mark.usefixtures("float64")
def test_integrating_out_is_exact_for_every_draw(prior, videos):
    # log p(hs0) + log p(h | hs0) - log p(hs0 | h) = log p(h), whatever hs0 was drawn
    vae = small(prior)
    videos = videos.double()
    guide_trace = poutine.trace(vae.guide).get_trace(videos)
    model_trace = poutine.trace(poutine.replay(vae.model, trace=guide_trace)).get_trace(videos)
    model_trace.compute_log_prob()
    guide_trace.compute_log_prob()
    log_p = {k: s["log_prob_sum"] for k, s in model_trace.nodes.items() if "log_prob_sum" in s}
    total = sum(v for k, v in log_p.items() if k not in ("x", "clips", "frames"))
    total = total - guide_trace.nodes["hs0"]["log_prob_sum"]
    h = guide_trace.nodes["_RETURN"]["value"]
    torch.testing.assert_close(total, gaussian_form(prior, 4).log_prob(h).sum(), rtol=1e-9, atol=0)


@pytest.mark.parametrize("prior", EVERY_WAY)
@pytest.mark.parametrize("vectorized", [False, True])
def test_pyro_elbo_takes_the_pair(prior, vectorized, videos):
    vae = small(prior)
    nesting = vae.max_plate_nesting
    elbo = Trace_ELBO(2, nesting, vectorize_particles=vectorized)(vae.model, vae.guide)
    elbo(videos).backward()
    names = {name for name, p in vae.named_parameters() if p.grad is not None}
    assert names == {name for name, _ in vae.named_parameters()}
    assert len(list(elbo.parameters())) == len(names)


def test_svi_trains_the_pair(videos):
    vae = small()
    before = [p.clone() for p in vae.parameters()]
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO())
    losses = [svi.step(videos) for _ in range(30)]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert all((a != b).any() for a, b in zip(before, vae.parameters(), strict=True))


class Spread(PyroModule):
    """A prior with a parameter, whose draw is h itself or h in other units."""

    def __init__(self, direct):
        super().__init__()
        self.spread = PyroParam(torch.tensor(1.0), dist.constraints.positive)
        self.direct = direct

    def forward(self, num_frames):
        scale = self.spread if self.direct else 1.0
        h = pyro.sample("e", dist.Normal(torch.zeros(num_frames, 2), scale).to_event(2))
        return h if self.direct else self.spread * h


def test_the_weight_of_the_kl_may_be_set(videos):
    vae, other = small(beta=2.0).eval(), small(beta=4.0).eval()
    other.load_state_dict(vae.state_dict())
    vae.beta = 4.0
    losses = []
    for each in (vae, other):
        torch.manual_seed(0)
        losses.append(AnalyticKL_ELBO().loss(each.model, each.guide, videos))
    assert losses[0] == losses[1]
    assert vae.settings == other.settings
    with pytest.raises(InputError, match=r"beta: got -1\.0"):
        vae.beta = -1.0


ROTATION = torch.tensor([[0.6, -0.8], [0.8, 0.6]])


def rotating(num_frames, dynamics):
    """Linear dynamics, by a matrix or a network made elsewhere."""
    h = [pyro.sample("h_0", dist.Normal(0.0, 1.0).expand([2]).to_event(1))]
    for i in range(1, num_frames):
        h.append(pyro.sample(f"h_{i}", dist.Normal(dynamics(h[-1]), 0.5).to_event(1)))
    return torch.stack(h, -2)


class Rotating(nn.Module):
    """The same with a network that trains."""

    def __init__(self):
        super().__init__()
        self.dynamics = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.dynamics.weight.copy_(ROTATION)

    def forward(self, num_frames):
        return rotating(num_frames, self.dynamics)


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, Trace_ELBO])
@pytest.mark.parametrize(
    "prior",
    [
        functools.partial(rotating, dynamics=lambda h: h @ ROTATION.T),
        functools.partial(rotating, dynamics=lambda h: h @ ROTATION.T.double()),
        functools.partial(rotating, dynamics=lambda h: torch.einsum("ij,...j", ROTATION, h)),
        Rotating(),
    ],
    ids=["float32", "float64", "einsum", "network"],
)
def test_a_prior_may_multiply_by_what_was_made_in_another_precision(prior, elbo, videos):
    vae = small(prior)
    covariance = gaussian_form(prior, 3).covariance.detach()
    power = torch.matrix_power(ROTATION.double(), 2)
    torch.testing.assert_close(covariance[4:, :2], power, atol=1e-6, rtol=0)
    elbo().differentiable_loss(vae.model, vae.guide, videos).backward()
    assert all(p.grad.abs().sum() > 0 for p in vae.parameters() if p.dim() == 2)
    assert vae.sample_prior(2).dtype == torch.float32


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore")  # of PyTorch's tracer
def test_pyros_jit_takes_the_pair(videos):
    vae = small()
    elbo = JitTrace_ELBO(ignore_jit_warnings=True)
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), elbo)
    losses = [svi.step(videos) for _ in range(30)]
    assert sum(losses[-5:]) < sum(losses[:5])


class Plain(nn.Module):
    """The same in plain PyTorch."""

    def __init__(self):
        super().__init__()
        self.log_spread = nn.Parameter(torch.tensor(0.0))

    def forward(self, num_frames):
        scale = self.log_spread.exp()
        return pyro.sample("e", dist.Normal(torch.zeros(num_frames, 2), scale).to_event(2))


class Nested(PyroModule):
    """A prior within a prior."""

    def __init__(self):
        super().__init__()
        self.within = Spread(True)

    def forward(self, num_frames):
        return self.within(num_frames)


@pytest.mark.parametrize("elbo", [AnalyticKL_ELBO, Trace_ELBO])
@pytest.mark.parametrize(
    ("prior", "guide"),
    [
        (Plain, "independent"),
        (Nested, "independent"),
        (lambda: Spread(True), "independent"),
        (lambda: Spread(False), "independent"),
        (lambda: Spread(False), "smoothing"),
        (gallery.LearnedFactored, "smoothing"),
    ],
)
def test_svi_trains_the_parameters_of_a_prior(prior, guide, elbo, videos):
    vae = small(prior(), guide=guide)
    before = [p.clone() for p in vae.prior.parameters()]
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), elbo())
    for _ in range(2):
        svi.step(videos)
    assert all((a != b).any() for a, b in zip(before, vae.prior.parameters(), strict=True))


def test_weights_of_items_are_refused_by_name(videos):
    vae = small()
    weighed = poutine.scale(scale=torch.tensor([1.0, 2.0, 3.0]))
    with weighed, pytest.raises(InvalidPairError, match="is scaled item by item"):
        AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)


def test_predictive_takes_the_pair(videos):
    vae = small().eval()
    posterior = Predictive(vae.model, guide=vae.guide, num_samples=5)(videos)
    assert posterior["hs0"].shape == (5, 3, 2)
    assert posterior["ht"].shape == (5, 3, 4, 2)
    replicated = Predictive(poutine.uncondition(vae.model), num_samples=5)(videos)
    assert replicated["x"].shape == (5, *videos.shape)
    assert set(replicated["x"].unique().tolist()) <= {0.0, 1.0}


def test_nuts_takes_the_model(videos):
    vae = small(num_frames=2).eval()
    kernel = NUTS(vae.model, max_tree_depth=3)
    mcmc = MCMC(kernel, num_samples=3, warmup_steps=2, disable_progbar=True)
    mcmc.run(videos[:1, :2])
    samples = mcmc.get_samples()
    assert samples["hs0"].shape == (3, 1, 2)
    assert samples["hs"].shape == (3, 1, 2, 2)


def test_per_site_kl_is_refused_with_the_reason(videos):
    vae = small()
    with (
        pytest.warns(UserWarning, match="mean field"),
        pytest.raises(InvalidPairError, match="overstate the KL"),
    ):
        TraceMeanField_ELBO()(vae.model, vae.guide)(videos)


def test_per_site_kl_is_allowed_where_it_is_valid(videos):
    vae = small(priors.independent)
    assert torch.isfinite(TraceMeanField_ELBO()(vae.model, vae.guide)(videos))


def test_a_non_gaussian_prior_without_globals_still_makes_a_pair(videos):
    vae = small(examples.laplace_draw)
    assert torch.isfinite(Trace_ELBO()(vae.model, vae.guide)(videos))


def test_a_non_gaussian_prior_with_globals_is_refused():
    with pytest.raises(NotGaussianPrior, match="curve"):
        small(examples.tanh_in_a_mean)


class Pixels(nn.Module):
    """An encoder of a user's own."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 8)

    def forward(self, images):
        loc, log_scale = self.linear(images.flatten(1)).chunk(2, -1)
        return loc, log_scale.exp()


def test_networks_can_be_replaced(videos):
    vae = small(
        encoder=Pixels(), decoder=nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8)))
    )
    assert torch.isfinite(Trace_ELBO()(vae.model, vae.guide)(videos))


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        (torch.rand(4, 1, 8, 8), r"videos: got \(4, 1, 8, 8\)"),
        (torch.rand(3, 4, 1, 8, 9), r"give clips \(videos, frames, 1, 8, 8\)"),
        (torch.rand(3, 0, 1, 8, 8), r"videos: got \(3, 0"),
        (torch.rand(3, 4, 1, 8, 8) * 255, "scale pixels"),
        (torch.full((3, 4, 1, 8, 8), torch.nan), "values from nan"),
        (torch.zeros(3, 4, 1, 8, 8, dtype=torch.uint8), "give floats"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_clips_are_named(videos, message):
    with pytest.raises(InputError, match=message):
        small().encode(videos)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beta": 0.0}, "beta: got 0.0"),
        ({"beta": -1.0}, "beta: got -1.0"),
        ({"num_frames": 0}, "num_frames: got 0"),
        ({"num_frames": "4"}, "num_frames: got '4'"),
        ({"prior": "factored"}, "prior: got 'factored'"),
        ({"channels": ()}, "channels"),
        ({"hidden": 0}, "hidden"),
        ({"image_shape": (64, 64)}, "image_shape"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_are_named(changes, message):
    with pytest.raises(InputError, match=message):
        small(**changes)


@pytest.mark.usefixtures("unchecked")
def test_wrong_codes_are_named():
    with pytest.raises(InputError, match=r"h: got \(3, 4, 5\)"):
        small().decode(torch.zeros(3, 4, 5))


def test_a_prior_that_fails_is_explained():
    def prior(num_frames):
        raise KeyError("missing")

    with pytest.raises(InputError, match=r"prior: run for 4 frames it failed \(KeyError"):
        small(prior)


class BufferedScale(nn.Module):
    """A prior whose scale is set, not learned."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor(0.1))

    def forward(self, num_frames):
        return priors.factored(num_frames, static_scale=self.scale)


def test_a_scale_that_is_changed_in_place_is_noticed(videos):
    prior = BufferedScale()
    vae = small(prior)
    vae.guide(videos)
    prior.scale.fill_(1.0)
    site = poutine.trace(vae.guide).get_trace(videos).nodes["hs0"]
    # the conditional's variance is σs² / (N + σs²)
    expected = (0.2**0.5) * torch.eye(2)
    torch.testing.assert_close(site["fn"].scale_tril, expected)


def held(scale, shift=0.0):
    """A prior that holds them without naming them."""

    def prior(num_frames):
        return shift + priors.slow(num_frames, temporal_scale=scale)

    return prior


def in_a_tuple(scale):
    return functools.partial(gallery.multi_rate, features=2, scales=(scale, 0.3))


@pytest.mark.parametrize(
    "make",
    [
        lambda scale: functools.partial(priors.factored, static_scale=scale),
        held,
        lambda shift: held(0.1, shift),
        in_a_tuple,
    ],
)
def test_a_parameter_that_a_function_holds_is_refused(make):
    with pytest.raises(InputError, match="PyroModule"):
        small(make(nn.Parameter(torch.tensor(0.1))))
    small(make(torch.tensor(0.1)))


def test_training_after_inference_mode(videos):
    for prior in (priors.factored, examples.non_centred):
        vae = small(prior)
        with torch.inference_mode():
            vae.guide(videos)
        Trace_ELBO()(vae.model, vae.guide)(videos).backward()


def test_double_precision():
    vae = small().double()
    videos = torch.rand(3, 4, 1, 8, 8, dtype=torch.float64)
    assert Trace_ELBO()(vae.model, vae.guide)(videos).dtype == torch.float64
    assert vae.decode(vae.sample_prior(2)).dtype == torch.float64


def test_clips_of_another_precision_than_the_weights_are_refused():
    vae, videos = small(), torch.rand(3, 4, 1, 8, 8, dtype=torch.float64)
    message = "videos: got torch.float64 on cpu; give torch.float32 on cpu"
    for call in (vae.encode, Trace_ELBO()(vae.model, vae.guide)):
        with pytest.raises(InputError, match=message):
            call(videos)


def test_half_precision():
    vae, videos = small().bfloat16().eval(), torch.rand(3, 4, 1, 8, 8).bfloat16()
    whole = small().eval()
    whole.load_state_dict(vae.state_dict())
    half = AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)
    full = AnalyticKL_ELBO().loss(whole.model, whole.guide, videos.float())
    assert half == pytest.approx(full, rel=0.1)


def test_an_error_within_a_pair_comes_without_pyros_table_of_parameters():
    vae, videos = small(), torch.rand(3, 4, 1, 8, 8, dtype=torch.float64)
    with pytest.raises(InputError) as caught:
        Trace_ELBO()(vae.model, vae.guide)(videos)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("name", ["x", "clips"])
@pytest.mark.parametrize("kind", ["draw", "deterministic", "plate"])
def test_names_that_the_model_needs_are_refused(name, kind):
    def prior(num_frames):
        if kind == "deterministic":
            pyro.deterministic(name, torch.zeros(()))
        with pyro.plate(name if kind == "plate" else "frames", num_frames):
            normal = dist.Normal(0.0, 1.0).expand([2]).to_event(1)
            return pyro.sample(name if kind == "draw" else "h", normal)

    with pytest.raises(InputError, match=f"prior: it has a site '{name}'; .*rename"):
        small(prior)


def test_an_encoders_own_failure_is_told_as_it_is(videos):
    vae = small()
    vae.guide.encoder.forward = lambda images: torch.zeros(2) + torch.zeros(3)
    with pytest.raises(RuntimeError, match="must match"):
        vae.encode(videos)


@pytest.mark.parametrize("sizes", [(0,), (-1,), (2, 0), (2, -3)])
def test_a_draw_of_no_clips_or_no_frames_is_refused(sizes):
    with pytest.raises(InputError, match=f"num_(videos|frames): got {sizes[-1]}; give "):
        small().sample_prior(*sizes)


def test_models_of_one_class_of_prior_keep_their_own_parameters():
    near, far = (small(gallery.LearnedFactored(static_scale=scale)) for scale in (0.01, 3.0))
    spreads = [vae.sample_prior(200)[..., :2].std(1).mean() for vae in (near, far)]
    assert spreads[1] > 50 * spreads[0]
    assert not pyro.get_param_store().keys()


def test_networks_may_be_pyro_modules(videos):
    class Recognition(PyroModule):
        def __init__(self):
            super().__init__()
            self.net = Encoder(4, **SMALL)

        def forward(self, images):
            return self.net(images)

    vae = small(encoder=Recognition())
    Trace_ELBO()(vae.model, vae.guide)(videos).backward()
    assert all(p.grad is not None for p in vae.guide.encoder.parameters())


def test_a_network_with_pyro_modules_in_it_may_serve_two_models(videos):
    class Recognition(PyroModule):
        def __init__(self):
            super().__init__()
            self.net = Encoder(4, **SMALL)
            self.last = PyroModule[nn.Identity]()

        def forward(self, images):
            return tuple(map(self.last, self.net(images)))

    encoder = Recognition()
    for _ in range(2):
        vae = small(encoder=encoder)
        Trace_ELBO()(vae.model, vae.guide)(videos).backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_the_latent_algebra_is_done_in_full_precision(videos, monkeypatch):
    autocast = []

    def prior(num_frames):
        autocast.append(torch.is_autocast_enabled("cpu"))
        return priors.factored(num_frames)

    def rsample(self, sample_shape=()):
        autocast.append(torch.is_autocast_enabled("cpu"))
        return self.mean

    vae = small(prior)
    monkeypatch.setattr(GaussianConditional, "rsample", rsample)
    autocast.clear()
    with torch.autocast("cpu", torch.bfloat16):
        Trace_ELBO()(vae.model, vae.guide)(videos)
    assert autocast == [False, False]


@dataclass
class Unhashable:
    """A prior that is a dataclass, and so has no hash."""

    scale: float = 0.2

    def __call__(self, num_frames):
        return priors.slow(num_frames, temporal_scale=self.scale)


def test_a_prior_without_a_hash(videos):
    vae = small(Unhashable())
    AnalyticKL_ELBO()(vae.model, vae.guide)(videos).backward()
    assert refer_to(vae.prior).prior == FROM_PYTHON


class Brightness(nn.Module):
    """A decoder that has nothing to train."""

    def forward(self, h):
        return h.sum(-1)[:, None, None, None].expand(-1, 1, 8, 8)


def test_a_decoder_without_parameters(videos):
    vae = small(decoder=Brightness())
    AnalyticKL_ELBO()(vae.model, vae.guide)(videos).backward()
    assert vae.decode(vae.sample_prior(2)).shape == (2, 4, 1, 8, 8)


def test_smoothed_codes_are_decoded(videos):
    vae = small()
    smoothed = vae.smooth(videos).loc
    assert smoothed.dtype == torch.float64
    assert vae.decode(smoothed).dtype == torch.float32


class Wide(nn.Module):
    """Gives a feature more than the prior has."""

    def forward(self, images):
        return torch.zeros(len(images), 5), torch.ones(len(images), 5)


class Flat(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, h):
        return h.new_zeros(len(h), *self.shape)


def test_an_encoder_of_another_width_is_named(videos):
    vae = small(encoder=Wide())
    for use in (vae.encode, vae.guide):
        with pytest.raises(
            InputError, match=r"encoder: got .outputs \(12, 5\).; have it give \(12, 4"
        ):
            use(videos)


@pytest.mark.parametrize("shape", [(1, 1, 1), (64,), (1, 8, 9)])
def test_a_decoder_of_another_shape_is_named(videos, shape):
    vae = small(decoder=Flat(*shape))
    for use in (vae.model, lambda clips: vae.decode(vae.encode(clips).loc)):
        with pytest.raises(InputError, match=r"decoder: got .*; have it give \(12, 1, 8, 8\)"):
            use(videos)


def bounded(num_frames):
    low = -torch.ones(num_frames, 2)
    return pyro.sample("z", dist.Uniform(low, 1.0).to_event(2))


def log_normal(num_frames):
    return pyro.sample("z", dist.LogNormal(torch.zeros(num_frames, 2), 1.0).to_event(2))


@pytest.mark.parametrize(("prior", "kind"), [(bounded, "Uniform"), (log_normal, "LogNormal")])
def test_a_draw_of_frames_that_no_normal_covers_is_refused(prior, kind):
    with pytest.raises(NotGaussianPrior, match=f"draw 'z' is {kind}, which has not every real"):
        small(prior)


class Bending(PyroModule):
    """Affine as it begins: the last weights of its network are 0."""

    def __init__(self, of_scale=False):
        super().__init__()
        self.of_scale = of_scale
        self.bend = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
        nn.init.zeros_(self.bend[2].weight)
        nn.init.zeros_(self.bend[2].bias)

    def forward(self, num_frames):
        h = [pyro.sample("h_0", dist.Normal(0.0, 1.0).expand([2]).to_event(1))]
        for i in range(1, num_frames):
            bent = self.bend(h[-1])
            mean, scale = (h[-1], bent.exp()) if self.of_scale else (h[-1] + bent, 0.3)
            h.append(pyro.sample(f"h_{i}", dist.Normal(mean, scale).to_event(1)))
        return torch.stack(h, -2)


@pytest.mark.parametrize("of_scale", [False, True])
def test_a_prior_that_training_would_bend_is_not_gaussian_before_it(videos, of_scale):
    prior = Bending(of_scale)
    before = {name: value.clone() for name, value in prior.state_dict().items()}
    vae = small(prior)
    with pytest.raises(NotGaussianPrior, match="draw 'h_1'"):
        AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)
    for name, value in prior.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore")  # of PyTorch's tracer
@pytest.mark.parametrize("guide", ["shuffling", "smoothing", "mean field"])
def test_every_guide_runs_under_the_jit(videos, guide):
    vae = small(guide="independent" if guide == "mean field" else guide)
    own = MeanFieldGuide.of(vae.guide) if guide == "mean field" else vae.guide
    elbo = JitTrace_ELBO(ignore_jit_warnings=True, max_plate_nesting=vae.max_plate_nesting)
    svi = SVI(vae.model, own, pyro.optim.Adam({"lr": 0.0}), elbo)
    traced = [svi.step(videos) for _ in range(20)]
    eager = [Trace_ELBO().loss(vae.model, own, videos) for _ in range(20)]
    assert ttest_ind(traced, eager).pvalue > 1e-6
