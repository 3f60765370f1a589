"""Batches of windows from clips of one's own."""

import json

import numpy as np
import pytest
import torch
from own_clips import moving, write_movie, write_pictures

from pyro_factor.data import VideoClips
from pyro_factor.errors import InputError

SIZE, LENGTHS = 16, (5, 9, 4, 12, 3, 8)
SMALL = {"num_frames": 4, "image_size": SIZE}


def numbered(clip, frames):
    """Grey frames, each of one shade that tells the clip and the frame."""
    shades = 20 * clip + np.arange(frames, dtype=np.uint8)
    return np.broadcast_to(shades[:, None, None], (frames, SIZE, SIZE))


@pytest.fixture
def root(tmp_path):
    """Six clips of several lengths, in folders that say their parts."""
    for clip, (length, part) in enumerate(
        zip(LENGTHS, ["train"] * 4 + ["validation", "test"], strict=True)
    ):
        (tmp_path / part).mkdir(exist_ok=True)
        np.save(tmp_path / part / f"{clip}.npy", numbered(clip, length))
    return tmp_path


def seen(data, batches=20):
    """The clip and the frames of every window drawn."""
    generator = torch.Generator().manual_seed(0)
    shades = [data.batch(32, generator).videos[:, :, 0, 0, 0] for _ in range(batches)]
    bytes_ = (255 * torch.cat(shades)).round().long()
    return {(window[0] // 20, *(shade % 20 for shade in window)) for window in bytes_.tolist()}


def expected(clips, num_frames, stride, step=1):
    return {
        (clip, *range(start, start + num_frames * step, step))
        for clip in clips
        for start in range(0, LENGTHS[clip] - (num_frames - 1) * step, stride)
    }


def test_every_window_of_a_part_is_drawn_and_no_other(root, capsys):
    train = VideoClips(root, **SMALL)
    assert seen(train) == expected(range(4), 4, 4)
    assert capsys.readouterr().err == f"{root}: 6 clips, of 3 to 12 frames\n"
    assert seen(train.replace(stride=1)) == expected(range(4), 4, 1)
    assert seen(train.replace(frame_step=3)) == expected([3], 4, 12, 3)
    assert seen(train.replace(split="test", num_frames=2)) == expected([5], 2, 2)


def test_windows_are_drawn_uniformly(root):
    data = VideoClips(root, **SMALL, stride=1)
    videos = data.batch(6_000, torch.Generator().manual_seed(1)).videos
    _, counts = (255 * videos[:, 0, 0, 0, 0]).round().long().unique(return_counts=True)
    windows = len(expected(range(4), 4, 1))
    assert len(counts) == windows
    # no shade of the first frame is in two windows; four standard errors
    assert (counts - 6_000 / windows).abs().max() < 4 * (6_000 / windows) ** 0.5


def test_short_clips_are_named_once(root, capsys):
    data = VideoClips(root, **SMALL | {"num_frames": 6})
    assert [tuple(skipped) for skipped in data.skipped] == [
        ("train/0.npy", "5 frames, fewer than 6"),
        ("train/2.npy", "4 frames, fewer than 6"),
    ]
    said = capsys.readouterr().err
    assert "train/2.npy: 4 frames, fewer than 6" in said
    assert "validation" not in said
    data.batch(2, torch.Generator())
    VideoClips(root, **SMALL | {"num_frames": 6})
    assert not capsys.readouterr().err
    with pytest.raises(InputError, match="num_frames: got 13; the longest clip has 12 frames"):
        data.replace(num_frames=13)
    short = VideoClips(root, **SMALL, split="validation")  # no matter until clips are drawn
    assert short.contents["clips"] == 0
    with pytest.raises(InputError, match="num_frames: got 4; the longest validation clip has 3"):
        short.batch(1, torch.Generator())


def test_a_seed_fixes_a_batch_and_files_are_read_once(root):
    data = VideoClips(root, **SMALL)
    first, again = (data.batch(5, torch.Generator().manual_seed(3)).videos for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, data.batch(5, torch.Generator().manual_seed(4)).videos)
    for path in root.rglob("*.npy"):
        path.unlink()
    assert torch.equal(first, data.replace().batch(5, torch.Generator().manual_seed(3)).videos)


def test_labels_are_those_of_the_frames_drawn(root):
    lines = ["clip,frame,temporal,static,y,x"]
    for path in root.rglob("*.npy"):
        clip, name = int(path.stem), path.relative_to(root).as_posix()
        for frame in range(LENGTHS[clip]):
            lines.append(f"{name},{frame},{frame},{clip},{clip + frame / 20},{-frame}")
    (root / "labels.csv").write_text("\n".join(lines))
    clips = VideoClips(root, **SMALL, stride=1).batch(50, torch.Generator().manual_seed(0))
    shades = (255 * clips.videos[:, :, 0, 0, 0]).round().long()
    assert torch.equal(clips.static, shades[:, 0] // 20)
    assert torch.equal(clips.item, clips.static + 1)  # of all names, that of the test part is first
    assert torch.equal(clips.temporal, shades % 20)
    y = clips.static[:, None] + clips.temporal / 20
    torch.testing.assert_close(clips.position, torch.stack([y, -clips.temporal], -1))


def test_without_labels_there_are_none_and_a_file_elsewhere_may_be_given(root, tmp_path_factory):
    clips = VideoClips(root, **SMALL).batch(3, torch.Generator())
    assert clips.static is clips.temporal is clips.position is None
    path = tmp_path_factory.mktemp("elsewhere") / "identities.csv"
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.npy"))
    path.write_text("clip,static\n" + "\n".join(f"{name},{name.split('/')[0]}" for name in names))
    clips = VideoClips(root, **SMALL, labels=path).batch(3, torch.Generator())
    assert clips.static.tolist() == [1, 1, 1]  # test, train, validation
    assert clips.temporal is None
    with pytest.raises(InputError, match=r"labels: got .*nowhere"):
        VideoClips(root, **SMALL, labels=root / "nowhere.csv")


def test_labels_beside_a_single_file_are_read(tmp_path):
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.stack([numbered(clip, 5) for clip in range(4)]))
    rows = [f"{name}/{clip},{name}{clip}" for name in ("a.npy", "b.npy") for clip in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["clip,static", *rows]))
    clips = VideoClips(tmp_path / "b.npy", **SMALL).batch(20, torch.Generator().manual_seed(0))
    assert torch.equal(clips.static, (255 * clips.videos[:, 0, 0, 0, 0]).round().long() // 20)
    (tmp_path / "more.csv").write_text("\n".join(["clip,static", *rows, "b.npy/4,x"]))
    with pytest.raises(InputError, match=r"line 10: there is no clip 'b\.npy/4'"):
        VideoClips(tmp_path / "b.npy", **SMALL, labels=tmp_path / "more.csv")


def test_labels_that_are_written_later_are_those_of_later_clips(root, capsys):
    def write(*classes):
        rows = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.npy"))]
        lines = [f"{row},{classes[i % len(classes)]}" for i, row in enumerate(rows)]
        (root / "labels.csv").write_text("\n".join(["clip,static", *lines]))

    data = [VideoClips(root, **SMALL)]
    write("cat", "dog")
    data.append(VideoClips(root, **SMALL))
    write("cow", "dog")  # as many bytes
    data.append(data[0].replace())
    (root / "labels.csv").write_text("clip")
    with pytest.raises(InputError, match="line 1: columns clip; name them"):
        VideoClips(root, **SMALL)
    (root / "labels.csv").unlink()
    data.append(data[0].replace())
    # the ones made before keep their own
    names = [each.class_names.get("static") for each in data]
    assert names == [None, ["cat", "dog"], ["cow", "dog"], None]
    batches = [each.batch(2, torch.Generator()) for each in data]
    assert [batch.static is None for batch in batches] == [True, False, False, True]
    assert len(set(data)) == 1
    assert capsys.readouterr().err.count("clips, of") == 1  # the frames were read once


def test_settings_make_the_same_clips_again(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    data = VideoClips(root.name, **SMALL, stride=2, image_channels=3)
    assert data.image_shape == (3, SIZE, SIZE)
    settings = json.loads(json.dumps(data.settings))
    assert settings["root"] == str(root)
    monkeypatch.chdir(root)
    again = VideoClips(**settings)
    assert again == data
    videos = [each.batch(4, torch.Generator().manual_seed(0)).videos for each in (data, again)]
    assert videos[0].shape == (4, 4, 3, SIZE, SIZE)
    assert torch.equal(*videos)


def test_formats_side_by_side_in_colour(tmp_path):
    for clip in range(4):
        write_pictures(tmp_path / f"pictures {clip}", moving(6, 24, 20, clip))
        write_movie(tmp_path / f"{clip}.mkv", moving(5, 32, 48, clip), "ffv1", "bgr0")
    np.save(tmp_path / "arrays.npy", np.stack([moving(7, 16, 16, clip) for clip in range(30)]))
    data = VideoClips(tmp_path, **SMALL, image_channels=3)
    sets = [seen_pixels(data.replace(split=split)) for split in ("train", "validation", "test")]
    assert all(sets)
    assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    assert sum(map(len, sets)) == 38  # each clip has one window


def seen_pixels(data):
    generator = torch.Generator().manual_seed(0)
    videos = torch.cat([data.batch(100, generator).videos for _ in range(8)])
    assert 0 <= videos.min() < videos.max() <= 1
    assert videos.std(2).max() > 0.1  # colours
    return {video.numpy().tobytes() for video in videos}


def test_two_clips_make_one_part(tmp_path):
    for clip in range(2):
        np.save(tmp_path / f"{clip}.npy", numbered(clip, 5))
    data = VideoClips(tmp_path, **SMALL)
    assert data.contents == {"clips": 2, "windows": 2}
    test = data.replace(split="test")
    assert test.contents == {"clips": 0, "windows": 0}
    assert not test.skipped
    for use in (lambda: test.batch(1, torch.Generator()), lambda: data.scoring("test")):
        with pytest.raises(InputError, match="split: got 'test'; it has no such clip; give 3"):
            use()


def test_clips_outside_the_folders_of_parts_are_left_out(root, capsys):
    np.save(root / "stray.npy", numbered(0, 5))
    data = VideoClips(root, **SMALL)
    assert "stray.npy: outside the folders or files train, " in capsys.readouterr().err
    assert [skipped.name for skipped in data.skipped] == ["stray.npy"]


def test_files_called_like_parts_are_not_mixed(tmp_path):
    np.save(tmp_path / "train.npy", np.stack([numbered(clip, 5) for clip in range(6)]))
    np.save(tmp_path / "Test.npy", np.stack([numbered(clip, 5) for clip in range(6, 10)]))
    data = VideoClips(tmp_path, **SMALL)
    assert {clip for clip, *_ in seen(data)} == set(range(6))
    assert {clip for clip, *_ in seen(data.replace(split="test"))} == set(range(6, 10))
    alone = VideoClips(tmp_path / "train.npy", **SMALL)
    assert alone.contents["clips"] == 4
    assert alone.replace(split="test").contents["clips"] == 1


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("source", "mnist"),
        ("split", "dev"),
        ("num_frames", 0),
        ("image_size", 0),
        ("image_channels", 2),
        ("stride", 0),
        ("frame_step", 0),
        ("layout", "NTHW"),
    ],
)
def test_bad_arguments_are_named(root, argument, value):
    with pytest.raises(InputError, match=f"^{argument}: got {value!r}; "):
        VideoClips(root, **SMALL | {argument: value})
    with pytest.raises(InputError, match="num_videos: got 0"):
        VideoClips(root, **SMALL).batch(0, torch.Generator())


@pytest.mark.usefixtures("unchecked")
def test_clips_lie_somewhere():
    with pytest.raises(InputError, match=r"^root: got None; give the file or folder"):
        VideoClips(None, **SMALL)
