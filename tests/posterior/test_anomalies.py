"""Frames that do not fit their clip, where all is known."""

import numpy as np
import pytest
import torch
from oracles import factored_covariance
from scipy.stats import multivariate_normal
from small_pairs import FRAMES, NOISE, SLOPE, VIDEOS, linear_pair

from pyro_factor.errors import InputError
from pyro_factor.posterior.anomalies import Anomalies, anomalies, cavities
from pyro_factor.posterior.anomaly_report import anomaly_figure, found_line, spoil


@pytest.fixture
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2)


def test_cavities_are_the_smoothed_codes_of_a_frame_that_was_not_seen(videos):
    vae = linear_pair()
    found = cavities(vae, videos)
    for frame in range(FRAMES):
        joint = vae.smooth(videos, seen=torch.arange(FRAMES) != frame)
        torch.testing.assert_close(found.loc[:, frame], joint.loc[:, frame])
        at = slice(4 * frame, 4 * frame + 4)
        expected = joint.covariance[:, at, at]
        torch.testing.assert_close(found.covariance_matrix[:, frame], expected)


def test_both_are_the_dense_gaussians(videos):
    found = anomalies(linear_pair(), videos, num_samples=20_000)
    covariance = SLOPE**2 * factored_covariance(FRAMES) + NOISE**2 * np.eye(4 * FRAMES)
    for clip, video in enumerate(videos.flatten(1).numpy()):
        for frame in range(FRAMES):
            own = np.arange(4 * frame, 4 * frame + 4)
            rest = np.setdiff1d(np.arange(4 * FRAMES), own)
            whole, part, alone = (
                multivariate_normal(np.zeros(len(at)), covariance[np.ix_(at, at)]).logpdf(video[at])
                for at in (np.arange(4 * FRAMES), rest, own)
            )
            # weights p(h) have a spread of about their mean or less
            assert found.given_rest[clip, frame] == pytest.approx(whole - part, abs=0.1)
            assert found.alone[clip, frame] == pytest.approx(alone, abs=0.1)


def test_a_frame_of_another_clip_is_the_strangest(videos):
    steady = videos[:, :1].expand(-1, FRAMES, -1, -1, -1).clone()
    steady[0, 1] += 1.5
    found = anomalies(linear_pair(), steady, num_samples=2_000)
    assert found.strangest[0] == 1
    assert found.surprise[0, 1] > found.surprise[1].max() + 2


def test_the_same_seed_gives_the_same_numbers(videos):
    first, second = (anomalies(linear_pair(), videos, num_samples=3) for _ in range(2))
    np.testing.assert_array_equal(first.given_rest, second.given_rest)


def test_bad_input_is_named(videos):
    with pytest.raises(InputError, match=r"videos: got .*; give clips of 2"):
        anomalies(linear_pair(), videos[:, :1])
    with pytest.raises(InputError, match="num_samples: got 0"):
        anomalies(linear_pair(), videos, num_samples=0)


def test_a_foreign_frame_is_of_a_clip_that_shows_something_else(videos):
    four = torch.rand(4, *videos.shape[1:])
    spoiled, foreign = spoil(four, torch.tensor([7, 7, 3, 7]))
    for clip, donor in enumerate([2, 2, 3, 2]):
        assert torch.equal(spoiled[clip, foreign[clip]], four[donor, foreign[clip]])
    with pytest.raises(InputError, match="item: got 'one for all clips'; take clips of two"):
        spoil(four, torch.zeros(4, dtype=torch.long))


def test_a_clip_is_spoiled_in_one_frame(videos):
    spoiled, foreign = spoil(videos, torch.arange(VIDEOS))
    for clip, frame in enumerate(foreign):
        changed = (spoiled[clip] != videos[clip]).flatten(1).any(-1)
        assert changed.nonzero().flatten().tolist() == [frame]
        assert torch.equal(spoiled[clip, frame], videos[(clip + 1) % VIDEOS, frame])
    found = Anomalies(-np.eye(2, FRAMES), np.zeros((2, FRAMES)))
    line = found_line(found, np.array([0, 2]))
    assert "2 clips of 3: it is the most surprising frame in 1, the least" in line
    bars = anomaly_figure(spoiled[0], found, 0).axes[1].patches
    assert [bar.get_height() for bar in bars] == [1, 0, 0]
