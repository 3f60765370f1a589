"""The factored prior written three ways, and priors that are none."""

import pyro
import pyro.distributions as dist
import torch

from pyro_factor import gallery, priors
from pyro_factor.models import GaussianRandomWalk

vectorised = priors.factored


def frame_by_frame(num_frames, scale=0.1):
    hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    ht, frames = torch.zeros(2), []
    for i in pyro.markov(range(num_frames)):
        hs = pyro.sample(f"hs_{i}", dist.Normal(hs0, scale).to_event(1))
        ht = pyro.sample(f"ht_{i}", dist.Normal(ht, scale if i else 1.0).to_event(1))
        frames.append(torch.cat([hs, ht], -1))
    return torch.stack(frames, -2)


def frame_plate(num_frames, scale=0.1):
    hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    ht = pyro.sample("ht", GaussianRandomWalk(num_frames, 2, scale))
    with pyro.plate("frames", num_frames):
        hs = pyro.sample("hs", dist.Normal(hs0, scale).to_event(1))
    # under a plate over frames, ht has a dimension of one for it
    return torch.cat([hs, ht.reshape(*hs.shape[:-1], 2)], -1)


def non_centred(num_frames, scale=0.1):
    hs0 = pyro.sample("hs0", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    noise = pyro.sample("noise", dist.Normal(0.0, 1.0).expand([num_frames, 2]).to_event(2))
    return hs0.unsqueeze(-2) + scale * noise


def _standard(name, *shape):
    return pyro.sample(name, dist.Normal(0.0, 1.0).expand(shape).to_event(len(shape)))


def laplace_draw(num_frames):
    return pyro.sample("jump", dist.Laplace(0.0, 1.0).expand([num_frames, 2]).to_event(2))


def scale_of_a_draw(num_frames):
    size = _standard("size", 2).exp().unsqueeze(-2)
    spread = dist.Normal(0.0, size.expand(*size.shape[:-2], num_frames, 2))
    return pyro.sample("spread", spread.to_event(2))


def product_of_draws(num_frames):
    return _standard("gain", 2).unsqueeze(-2) * _standard("signal", num_frames, 2)


def tanh_of_a_draw(num_frames):
    return _standard("signal", num_frames, 2).tanh()


def tanh_in_a_mean(num_frames):
    centre = _standard("centre", 2).tanh().unsqueeze(-2)
    curve = dist.Normal(centre.expand(*centre.shape[:-2], num_frames, 2), 1.0)
    return pyro.sample("curve", curve.to_event(2))


def clamped_far_out(num_frames):
    return _standard("signal", num_frames, 2).clamp(-500, 500)


def heavy_tails(num_frames):
    tails = dist.StudentT(torch.tensor(1e8), 0.0, 1.0).expand([num_frames, 2])
    return pyro.sample("tails", tails.to_event(2))


def noise_outside_pyro(num_frames):
    return _standard("signal", num_frames, 2) + torch.randn(num_frames, 2)


def draw_if_positive(num_frames):
    signal = _standard("signal", num_frames, 2)
    return signal + _standard("extra", 2).unsqueeze(-2) if signal.sum() > 0 else signal


def observes(num_frames):
    h = _standard("signal", num_frames, 2)
    pyro.sample("seen", dist.Normal(h.sum((-2, -1)), 1.0), obs=torch.tensor(1.0))
    return h


def has_factor(num_frames):
    h = _standard("signal", num_frames, 2)
    pyro.factor("bonus", -h.square().sum((-2, -1)))
    return h


def masked(num_frames):
    normal = dist.Normal(0.0, 1.0).expand([num_frames, 2]).to_event(2)
    with pyro.poutine.mask(mask=torch.tensor(False)):
        return pyro.sample("hidden", normal)


def rescaled(num_frames):
    with pyro.poutine.scale(scale=2.0):
        return _standard("weighty", num_frames, 2)


# prior -> the draw that the error must name
NOT_GAUSSIAN = {
    laplace_draw: "jump",
    scale_of_a_draw: "spread",
    product_of_draws: "gain",
    tanh_of_a_draw: "signal",
    tanh_in_a_mean: "curve",
    clamped_far_out: "signal",
    heavy_tails: "tails",
    noise_outside_pyro: "signal",
    draw_if_positive: "extra",
    observes: "seen",
    has_factor: "bonus",
    masked: "hidden",
    rescaled: "weighty",
}


def repeated(num_frames):
    h = _standard("twice", num_frames, 2)
    return torch.cat([h, h], -1)


class Unknown(gallery.LearnedFactored):
    """A prior that no closed form is known of."""
