"""`AnalyticKL_ELBO` of models that have nothing to do with video."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule, PyroParam
from torch import nn
from torch.distributions import constraints

from pyro_factor import AnalyticKL_ELBO
from pyro_factor.models import GaussianRandomWalk, InvalidPairError, NotGaussianPrior

GROUPS, POINTS = 3, 4


class NormalGuide(PyroModule):
    """An independent Normal for every latent entry of a model."""

    def __init__(self, shapes, plates=()):
        super().__init__()
        self.shapes, self.plates = shapes, dict(plates)
        for name, shape in shapes.items():
            setattr(self, f"loc_{name}", nn.Parameter(0.5 * torch.randn(shape)))
            spread = PyroParam(0.1 + torch.rand(shape), constraints.positive)
            setattr(self, f"scale_{name}", spread)

    def forward(self, *args):
        opened = {}
        for name in self.shapes:
            loc, scale = getattr(self, f"loc_{name}"), getattr(self, f"scale_{name}")
            if name not in self.plates:
                pyro.sample(name, dist.Normal(loc, scale).to_event(loc.dim()))
                continue
            plate, size, subsample = self.plates[name]
            if plate not in opened:
                opened[plate] = pyro.plate(plate, size, subsample_size=subsample)
            with opened[plate] as index:
                normal = dist.Normal(loc[index], scale[index])
                pyro.sample(name, normal.to_event(loc.dim() - 1))


class Regression(PyroModule):
    """Hierarchical regression: slopes of groups around common slopes, a learned spread."""

    def __init__(self, subsample=None, scale_of_a_draw=False):
        super().__init__()
        self.spread = PyroParam(torch.tensor(0.7), constraints.positive)
        self.subsample, self.scale_of_a_draw = subsample, scale_of_a_draw

    def forward(self, x, y):
        common = pyro.sample("common", dist.Normal(torch.tensor([1.0, -1.0]), 2.0).to_event(1))
        with pyro.plate("groups", GROUPS, subsample_size=self.subsample) as index:
            spread = common[:1].exp() if self.scale_of_a_draw else self.spread
            slopes = pyro.sample("slopes", dist.Normal(0.5 * common, spread).to_event(1))
            mean = (x[index] * slopes.unsqueeze(-2)).sum(-1)
            pyro.sample("y", dist.Normal(mean, 0.5).to_event(1), obs=y[index])


def regression(subsample=None, **options):
    x, y = torch.randn(GROUPS, POINTS, 2), torch.randn(GROUPS, POINTS)
    shapes = {"common": (2,), "slopes": (GROUPS, 2)}
    guide = NormalGuide(shapes, {"slopes": ("groups", GROUPS, subsample)})
    return Regression(subsample, **options), guide, (x, y)


class Tracking(PyroModule):
    """A linear dynamical system, two series, seen through a neural network."""

    STEPS = 4

    def __init__(self, by_step):
        super().__init__()
        self.by_step = by_step
        self.decay = PyroParam(torch.tensor(0.8))
        self.network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3))

    def forward(self, seen):
        turn = torch.tensor([[0.9, -0.3], [0.3, 0.9]])
        with pyro.plate("series", len(seen)):
            if self.by_step:
                state, states = torch.zeros(2), []
                for i in pyro.markov(range(self.STEPS)):
                    mean = self.decay * state @ turn
                    state = pyro.sample(f"state_{i}", dist.Normal(mean, 0.3).to_event(1))
                    states.append(state)
                path = torch.stack(states, -2)
            else:
                path = pyro.sample("state", GaussianRandomWalk(self.STEPS, 2, 0.3))
            pyro.sample("seen", dist.Normal(self.network(path), 0.2).to_event(2), obs=seen)


def tracking(by_step):
    seen = torch.randn(2, Tracking.STEPS, 3)
    shapes = {f"state_{i}": (2, 2) for i in range(4)} if by_step else {"state": (2, 4, 2)}
    guide = NormalGuide(shapes, dict.fromkeys(shapes, ("series", 2, None)))
    return Tracking(by_step), guide, (seen,)


PAIRS = {
    "regression": regression,
    "subsampled regression": lambda: regression(subsample=2),
    "dynamics by step": lambda: tracking(by_step=True),
    "dynamics in one draw": lambda: tracking(by_step=False),
}


@pytest.fixture(autouse=True)
def _local():
    with pyro.settings.context(module_local_params=True):
        torch.set_default_dtype(torch.float64)
        yield
        torch.set_default_dtype(torch.float32)


def estimates(elbo, model, guide, args, repeats):
    """Values and gradients in all parameters: (repeats, 1 + entries)."""
    module, rows = elbo(model, guide), []
    for _ in range(repeats):
        module.zero_grad()
        loss = module(*args)
        loss.backward()
        gradients = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
        rows.append(torch.cat([loss.detach().reshape(1), *gradients]))
    return torch.stack(rows)


@pytest.mark.parametrize("pair", PAIRS)
def test_one_expectation_with_trace_elbo_in_value_and_gradient(pair):
    model, guide, args = PAIRS[pair]()
    options = {"num_particles": 300, "max_plate_nesting": 1, "vectorize_particles": True}
    # all particles share a subsample, so that one needs more repeats
    repeats = 150 if "subsampled" in pair else 20
    ours = estimates(AnalyticKL_ELBO(**options), model, guide, args, repeats)
    pyros = estimates(Trace_ELBO(**options), model, guide, args, repeats)
    error = ((ours.var(0) + pyros.var(0)) / repeats).sqrt().clamp(min=1e-9)
    assert (((ours.mean(0) - pyros.mean(0)) / error).abs() < 5.5).all()
    assert error[0] < 0.05 * ours[:, 0].mean().abs()


@pytest.mark.parametrize("vectorized", [False, True])
def test_the_kl_is_the_textbook_one_without_variance(vectorized):
    model, guide, (x, y) = regression()
    blind = poutine.block(model, hide=["y"])  # no reconstruction: the KL is left
    elbo = AnalyticKL_ELBO(num_particles=3, max_plate_nesting=1, vectorize_particles=vectorized)
    values = torch.stack([elbo.differentiable_loss(blind, guide, x, y) for _ in range(3)])
    torch.testing.assert_close(values, values[:1].expand(3), rtol=1e-12, atol=0)
    # z = (common, slopes of each group): slopes = common / 2 + spread ε
    prior_loc = torch.tensor([1.0, -1.0] + [0.5, -0.5] * GROUPS)
    spread = model.spread.item()
    pattern = torch.full((GROUPS + 1, GROUPS + 1), 0.25 * 4.0)
    pattern[0], pattern[:, 0] = 0.5 * 4.0, 0.5 * 4.0
    pattern[0, 0] = 4.0
    pattern[range(1, GROUPS + 1), range(1, GROUPS + 1)] += spread**2
    prior = dist.MultivariateNormal(prior_loc, torch.kron(pattern, torch.eye(2)))
    loc = torch.cat([guide.loc_common, guide.loc_slopes.flatten()])
    scale = torch.cat([guide.scale_common, guide.scale_slopes.flatten()])
    q = dist.MultivariateNormal(loc, torch.diag(scale.square()))
    torch.testing.assert_close(values[0], torch.distributions.kl_divergence(q, prior))


def test_the_site_by_site_kl_has_the_same_expectation_but_varies():
    model, guide, args = regression()
    options = {"num_particles": 400, "max_plate_nesting": 1, "vectorize_particles": True}
    ours = estimates(AnalyticKL_ELBO(**options), model, guide, args, 30)[:, 0]
    pyros = estimates(TraceMeanField_ELBO(**options), model, guide, args, 30)[:, 0]
    error = ((ours.var() + pyros.var()) / 30).sqrt()
    assert (ours.mean() - pyros.mean()).abs() < 5 * error


@pytest.mark.parametrize("pair", PAIRS)
def test_it_trains(pair):
    model, guide, args = PAIRS[pair]()
    elbo = AnalyticKL_ELBO(max_plate_nesting=1)
    module = elbo(model, guide)
    optimiser = torch.optim.Adam(module.parameters(), 0.03)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = module(*args)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert math.fsum(losses[-20:]) < math.fsum(losses[:20])
    assert elbo.last_terms.keys() == {"reconstruction", "entropy", "prior"}


def test_svi_and_a_guide_without_parameters():
    def model():
        centre = pyro.sample("centre", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(centre, 1.0), obs=torch.tensor(2.0))

    def guide():
        pyro.sample("centre", dist.Normal(1.0, 0.5))

    # ½ (σ² + μ² - 1 - log σ²) + ½ (log 2π + σ² + (2 - μ)²)
    kl = 0.5 * (0.25 + 1 - 1 - math.log(0.25))
    expected = kl + 0.5 * (math.log(2 * math.pi) + 0.25 + 1)
    elbo = AnalyticKL_ELBO(num_particles=20_000, max_plate_nesting=0, vectorize_particles=True)
    assert elbo.loss(model, guide) == pytest.approx(expected, abs=0.05)
    svi = SVI(model, guide, pyro.optim.Adam({}), AnalyticKL_ELBO())
    assert svi.evaluate_loss() > 0
    terms = AnalyticKL_ELBO().terms(model, guide)
    assert terms.keys() == {"reconstruction", "entropy", "prior"}
    with torch.no_grad():
        terms = AnalyticKL_ELBO().terms(model, guide)
    assert not any(value.requires_grad for value in terms.values())


def laplace(x, y):
    pyro.sample("common", dist.Laplace(torch.zeros(2), 1.0).to_event(1))


def product(x, y):
    common = pyro.sample("common", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("groups", GROUPS):
        pyro.sample("slopes", dist.Normal(common * common.sum(), 1.0).to_event(1))


def dependent(x, y):
    common = pyro.sample("common", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    with pyro.plate("groups", GROUPS):
        pyro.sample("slopes", dist.Normal(common, 1.0).to_event(1))


def only_common(x, y):
    pyro.sample("common", dist.Normal(torch.zeros(2), 1.0).to_event(1))


def conditional(x, y):
    only_common(x, y)
    with pyro.plate("groups", GROUPS):
        normal = dist.Normal(torch.zeros(2), 1.0).to_event(1)
        pyro.sample("slopes", normal, infer={"exact_conditional": True})


# None stands for the usual half of the pair
REFUSED = {
    "a scale": ("a scale", None, NotGaussianPrior, "model: the scale of draw 'slopes'"),
    "a product": (product, None, NotGaussianPrior, "model: the mean of draw 'slopes'"),
    "a family": (laplace, only_common, NotGaussianPrior, "'common' is Laplace"),
    "a dependent guide": (None, dependent, InvalidPairError, "'slopes' has a loc or scale"),
    "a latent that the guide lacks": (None, only_common, InvalidPairError, "lacks .*'slopes'"),
    "a draw too many": (only_common, None, InvalidPairError, "model lacks .*'slopes'"),
    "a conditional": (None, conditional, InvalidPairError, "'slopes' from its exact"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pair_that_breaks_the_condition_is_refused_by_name(case):
    model, guide, error, message = REFUSED[case]
    usual_model, usual_guide, args = regression(scale_of_a_draw=model == "a scale")
    model = model if callable(model) else usual_model
    guide = guide or usual_guide
    with pytest.raises(error, match=message):
        AnalyticKL_ELBO(max_plate_nesting=1).loss(model, guide, *args)


def items(subsample, scale=0.7):
    """A Normal of each of 20 items, some of which are drawn; and guides with its scale."""
    data, slope = torch.randn(20), torch.tensor(0.5)

    def model(data):
        with pyro.plate("items", len(data), subsample_size=subsample) as index:
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=data[index])

    def guide_of(slope):
        def guide(data):
            with pyro.plate("items", len(data), subsample_size=subsample) as index:
                pyro.sample("z", dist.Normal(slope * data[index], scale))

        return guide

    return model, guide_of(slope), guide_of(slope.clone().requires_grad_()), data


def test_a_guide_without_parameters_sees_the_items_that_the_model_does():
    model, fixed, trained, data = items(subsample=5)
    losses = []
    for guide in (fixed, trained):
        torch.manual_seed(0)
        losses.append([AnalyticKL_ELBO().loss(model, guide, data) for _ in range(3)])
    # the first use of a pair is checked, which leaves the random state as it was
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@pytest.mark.parametrize("subsample", [5, 20])
def test_terms_are_of_one_item(subsample):
    model, guide, _, data = items(subsample)
    terms = AnalyticKL_ELBO().terms(model, guide, data)
    assert terms["entropy"].item() == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.49))


@pytest.mark.parametrize("tight", [1.0, 1e-3])
def test_entries_of_a_plate_that_a_later_draw_couples_are_refused(tight):
    def model():
        with pyro.plate("time", 3):
            steps = pyro.sample("steps", dist.Normal(0.0, torch.tensor([tight, 1.0, 1.0])))
        pyro.sample("place", dist.Normal(steps.cumsum(-1), 0.5).to_event(1))

    guide = NormalGuide({"steps": (3,), "place": (3,)}, {"steps": ("time", 3, None)})
    with pytest.raises(InvalidPairError, match="'steps' under a plate are not independent"):
        AnalyticKL_ELBO().loss(model, guide)


def test_coupled_entries_are_seen_where_there_are_several():
    def model(size):
        with pyro.plate("n", size):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("s", dist.Normal(z.sum(), 1.0))

    def guide(size):
        with pyro.plate("n", size):
            pyro.sample("z", dist.Normal(0.5, 0.5))
        pyro.sample("s", dist.Normal(0.0, 1.0))

    elbo = AnalyticKL_ELBO()
    elbo.loss(model, guide, 1)
    with pytest.raises(InvalidPairError, match="entries of draw 'z' under a plate"):
        elbo.loss(model, guide, 3)


@pytest.mark.usefixtures("float64")
def test_a_weak_coupling_of_tight_draws_is_seen():
    def model():
        with pyro.plate("n", 9):
            z = pyro.sample("z", dist.Normal(0.0, 0.01))
        pyro.sample("s", dist.Normal(z.sum(), 1.0))

    guide = NormalGuide({"z": (9,), "s": ()}, {"z": ("n", 9, None)})
    with pytest.raises(InvalidPairError, match="entries of draw 'z' under a plate"):
        AnalyticKL_ELBO().loss(model, guide)


LIKELIHOODS = {
    "volatility": lambda z: dist.Normal(0.0, z.exp()),
    "gamma": lambda z: dist.Gamma(2.0, z.exp()),
    "beta": lambda z: dist.Beta(z.exp(), 1.0),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_may_have_a_positive_parameter(name):
    x = 0.1 + 0.8 * torch.rand(5)

    def model():
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("n", 5):
            pyro.sample("x", LIKELIHOODS[name](z), obs=x)

    def guide():
        pyro.sample("z", dist.Normal(0.1, 0.001))

    # a guide so narrow leaves one value of z: log p(x | 0.1) - KL
    at = LIKELIHOODS[name](torch.tensor(0.1)).log_prob(x).sum()
    kl = torch.distributions.kl_divergence(dist.Normal(0.1, 0.001), dist.Normal(0.0, 1.0))
    found = AnalyticKL_ELBO(num_particles=10).loss(model, guide)
    assert found == pytest.approx(float(kl - at), abs=0.02)


def test_networks_in_double_precision_under_floats_by_default():
    net, x = nn.Linear(2, 3).double(), torch.randn(5, 3).double()
    zero = torch.zeros(2).double()

    def model():
        with pyro.plate("n", 5):
            z = pyro.sample("z", dist.Normal(zero, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(net(z), 1.0).to_event(1), obs=x)

    def guide():
        with pyro.plate("n", 5):
            pyro.sample("z", dist.Normal(zero, 0.001).to_event(1))

    kl = 10 * torch.distributions.kl_divergence(dist.Normal(0.0, 0.001), dist.Normal(0.0, 1.0))
    expected = kl - dist.Normal(net(zero), 1.0).log_prob(x).sum()
    with torch.no_grad():
        assert AnalyticKL_ELBO().loss(model, guide) == pytest.approx(float(expected), rel=1e-3)


def test_items_may_have_weights_of_their_own():
    x, w = torch.randn(5), torch.tensor([1.0, 2.0, 3.0, 1.0, 1.0])
    q, p = dist.Normal(0.1, 0.001), dist.Normal(0.0, 1.0)

    def model():
        with pyro.plate("n", 5), poutine.scale(scale=w):
            z = pyro.sample("z", p)
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide():
        with pyro.plate("n", 5), poutine.scale(scale=w):
            pyro.sample("z", q)

    kl = torch.distributions.kl_divergence(q, p)
    expected = (w * (kl - dist.Normal(0.1, 1.0).log_prob(x))).sum()
    assert AnalyticKL_ELBO().loss(model, guide) == pytest.approx(float(expected), rel=1e-3)
    assert AnalyticKL_ELBO().terms(model, guide)["entropy"].shape == ()


def network(*sizes, between):
    return nn.Sequential(nn.Linear(*sizes[:2]), between, nn.Linear(*sizes[1:]))


def test_checks_leave_the_networks_of_functions_as_they_are():
    encoder = network(6, 8, 4, between=nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.5)))
    decoder = network(2, 8, 6, between=nn.BatchNorm1d(8))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("items", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("items", len(x)):
            loc, scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, scale.exp()).to_event(1))

    AnalyticKL_ELBO(max_plate_nesting=1)(model, guide)(torch.randn(16, 6))
    assert encoder[1][0].num_batches_tracked == decoder[1].num_batches_tracked == 1
    assert all(module.training for net in (encoder, decoder) for module in net.modules())


def offset_curve(offset):
    def model():
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        p = pyro.sample("p", dist.Normal(offset + 2 * torch.tanh(z), 0.1))
        pyro.sample("y", dist.Normal(p, 1.0), obs=torch.tensor(offset + 1.0))

    return model


@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_a_large_constant_hides_no_curve(offset):
    guide = NormalGuide({"z": (), "p": ()})
    with pytest.raises(NotGaussianPrior, match="the mean of draw 'p' is not affine"):
        AnalyticKL_ELBO().loss(offset_curve(offset), guide)


def means(points):
    """A mean, groups around it, and a point of each."""
    centre = pyro.sample("centre", dist.Normal(0.0, 1.0))
    with pyro.plate("groups", GROUPS):
        group = pyro.sample("group", dist.Normal(centre, 0.5))
        pyro.sample("points", dist.Normal(group, 0.3), obs=points)


def test_pyros_own_mean_field_guide_is_one_of_normals():
    points, auto = torch.randn(GROUPS), AutoNormal(means, init_scale=0.3)
    auto(points)
    own = NormalGuide({"centre": (), "group": (GROUPS,)}, {"group": ("groups", GROUPS, None)})
    for name in ("centre", "group"):
        getattr(own, f"loc_{name}").data = getattr(auto.locs, name).detach().clone()
        setattr(own, f"scale_{name}", getattr(auto.scales, name).detach().clone())
    losses = []
    for guide in (auto, own):
        torch.manual_seed(0)
        losses.append(AnalyticKL_ELBO().loss(means, guide, points))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    AnalyticKL_ELBO().loss_and_grads(means, auto, points)
    assert all(each.grad.isfinite().all() for each in auto.parameters())


def positive(points):
    spread = pyro.sample("spread", dist.LogNormal(0.0, 1.0))
    pyro.sample("points", dist.Normal(0.0, spread).expand([GROUPS]).to_event(1), obs=points)


def test_a_draw_that_autonormal_bends_is_no_normal():
    points = torch.randn(GROUPS)
    with pytest.raises(InvalidPairError, match="site 'spread' is Delta"):
        AnalyticKL_ELBO().loss(positive, AutoNormal(positive), points)
