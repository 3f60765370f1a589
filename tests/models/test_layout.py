"""Which draw is which column of h."""

import example_priors as examples
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pyro import poutine
from pyro.infer import Trace_ELBO
from pyro.infer.reparam import LocScaleReparam
from pyro.nn import PyroModule, PyroSample
from small_runs import FRAMES, SIZE, small_vae

from pyro_factor import AnalyticKL_ELBO, InputError, VideoVAE, gaussian_form, priors
from pyro_factor.models.read_layout import read_layout

FACTORS = {
    examples.vectorised: {"hs": [0, 1], "ht": [2, 3]},
    examples.frame_by_frame: {"hs": [0, 1], "ht": [2, 3]},
    examples.frame_plate: {"hs": [0, 1], "ht": [2, 3]},
    priors.slow: {"ht": [0, 1, 2, 3]},
    priors.independent: {"h": [0, 1, 2, 3]},
}


@pytest.mark.parametrize("prior", FACTORS)
def test_factors_are_the_columns_of_each_draw(prior):
    layout = read_layout(prior, 5)
    assert layout.factors == FACTORS[prior]
    globals_ = [draw.name for draw in layout.global_draws]
    assert globals_ == (["hs0"] if "hs" in FACTORS[prior] else [])


def test_sliced_and_reordered_columns_are_followed():
    def prior(num_frames):
        z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([num_frames, 3]).to_event(2))
        y = pyro.sample("y", dist.Normal(0.0, 1.0).expand([num_frames, 1]).to_event(2))
        return torch.cat([z[..., 2:], y, z[..., :2].flip(-2)], -1)

    layout = read_layout(prior, 4)
    assert layout.factors == {"z": [0, 2, 3], "y": [1]}
    h = torch.randn(6, 4, 4)
    values = {draw.name: layout.take(h, draw) for draw in layout.frame_draws}
    assert values["z"].shape == (6, 4, 3)
    torch.testing.assert_close(values["z"][..., 2], h[..., 0])
    torch.testing.assert_close(values["z"][..., :2].flip(-2), h[..., 2:])
    torch.testing.assert_close(layout.stack(values), h)


def scalar_centre(num_frames):
    centre = pyro.sample("centre", dist.Normal(0.0, 1.0))[..., None, None]
    frames = dist.Normal(centre.expand(*centre.shape[:-2], num_frames, 2), 0.5)
    return pyro.sample("h", frames.to_event(2))


def scalar_frames(num_frames):
    drawn = [pyro.sample(f"h_{i}", dist.Normal(0.0, 1.0)) for i in range(num_frames)]
    return torch.stack(drawn, -1).unsqueeze(-1)


