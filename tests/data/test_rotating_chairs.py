"""Rotating chairs: held-out chairs, a constant rate, and what the labels say."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyro_factor.config import make_config
from pyro_factor.data import RotatingChairs, VideoData
from pyro_factor.data.chairs import collection
from pyro_factor.errors import InputError
from pyro_factor.inference.runs import build_data

SMALL = {"image_size": 16, "num_azimuths": 9, "num_chairs": 25}


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    """A cache folder of these tests' own, and nothing loaded from another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        collection.load_split.cache_clear()
        collection.load_images.cache_clear()
        yield


@pytest.fixture
def folder(tmp_path):
    """Thirteen boxes of different heights, and two files that are no mesh."""
    return fill(tmp_path, 13)


def fill(folder, count):
    import trimesh

    for number in range(count):
        trimesh.creation.box([1, 1, 1 + 0.2 * number]).export(folder / f"box{number:02}.ply")
    for name in ("empty.ply", "noise.stl"):
        (folder / name).write_bytes(b"")
    return folder


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def steps(data, clips):
    """The azimuths of all frames in half steps, from the positions."""
    sine, cosine = clips.position.double().unbind(-1)
    turn = torch.atan2(sine, cosine) / math.pi * data.num_azimuths
    return turn.round().long() % (2 * data.num_azimuths)


def names(data, split):
    return data.replace(split=split).library.names


