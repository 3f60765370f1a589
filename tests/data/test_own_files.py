"""Folders of pictures and video files."""

import re
import sys

import numpy as np
import pytest
import torch
from own_clips import moving, write_movie, write_pictures
from PIL import Image

from pyro_factor.data.own.footage import read_footage
from pyro_factor.errors import InputError

CPU = torch.device("cpu")
SIDE = 32

CODECS = {  # suffix: codec, pixel format, options, largest mean error
    "mp4": ("libx264", "yuv420p", {"crf": "10"}, 6),
    "avi": ("mpeg4", "yuv420p", {"qscale": "2"}, 14),
    "mov": ("mpeg4", "yuv420p", {"qscale": "2"}, 14),
    "mkv": ("ffv1", "bgr0", {}, 0),
    "webm": ("libvpx-vp9", "yuv420p", {"crf": "10"}, 5),
    "gif": ("gif", "rgb8", {}, 20),
}


def read(root, image_size=SIDE, channels=3):
    return read_footage(str(root), None, image_size, channels, CPU)


def only(footage):
    """The frames of the only clip, (frames, height, width, channels)."""
    assert len(footage.names) == 1
    return footage.frames.permute(0, 2, 3, 1).numpy()


def reason(root):
    with pytest.raises(InputError, match=r"^root: .*no clip in it can be used") as error:
        read(root)
    return str(error.value)


@pytest.fixture(scope="module")
def frames():
    return moving(12, SIDE, SIDE)


def error(found, frames):
    assert found.shape == frames.shape
    return np.abs(found.astype(int) - frames).mean()


def test_pictures_are_frames_in_natural_order(tmp_path, frames):
    write_pictures(tmp_path / "a clip", frames)  # 0.png ... 11.png
    footage = read(tmp_path)
    assert footage.names == ("a clip",)
    np.testing.assert_array_equal(only(footage), frames)


def test_pictures_in_the_root_are_one_clip(tmp_path, frames):
    write_pictures(tmp_path / "root", frames)
    footage = read(tmp_path / "root")
    assert footage.names == (".",)
    np.testing.assert_array_equal(only(footage), frames)


@pytest.mark.parametrize(
    ("kind", "mode", "largest"),
    [("jpg", "RGB", 4), ("bmp", "RGB", 0), ("webp", "RGB", 6), ("tif", "RGBA", 0), ("pgm", "L", 0)],
)
def test_kinds_of_pictures(tmp_path, frames, kind, mode, largest):
    (tmp_path / "a").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).convert(mode).save(tmp_path / f"a/{number:03}.{kind.upper()}")
    expected = [Image.fromarray(frame).convert(mode).convert("RGB") for frame in frames]
    assert error(only(read(tmp_path)), np.stack([*map(np.asarray, expected)])) <= largest


def test_a_picture_is_shown_the_way_up_that_its_camera_says(tmp_path, frames):
    turned = Image.Exif()
    turned[0x0112] = 6  # turn clockwise to show
    (tmp_path / "a").mkdir()
    Image.fromarray(frames[0]).save(tmp_path / "a/0.png", exif=turned)
    np.testing.assert_array_equal(only(read(tmp_path))[0], np.rot90(frames[0], -1))


def test_a_photo_that_holds_more_views_is_its_first_one(tmp_path, frames):
    (tmp_path / "a").mkdir()
    photo, other = map(Image.fromarray, frames[[0, -1]])
    photo.save(tmp_path / "a/0.jpg", "MPO", save_all=True, append_images=[other], quality=95)
    assert error(only(read(tmp_path)), frames[:1]) <= 4


def test_names_in_any_script(tmp_path, frames):
    write_pictures(tmp_path / "Bär/прыжок", frames[:3])
    write_movie(tmp_path / "ねこ.mkv", frames[:5], "ffv1", "bgr0")
    np.save(tmp_path / "e\u0301.npy", frames)  # as macOS spells it
    footage = read(tmp_path)
    assert sorted(zip(footage.names, footage.lengths.tolist(), strict=True)) == [
        ("Bär/прыжок", 3),
        ("\u00e9.npy", 12),
        ("ねこ.mkv", 5),
    ]


@pytest.mark.parametrize("suffix", CODECS)
def test_a_video_is_near_what_was_written(tmp_path, frames, suffix):
    codec, pixels, options, largest = CODECS[suffix]
    write_movie(tmp_path / f"a.{suffix}", frames, codec, pixels, **options)
    found = only(read(tmp_path))
    assert error(found, frames) <= largest
    # as every frame is in its place, no other is nearer
    distance = np.abs(found[:, None].astype(int) - frames).mean((2, 3, 4))
    assert distance.argmin(1).tolist() == list(range(12))


def test_clips_of_several_sizes_and_lengths(tmp_path, frames):
    write_movie(tmp_path / "a.mkv", moving(5, 48, 64), "ffv1", "bgr0")
    write_pictures(tmp_path / "b", moving(3, 20, 16))
    np.save(tmp_path / "c.npy", frames)
    footage = read(tmp_path, image_size=24)
    assert footage.lengths.tolist() == [5, 3, 12]
    assert footage.frames.shape == (20, 3, 24, 24)


