"""Bouncing digits: where they are, what they show, and what their labels say."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_factor.data import BouncingDigits
from pyro_factor.data.bouncing_digits import bounce, cell, paste
from pyro_factor.data.digits import load_digits
from pyro_factor.errors import InputError


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def corners(clips, free):
    """Pixel positions (y, x) of the digits, from their labels."""
    return (clips.position * free).round().long()


def simulated_bounce(start, velocity, num_frames):
    """A ball moved frame by frame, turned round at each wall it meets."""
    place, velocity, path = start.copy(), velocity.copy(), [start]
    for _ in range(num_frames - 1):
        place = place + velocity
        for axis in range(2):
            while not 0 <= place[axis] <= 1:
                wall = 0 if place[axis] < 0 else 1
                place[axis] = 2 * wall - place[axis]
                velocity[axis] = -velocity[axis]
        path.append(place.copy())
    return np.stack(path)


@pytest.mark.parametrize("step", [0.03, 0.1, 1.0, 3.7])
def test_bounces_as_a_simulated_ball(step):
    start = torch.rand(20, 2, dtype=torch.float64)
    angle = 2 * math.pi * torch.rand(20, dtype=torch.float64)
    velocity = step * torch.stack([angle.sin(), angle.cos()], -1)
    path = bounce(start, velocity, 100)
    balls = zip(start.numpy(), velocity.numpy(), strict=True)
    expected = [simulated_bounce(*ball, 100) for ball in balls]
    np.testing.assert_allclose(path, np.stack(expected), atol=1e-10)


def test_shows_the_labelled_digit_at_the_labelled_position():
    data = BouncingDigits(num_frames=20)
    clips = data.batch(12, seeded())
    images, labels = load_digits("embedded", None, "train", torch.device("cpu"))
    assert torch.equal(labels[clips.item], clips.static)
    for video, item, path in zip(clips.videos, clips.item, corners(clips, 36), strict=True):
        crops = torch.stack(
            [
                frame[0, y : y + 28, x : x + 28]
                for frame, (y, x) in zip(video, path.tolist(), strict=True)
            ]
        )
        crops = (255 * crops).round().byte()
        assert (crops == images[item]).all()  # one digit in all frames
        # Nothing is lost at a wall, and nothing else is in the frame.
        total = images[item].sum() / 255
        torch.testing.assert_close(video.sum((1, 2, 3)), total.expand(20), rtol=1e-5, atol=0.0)


def test_pastes_every_pixel_up_to_the_edges():
    digits = torch.rand(2, 28, 28)
    corner = torch.tensor([[[0, 0], [4, 0]], [[0, 4], [3, 4]]])
    frames = paste(digits, corner, 32)
    expected = np.zeros((2, 2, 1, 32, 32), np.float32)
    for video, frame in np.ndindex(2, 2):
        y, x = corner[video, frame]
        expected[video, frame, 0, y : y + 28, x : x + 28] = digits[video]
    np.testing.assert_array_equal(frames, expected)


def test_cells_are_row_major_thirds_of_the_free_range():
    corner = torch.tensor([[[0, 0], [11, 12], [0, 24], [12, 11], [23, 23], [24, 0], [36, 36]]])
    assert cell(corner, 36).tolist() == [[0, 1, 2, 3, 4, 6, 8]]


def test_temporal_labels_are_the_cells_of_the_positions():
    clips = BouncingDigits(num_frames=60).batch(30, seeded())
    thirds = np.minimum(np.floor(clips.position.double().numpy() * 3 + 1e-5), 2)
    np.testing.assert_array_equal(clips.temporal, 3 * thirds[..., 0] + thirds[..., 1])
    assert set(clips.temporal.flatten().tolist()) == set(range(9))


def test_starts_are_uniform():
    clips = BouncingDigits(num_frames=1).batch(2000, seeded())
    frequency = torch.bincount(clips.temporal.flatten(), minlength=9) / 2000
    np.testing.assert_allclose(frequency, 1 / 9, atol=0.03)
    assert corners(clips, 36).amin() == 0
    assert corners(clips, 36).amax() == 36


@pytest.mark.parametrize("step", [0.1, 0.2])
def test_steps_have_their_length_and_any_direction(step):
    clips = BouncingDigits(num_frames=2, image_size=128, step=step).batch(400, seeded())
    first, second = clips.position.unbind(1)
    inner = ((first - 0.5).abs() < 0.48 - step).all(-1)  # these don't meet a wall
    move = (second - first)[inner]
    np.testing.assert_allclose(move.norm(dim=-1), step, atol=0.015)  # a pixel is 0.01
    angle = torch.atan2(move[:, 0], move[:, 1])
    for k in (1, 2, 4):
        spread = torch.stack([(k * angle).cos().mean(), (k * angle).sin().mean()])
        assert spread.abs().max() < 4 / math.sqrt(2 * len(angle))


def test_the_generator_alone_decides():
    data = BouncingDigits()
    torch.manual_seed(1)
    clips = data.batch(4, seeded(3))
    torch.manual_seed(2)
    again, other = BouncingDigits().batch(4, seeded(3)), data.batch(4, seeded(4))
    for name in ("videos", "static", "temporal", "position"):
        assert torch.equal(getattr(clips, name), getattr(again, name))
        assert not torch.equal(getattr(clips, name), getattr(other, name))


def test_a_generator_goes_on():
    generator = seeded()
    first, second = (BouncingDigits().batch(4, generator) for _ in range(2))
    assert not torch.equal(first.position, second.position)


def test_settings_rebuild_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = BouncingDigits("embedded", "digits", split="test", num_frames=3, image_size=40, step=0.2)
    stored = json.loads(json.dumps(data.settings))
    assert stored == {
        "source": "embedded",
        "root": str(tmp_path / "digits"),
        "split": "test",
        "num_frames": 3,
        "image_size": 40,
        "step": 0.2,
    }
    assert BouncingDigits(**stored) == data
    assert data.image_shape == (1, 40, 40)


def test_replace_changes_only_what_it_names():
    data = BouncingDigits(step=0.2)
    longer = data.replace(split="test", num_frames=32)
    assert longer.settings == {**data.settings, "split": "test", "num_frames": 32}
    with pytest.raises(InputError, match="num_frames"):
        data.replace(num_frames=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "mnits"}, "source: got 'mnits'.*embedded, mnist, fashion-mnist, kmnist"),
        ({"split": "dev"}, "split: got 'dev'.*train, validation, test"),
        ({"num_frames": 0}, "num_frames: got 0"),
        ({"image_size": 27}, "image_size: got 27.*28"),
        ({"step": 0.0}, "step: got 0.0"),
        ({"step": 1.01}, "step: got 1.01"),
        ({"step": math.nan}, "step: got nan"),
        ({"source": "mnist", "root": "/no/such/folder"}, "root: got '/no/such/folder'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        BouncingDigits(**arguments)


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match="num_videos: got 0"):
        BouncingDigits().batch(0, seeded())


@settings(max_examples=40, deadline=None)
@given(
    num_videos=st.integers(1, 4),
    num_frames=st.integers(1, 40),
    image_size=st.integers(28, 70),
    step=st.floats(0.001, 1),
    split=st.sampled_from(["train", "validation", "test"]),
    seed=st.integers(0, 2**31),
)
def test_shapes_and_ranges(*, num_videos, num_frames, image_size, step, split, seed):
    data = BouncingDigits(split=split, num_frames=num_frames, image_size=image_size, step=step)
    clips = data.batch(num_videos, seeded(seed))
    assert clips.videos.shape == (num_videos, num_frames, *data.image_shape)
    assert clips.static.shape == (num_videos,)
    assert clips.temporal.shape == (num_videos, num_frames)
    assert clips.position.shape == (num_videos, num_frames, 2)
    limits = {"videos": (0, 1), "static": (0, 9), "temporal": (0, 8), "position": (0, 1)}
    for name, (low, high) in limits.items():
        values = getattr(clips, name)
        assert low <= values.min()
        assert values.max() <= high
    # Straight on or reflected, no frame moves further than a step and its rounding.
    moves = clips.position.diff(dim=1).norm(dim=-1) * (image_size - 28)
    assert (moves <= step * (image_size - 28) + math.sqrt(2) + 1e-4).all()