def test_no_generated_chair_is_in_two_splits():
    data = RotatingChairs(**SMALL)
    train, validation, test = (names(data, split) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (8, 7, 10)
    assert len({*train, *validation, *test}) == 25


def test_more_generated_chairs_leave_the_held_out_ones_as_they_are():
    data, more = RotatingChairs(**SMALL), RotatingChairs(**SMALL | {"num_chairs": 50})
    assert names(data, "test") == names(more, "test")
    assert len(names(more, "validation")) == 10
    assert not set(names(more, "train")) & {*names(more, "validation"), *names(more, "test")}


def test_no_mesh_of_a_folder_is_in_two_splits(folder, capsys):
    data = RotatingChairs(root=folder, **SMALL)
    train, validation, test = (names(data, split) for split in ("train", "validation", "test"))
    assert len(test) == 10
    assert sorted([*train, *validation, *test]) == [f"box{number:02}.ply" for number in range(13)]
    assert {name for name, _ in data.library.skipped} == {"empty.ply", "noise.stl"}
    assert "Left out: empty.ply: it can't be read" in capsys.readouterr().err


def test_unusable_meshes_take_no_place_in_a_split(tmp_path):
    root = fill(tmp_path, 14)
    for number in range(20):
        (root / f"broken{number}.stl").write_bytes(b"broken")
    data = RotatingChairs(root=root, **SMALL | {"num_chairs": None})
    assert [len(names(data, split)) for split in ("test", "validation", "train")] == [10, 2, 2]


def test_meshes_beyond_the_number_are_told(folder, capsys):
    RotatingChairs(root=folder, **SMALL | {"num_chairs": 14}).batch(1, seeded())
    assert "Left out: all but the first 14 of 15 meshes (num_chairs" in capsys.readouterr().err


def test_all_of_a_folder_can_be_trained_on(folder):
    config = make_config({"source": "chairs", "root": str(folder), "num_chairs": None}, {}, {})
    assert build_data(config).num_chairs is None


def test_ten_meshes_are_enough_to_test_on(tmp_path):
    root = fill(tmp_path, 10)
    (root / "empty.ply").unlink()
    (root / "noise.stl").unlink()
    data, _ = RotatingChairs(root=root, **SMALL).scoring("test")
    assert len(data.library.names) == 10
    assert data.batch(40, seeded()).static.unique().tolist() == list(range(10))
    for split in ("train", "validation"):
        assert data.replace(split=split).contents == {"chairs": 0}
        with pytest.raises(InputError, match=f"chairs_root.*its {split} split is empty; give 12"):
            data.replace(split=split).batch(1, seeded())


@pytest.mark.parametrize("split", ["train", "test"])
def test_too_few_meshes_to_test_on_are_refused_at_once(tmp_path, split):
    with pytest.raises(InputError, match=r"chairs_root.*9 meshes.*test split needs 10"):
        RotatingChairs(root=fill(tmp_path, 7), split=split)


def test_too_few_usable_meshes_are_refused(tmp_path):
    data = RotatingChairs(root=fill(tmp_path, 8), split="test", **SMALL)
    with pytest.raises(InputError, match=r"chairs_root.*8 usable meshes and 2 others.*needs 10"):
        data.batch(1, seeded())


def test_only_the_split_that_is_asked_for_is_rendered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = RotatingChairs(split="test", num_chairs=500, chairs_seed=3, image_size=16)
    assert not list(tmp_path.rglob("*.npz"))  # nothing before it is needed
    data.batch(1, seeded())
    assert len(list(tmp_path.rglob("*.npz"))) == 10


@pytest.mark.parametrize("half_step", [False, True])
def test_frames_are_the_librarys_images_at_the_labelled_azimuths(half_step):
    data = RotatingChairs(half_step=half_step, num_frames=12, **SMALL)
    clips = data.batch(9, seeded())
    turn = steps(data, clips)
    assert (turn % 2 == half_step).all()
    assert torch.equal(clips.item, clips.static)
    for video, chair, path in zip(clips.videos, clips.static, turn.tolist(), strict=True):
        expected = np.stack([data.library.images[chair, step // 2] for step in path])
        np.testing.assert_array_equal((255 * video[:, 0]).round().byte(), expected)


def test_chairs_turn_by_one_step_a_frame_either_way_round():
    data = RotatingChairs(num_frames=20, **SMALL)
    turn = steps(data, data.batch(400, seeded()))
    moves = turn.diff(dim=1) % 18
    assert (moves == moves[:, :1]).all()
    ways = moves[:, 0]
    assert set(ways.tolist()) == {2, 16}
    assert (ways == 2).float().mean() == pytest.approx(0.5, abs=0.1)


def test_chairs_and_starts_are_uniform():
    data = RotatingChairs(split="test", num_frames=1, **SMALL)
    clips = data.batch(4000, seeded())
    chairs = torch.bincount(clips.static, minlength=10) / 4000
    starts = torch.bincount(steps(data, clips)[:, 0] // 2, minlength=9) / 4000
    np.testing.assert_allclose(chairs, 1 / 10, atol=0.02)
    np.testing.assert_allclose(starts, 1 / 9, atol=0.02)


@pytest.mark.parametrize("half_step", [False, True])
def test_temporal_labels_are_eighths_of_a_turn(half_step):
    data = RotatingChairs(half_step=half_step, split="test", **SMALL | {"num_azimuths": 31})
    clips = data.batch(60, seeded())
    angle = torch.atan2(*clips.position.double().unbind(-1)) % (2 * math.pi)
    expected = (angle / (2 * math.pi) * 8 + 1e-6).floor() % 8
    np.testing.assert_array_equal(clips.temporal, expected)
    assert set(clips.temporal.flatten().tolist()) == set(range(8))


def test_the_generator_alone_decides():
    data = RotatingChairs(**SMALL)
    torch.manual_seed(1)
    clips = data.batch(4, seeded(3))
    torch.manual_seed(2)
    collection.load_split.cache_clear()
    collection.load_images.cache_clear()
    again, other = RotatingChairs(**SMALL).batch(4, seeded(3)), data.batch(4, seeded(4))
    for name in ("videos", "static", "temporal", "position"):
        assert torch.equal(getattr(clips, name), getattr(again, name))
        assert not torch.equal(getattr(clips, name), getattr(other, name))


def test_offers_what_every_data_set_does():
    data = RotatingChairs(num_frames=3, half_step=True, **SMALL)
    assert isinstance(data, VideoData)
    fit, score = data.scoring("test")
    assert (fit.split, fit.half_step) == ("test", False)
    assert (score.split, score.half_step) == ("test", True)
    assert fit.library.names == score.library.names
    assert (fit.library.images != score.library.images).any()
    assert fit.replace(split="train", half_step=True) == data


def test_settings_rebuild_the_data(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    data = RotatingChairs("chairs", folder.name, split="test", num_chairs=None, up="y", facing="z")
    stored = json.loads(json.dumps(data.settings))
    assert stored["root"] == str(folder)
    assert stored["source"] == "chairs"
    assert set(stored) == {*SMALL, *("source", "root", "split", "num_frames", "elevation")} | {
        *("half_step", "chairs_seed", "up", "facing")
    }
    assert RotatingChairs(**stored) == data
    assert data.image_shape == (1, 64, 64)
    assert data.replace(num_frames=3).settings == {**data.settings, "num_frames": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "tables"}, "source: got 'tables'.*chairs"),
        ({"split": "dev"}, "split: got 'dev'.*train, validation, test"),
        ({"num_frames": 0}, "num_frames: got 0"),
        ({"image_size": 4}, "image_size: got 4"),
        ({"num_azimuths": 1}, "num_azimuths: got 1"),
        ({"elevation": 100.0}, "elevation: got 100"),
        ({"num_chairs": None}, "num_chairs: got None"),
        ({"num_chairs": 11}, "num_chairs: got 11; give at least 12"),
        ({"num_chairs": -1}, "num_chairs: got -1"),
        ({"num_chairs": 9, "root": ".", "split": "test"}, "num_chairs: got 9; give at least 10"),
        ({"chairs_seed": -1}, "chairs_seed: got -1"),
        ({"up": "up"}, "up: got 'up'"),
        ({"facing": "w"}, "facing: got 'w'"),
        ({"up": "x", "facing": "-x"}, "facing: got '-x'"),
        ({"root": "/no/such/folder"}, "chairs_root: got '/no/such/folder'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        RotatingChairs(**arguments)


def test_an_empty_batch_is_refused():
    with pytest.raises(InputError, match="num_videos: got 0"):
        RotatingChairs(**SMALL).batch(0, seeded())


@given(
    num_videos=st.integers(1, 4),
    num_frames=st.integers(1, 40),
    split=st.sampled_from(["train", "validation", "test"]),
    seed=st.integers(0, 2**31),
)
def test_shapes_and_ranges(num_videos, num_frames, split, seed):
    data = RotatingChairs(split=split, num_frames=num_frames, **SMALL)
    clips = data.batch(num_videos, seeded(seed))
    assert clips.videos.shape == (num_videos, num_frames, *data.image_shape)
    assert clips.static.shape == (num_videos,)
    assert clips.temporal.shape == (num_videos, num_frames)
    assert clips.position.shape == (num_videos, num_frames, 2)
    assert clips.static.max() < len(data.library.names)
    assert clips.videos.min() > 0.1
    assert clips.videos.max() == 1
    np.testing.assert_allclose(clips.position.norm(dim=-1), 1, atol=1e-6)
