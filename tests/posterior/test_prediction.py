"""Frames that were not seen."""

import pytest
import torch
from small_runs import FRAMES, small_data, small_run, small_vae

from pyro_factor import gallery
from pyro_factor.errors import InputError
from pyro_factor.models import NotGaussianPrior
from pyro_factor.posterior.prediction import predict

SEEN = torch.tensor([True, True, False, False])


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    """Trained a little, so that the guide says something of a frame."""
    return small_run(tmp_path_factory.mktemp("prediction"), small_vae(), 40, videos=8).vae


@pytest.fixture(scope="module")
def videos():
    return small_data().batch(3, torch.Generator().manual_seed(0)).videos


def test_what_is_in_unseen_frames_has_no_part_in_it(vae, videos):
    found = predict(vae, videos, SEEN)
    assert found.mean.shape == found.spread.shape == videos.shape
    other = torch.where(SEEN[:, None, None, None], videos, torch.rand_like(videos))
    torch.testing.assert_close(predict(vae, other, SEEN).mean, found.mean)


def test_draws_follow_the_smoothed_codes(vae, videos):
    """The spread of a linear read-out of the codes, against the joint posterior's own."""

    class Linear(torch.nn.Module):
        def forward(self, h):
            # logits so small that their sigmoid is 1/2 + a quarter of them
            return (1e-3 * h.sum(-1))[:, None, None, None].expand(-1, 1, 32, 32)

    decoder, vae.model.decoder = vae.model.decoder, Linear()
    try:
        found = predict(vae, videos, SEEN, num_samples=4_000)
        joint = vae.smooth(videos, seen=SEEN)
    finally:
        vae.model.decoder = decoder
    covariance = joint.covariance.unflatten(-1, (FRAMES, 4)).unflatten(-3, (FRAMES, 4))
    variance = torch.stack([covariance[:, n, :, n, :].sum((-2, -1)) for n in range(FRAMES)], 1)
    spread = 4e3 * found.spread[:, :, 0, 0, 0]
    # five standard errors of a standard deviation from 4,000 draws
    torch.testing.assert_close(spread, variance.sqrt().float(), rtol=5 / 8_000**0.5, atol=0)
    # the walk goes on: the further from what was seen, the less sure
    assert (spread[:, 3] > spread[:, 2]).all()
    assert (spread[:, 2] > spread[:, 1]).all()


def test_the_same_seed_gives_the_same_frames(vae, videos):
    first, second = (predict(vae, videos, SEEN, num_samples=3).mean for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("seen", "options", "message"),
    [
        (torch.ones(3, dtype=torch.bool), {}, r"seen: got tensor.*; give a tensor of 4 truth"),
        (torch.arange(4), {}, r"seen: got tensor.*; give a tensor of 4 truth"),
        ([True] * 4, {}, r"seen: got \[True.*; give a tensor of 4 truth"),
        (torch.zeros(4, dtype=torch.bool), {}, "seen: got .*have one frame or more seen"),
        (SEEN, {"num_samples": 1}, "num_samples: got 1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named(vae, videos, seen, options, message):
    with pytest.raises(InputError, match=message):
        predict(vae, videos, seen, **options)


def test_a_prior_that_is_not_gaussian_is_refused(videos):
    with pytest.raises(NotGaussianPrior):
        predict(small_vae(gallery.laplace_walk), videos, SEEN)