def two_in_a_plate(num_frames):
    with pyro.plate("frames", num_frames):
        a = pyro.sample("a", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        b = pyro.sample("b", dist.Normal(a.sum(-1, keepdim=True), 1.0).to_event(1))
    return torch.cat([a, b], -1)


class Declared(PyroModule):
    """A prior that declares a global draw as an attribute."""

    def __init__(self):
        super().__init__()
        self.centre = PyroSample(dist.Normal(0.0, 1.0).expand([2]).to_event(1))

    def forward(self, num_frames):
        centre = self.centre.unsqueeze(-2)
        frames = dist.Normal(centre.expand(*centre.shape[:-2], num_frames, 2), 0.3)
        return pyro.sample("h", frames.to_event(2))


@pytest.mark.parametrize("prior", [scalar_centre, scalar_frames, two_in_a_plate, Declared()])
def test_draws_of_any_kind_have_an_exact_kl(prior):
    vae, videos = small_vae(prior), torch.rand(3, FRAMES, 1, SIZE, SIZE)
    AnalyticKL_ELBO().loss(vae.model, vae.guide, videos)  # also checks the pair
    elbo = AnalyticKL_ELBO(max_plate_nesting=vae.max_plate_nesting)
    terms, q = elbo.terms(vae.model.eval(), vae.guide.eval(), videos), vae.encode(videos)
    kl = gaussian_form(prior, FRAMES).kl(q.loc, q.scale).mean()
    torch.testing.assert_close(-(terms["entropy"] + terms["prior"]), kl.float())
    Trace_ELBO()(vae.model, vae.guide)(videos).backward()


@given(st.integers(1, 6), st.integers(1, 3), st.sampled_from(list(FACTORS)))
def test_stack_undoes_take(num_frames, videos, prior):
    layout = read_layout(prior, num_frames)
    h = torch.randn(videos, num_frames, layout.num_features)
    values = {draw.name: layout.take(h, draw) for draw in layout.frame_draws}
    assert torch.equal(layout.stack(values), h)


def test_columns_that_are_no_draws_make_one_site():
    assert not read_layout(examples.non_centred, 3).direct
    assert VideoVAE(examples.non_centred, 3).factors == {"h": [0, 1]}


def features_not_declared(num_frames):
    return pyro.sample("h", dist.Normal(torch.zeros(num_frames, 2), 1.0))


def counts_from_the_left(num_frames):
    h = pyro.sample("h", dist.Normal(0.0, 1.0).expand([num_frames, 2]).to_event(2))
    return h.cumsum(0)


def frames_last(num_frames):
    return pyro.sample("h", dist.Normal(0.0, 1.0).expand([2, num_frames]).to_event(2))


def returns_nothing(num_frames):
    pyro.sample("h", dist.Normal(0.0, 1.0).expand([num_frames, 2]).to_event(2))


def draws_nothing(num_frames):
    return torch.zeros(num_frames, 2)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (features_not_declared, r"\.to_event"),
        (frames_last, r"returned \(2, 5\).*\(\.\.\., 5, features\)"),
        (returns_nothing, "returned NoneType"),
        (counts_from_the_left, "mixed them.*from the right"),
        (draws_nothing, "draws nothing"),
    ],
)
def test_a_wrong_shape_is_named(prior, message):
    with pytest.raises(InputError, match=message):
        read_layout(prior, 5)


def test_a_wrong_shape_with_as_many_clips_as_frames_is_named():
    # without a plate of its own for the clips this would pass silently, at B = N
    def prior(num_frames):
        with pyro.plate("frames", num_frames, dim=-1):
            h = pyro.sample("h", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        return h.transpose(0, 1) if h.dim() == 3 else h

    with pytest.raises(InputError, match="clips"):
        read_layout(prior, 5)


BAD = [
    ({"static": 0}, "static: got 0"),
    ({"temporal": -1}, "temporal: got -1"),
    ({"static": 1.5}, "static: got 1.5"),
    ({"static_scale": -0.1}, "static_scale: got -0.1"),
    ({"temporal_scale": 0.0}, "temporal_scale: got 0.0"),
    ({"temporal_scale": float("nan")}, "temporal_scale: got nan"),
]


@pytest.mark.parametrize(("hyperparameters", "message"), BAD)
@pytest.mark.usefixtures("unchecked")
def test_bad_hyperparameters_are_named(hyperparameters, message):
    with pytest.raises(InputError, match=message):
        priors.factored(4, **hyperparameters)


def test_a_named_intermediate_is_no_draw():
    def prior(num_frames):
        h = priors.slow(num_frames, 2)
        pyro.deterministic("speed", h.diff(dim=-2))
        return h

    assert read_layout(prior, 4).factors == {"ht": [0, 1]}


def test_a_reparametrised_draw_is_called_so():
    @poutine.reparam(config={"h": LocScaleReparam(0.0)})
    def prior(num_frames):
        return pyro.sample("h", dist.Normal(0.0, 2.0).expand([num_frames, 2]).to_event(2))

    with pytest.raises(InputError, match="draw 'h' is reparametrised; write what it is made of"):
        read_layout(prior, 3)