def test_a_telephones_video_is_turned_upright(tmp_path, frames):
    # a stream of both rotations is played turned by so many degrees, counterclockwise
    for degrees, quarters in ((90, 1), (-90, -1), (180, 2)):
        path = tmp_path / f"{degrees}.mp4"
        write_movie(path, frames, "libx264", rotation=degrees, crf="10")
        assert error(only(read(path)), np.rot90(frames, quarters, axes=(1, 2))) < 6


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mov", "mkv", "webm"])
def test_a_truncated_video_is_refused(tmp_path, suffix):
    frames = np.random.default_rng(0).integers(256, size=(30, 32, 32, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    write_movie(path, frames, *CODECS[suffix][:2])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "a." + suffix in reason(tmp_path)


MATROSKA = [("mkv", "aac"), ("webm", "libopus")]


def untagged(path):
    """Take the duration of each stream out of a Matroska file."""
    path.write_bytes(path.read_bytes().replace(b"DURATION", b"SOMETHIN"))


@pytest.mark.parametrize("tagged", [True, False])
@pytest.mark.parametrize(("suffix", "sound"), MATROSKA)
def test_a_video_is_whole_whatever_its_sound_and_its_start(tmp_path, frames, suffix, sound, tagged):
    codec = CODECS[suffix][:2]
    write_movie(tmp_path / f"loud.{suffix}", frames, *codec, sound=(sound, 3))
    write_movie(tmp_path / f"late.{suffix}", frames, *codec, start=5)
    write_movie(tmp_path / f"both.{suffix}", frames, *codec, start=5, sound=(sound, 9))
    if not tagged:
        for path in tmp_path.iterdir():
            untagged(path)
    footage = read(tmp_path)
    assert footage.lengths.tolist() == [12] * 3
    assert not footage.skipped


@pytest.mark.parametrize("case", ["loud", "late", "late and untagged"])
@pytest.mark.parametrize(("suffix", "sound"), MATROSKA)
def test_a_truncated_one_is_refused_all_the_same(tmp_path, suffix, sound, case):
    frames = np.random.default_rng(0).integers(256, size=(30, 32, 32, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    options = {"sound": (sound, 3)} if case == "loud" else {"start": 40}
    write_movie(path, frames, *CODECS[suffix][:2], **options)
    if "untagged" in case:
        untagged(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert re.search(r"ends after 1\.\d of 3\.0 seconds", reason(tmp_path))


@pytest.mark.parametrize("suffix", ["mp4", "gif", "mkv", "png", "jpg", "tif"])
@pytest.mark.parametrize("content", [b"", b"this is a text\n" * 50])
def test_other_files_under_a_known_suffix_are_refused(tmp_path, suffix, content):
    (tmp_path / f"a.{suffix}").write_bytes(content)
    assert f"a.{suffix}" in reason(tmp_path) or suffix in {"png", "jpg", "tif"}


def test_a_damaged_picture_leaves_its_clip_out(tmp_path, frames, capsys):
    for clip in "ab":
        write_pictures(tmp_path / clip, frames)
    path = tmp_path / "b/3.png"
    path.write_bytes(path.read_bytes()[:-200])
    footage = read(tmp_path)
    assert footage.names == ("a",)
    assert [skipped.name for skipped in footage.skipped] == ["b"]
    assert "b: 3.png can't be read" in capsys.readouterr().err


def test_pictures_of_several_sizes_are_no_clip(tmp_path, frames):
    write_pictures(tmp_path / "a", [*frames[:3], moving(1, 20, 16)[0]])
    assert "a frame of 20×16 after one of 32×32" in reason(tmp_path)
    write_pictures(tmp_path / "b", [*frames[:8], moving(1, 20, 16)[0]])
    assert "a frame of 20×16 after one of 32×32" in reason(tmp_path / "b")


def test_pictures_that_pillow_would_cut_off_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "a/0.png")
    assert "more than 8 bits" in reason(tmp_path)
    (tmp_path / "b").mkdir()
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "b/0.tif", save_all=True, append_images=pages[1:])
    assert "several pages" in reason(tmp_path / "b")


def test_a_video_without_pyav_says_what_to_install(tmp_path, frames, monkeypatch):
    write_movie(tmp_path / "a.mkv", frames, "ffv1", "bgr0")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"^root: .*a\.mkv.*pip install 'pyro-factor\[video\]'"):
        read(tmp_path)


def test_sound_alone_is_no_clip(tmp_path):
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 8_000
        file.mux(stream.encode(silence))
        file.mux(stream.encode())
    assert "no pictures in it" in reason(tmp_path)


def test_many_left_out_are_counted(tmp_path, frames, capsys):
    write_pictures(tmp_path / "good", frames)
    for number in range(13):
        (tmp_path / f"{number}.mp4").write_bytes(b"no video")
    assert len(read(tmp_path).skipped) == 13
    said = capsys.readouterr().err
    assert "9.mp4" in said
    assert "10.mp4" not in said
    assert "... and 3 more" in said


def test_a_gif_may_hold_its_last_picture(tmp_path, frames):
    first, *others = map(Image.fromarray, frames)
    held = [100] * len(others) + [3000]
    first.save(tmp_path / "held.gif", save_all=True, append_images=others, duration=held)
    assert only(read(tmp_path)).shape == frames.shape


def test_links_are_followed_but_for_those_that_go_round(tmp_path, frames):
    write_pictures(tmp_path / "elsewhere" / "a clip", frames)
    root = tmp_path / "root"
    root.mkdir()
    (root / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(root)
    assert read(root).names == ("train/a clip",)
