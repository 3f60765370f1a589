"""Runs of a model whose encoder reads the true factors off the clips."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from pyro.distributions import Normal
from torch.nn.functional import one_hot

from pyro_factor.config import make_config
from pyro_factor.data import BouncingDigits
from pyro_factor.inference.runs import Run
from pyro_factor.models import VideoVAE, priors


class Told(BouncingDigits):
    """Clips of 16×16 frames whose first 12 pixels are the digit (one-hot) and the position."""

    def batch(self, num_videos, generator):
        clips = super().batch(num_videos, generator)
        digit = one_hot(clips.static, 10)[:, None].expand(-1, self.num_frames, -1)
        videos = torch.zeros(num_videos, self.num_frames, 256)
        videos[..., :12] = torch.cat([digit, clips.position], -1)
        return replace(clips, videos=videos.unflatten(-1, (1, 16, 16)))


class Oracle(VideoVAE):
    """A model whose guide's means are the given pixels of each frame."""

    pixels = range(12)

    def encode(self, videos):
        loc = videos.flatten(2)[..., list(self.pixels)]
        return Normal(loc, torch.ones_like(loc))


@pytest.fixture
def make_run(tmp_path):
    """Runs of an oracle, by default with the true factors as its own split."""

    def make(prior=partial(priors.factored, static=10), pixels=range(12)):  # noqa: B008
        vae = Oracle(prior, num_frames=4, image_shape=(1, 16, 16), channels=(2, 2), hidden=4)
        vae.pixels = pixels
        return Run(tmp_path, vae, Told(num_frames=4), make_config({}, {}, {}, {}), 0)

    return make


@pytest.fixture
def run(make_run):
    return make_run()


@pytest.fixture
def baseline(make_run):
    """Four features without a split: columns 0 and 2 tell the digit, 1 and 3 the position."""
    return make_run(priors.slow, pixels=(0, 10, 1, 11))
