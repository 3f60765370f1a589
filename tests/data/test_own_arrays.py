"""NumPy arrays: each layout is read as it is meant, or refused with a reason."""

import zipfile

import numpy as np
import pytest
import torch
from own_clips import FRAMES, SIZE, moving

from pyro_factor.data.own.footage import read_footage
from pyro_factor.errors import InputError

CPU = torch.device("cpu")


def read(root, layout=None, channels=1):
    return read_footage(str(root), layout, SIZE, channels, CPU)


def clips(footage):
    """Bytes (frames, channels, height, width) by name."""
    parts = footage.frames.split(footage.lengths.tolist())
    return {name: part.numpy() for name, part in zip(footage.names, parts, strict=True)}


def reason(root, **options):
    with pytest.raises(InputError) as error:
        read(root, **options)
    assert str(error.value).startswith(f"root: got {str(root)!r}")
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clips.npy"


@pytest.fixture(scope="module")
def colour():
    """Three videos (3, FRAMES, SIZE, SIZE, 3)."""
    return np.stack([moving(seed=seed) for seed in range(3)])


def test_grey_videos_keep_every_byte(path, colour):
    np.save(path, colour[..., 0])
    found = clips(read(path))
    assert list(found) == [f"clips.npy/{number}" for number in range(3)]
    np.testing.assert_array_equal(np.stack([*found.values()])[:, :, 0], colour[..., 0])


def test_colour_keeps_every_byte_and_goes_grey_as_pillow_does(path, colour):
    from PIL import Image

    np.save(path, colour)
    read_back = np.stack([*clips(read(path, channels=3)).values()])
    np.testing.assert_array_equal(read_back, np.moveaxis(colour, -1, 2))
    grey = clips(read(path))["clips.npy/1"][4, 0]
    theirs = np.asarray(Image.fromarray(colour[1, 4]).convert("L"))
    assert np.abs(grey.astype(int) - theirs).max() <= 1


def test_grey_shown_in_colour_is_the_same_in_all_three(path, colour):
    np.save(path, colour[..., :1])
    found = clips(read(path, channels=3))["clips.npy/0"]
    np.testing.assert_array_equal(found, np.repeat(colour[0, ..., :1], 3, -1).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f4", "float64"])
def test_floats_are_bytes_of_255(path, colour, dtype):
    np.save(path, (colour[..., 0] / 255).astype(dtype))
    found = clips(read(path))["clips.npy/2"][:, 0]
    assert np.abs(found.astype(int) - colour[2, ..., 0]).max() <= (dtype == "float16")


@pytest.mark.parametrize("channel", [slice(None), slice(1), 0])
def test_an_array_of_one_clip(path, colour, channel):
    np.save(path, colour[0][..., channel])
    assert {name: len(frames) for name, frames in clips(read(path)).items()} == {
        "clips.npy": FRAMES
    }


def test_a_folder_of_arrays_in_natural_order(tmp_path, colour):
    for number in (10, 9):
        np.save(tmp_path / f"{number}.npy", colour[number % 3, ..., 0])
    (tmp_path / "sub").mkdir()
    np.savez(tmp_path / "sub/many.npz", a=colour[:2], labels=np.arange(2), b=colour[2])
    with zipfile.ZipFile(tmp_path / "sub/many.npz", "a") as file:
        file.writestr("readme.txt", "not an array")
    (tmp_path / ".hidden").mkdir()
    np.save(tmp_path / ".hidden/11.npy", colour)
    (tmp_path / "notes.txt").write_text("not a clip")
    found = clips(read(tmp_path, channels=3))
    names = ["9.npy", "10.npy", "sub/many.npz/a/0", "sub/many.npz/a/1", "sub/many.npz/b"]
    assert list(found) == names
    np.testing.assert_array_equal(found["sub/many.npz/b"], np.moveaxis(colour[2], -1, 1))


def test_moving_mnist_is_known_by_its_name(tmp_path):
    videos = np.stack([moving(20, seed=seed)[..., 0] for seed in range(4)])
    published = tmp_path / "mnist_test_seq.npy"
    np.save(published, videos.swapaxes(0, 1))
    found = clips(read(published))
    assert len(found) == 4
    np.testing.assert_array_equal(np.stack([*found.values()])[:, :, 0], videos)


def test_frames_first_is_asked_for_or_refused(path, colour):
    np.save(path, colour.swapaxes(0, 1))
    assert "as if frames came first; set the layout" in reason(path)
    found = clips(read(path, "frames-first", 3))
    np.testing.assert_array_equal(np.stack([*found.values()]), np.moveaxis(colour, -1, 2))
    # whoever says that videos come first is believed
    assert list(read(path, "videos-first").lengths) == [3] * FRAMES


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("videos", "frames"), [(4, 20), (20, 4), (12, 12), (40, 30)])
def test_videos_are_read_in_their_order_or_refused(tmp_path, capsys, videos, frames, first):
    array = np.stack([moving(frames, 8, 8, seed)[..., 0] for seed in range(videos)])
    np.save(tmp_path / "a.npy", array.swapaxes(0, 1) if first else array)
    if first:
        assert f"shape {(frames, videos, 8, 8)}" in reason(tmp_path)
    else:
        assert read(tmp_path).lengths.tolist() == [frames] * videos
        # whatever was made of it, it is said
        assert f"{videos} clips, of {frames} frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    "shape",
    [
        (SIZE, SIZE),
        (SIZE, SIZE, 3),
        (FRAMES, 3, SIZE, SIZE),
        (2, FRAMES, 3, SIZE, SIZE),
        (2, FRAMES, SIZE, SIZE, 5),
        (1, 2, FRAMES, SIZE, SIZE, 3),
        (),
    ],
)
def test_shapes_that_could_mean_something_else_are_refused(path, shape):
    np.save(path, np.zeros(shape, np.uint8))
    assert f"shape {shape}; save (videos, frames, height, width[, channels])" in reason(path)


@pytest.mark.parametrize("second", [1, 3])
def test_a_layout_tells_videos_of_3_frames_from_colours(path, colour, second):
    array = colour[:, :second, ..., 0].repeat(2, 0)
    np.save(path, array)
    assert "save (videos, frames" in reason(path)
    found = clips(read(path, "videos-first"))
    np.testing.assert_array_equal(np.stack([*found.values()])[:, :, 0], array)
    found = clips(read(path, "frames-first"))
    np.testing.assert_array_equal(np.stack([*found.values()])[:, :, 0], array.swapaxes(0, 1))


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("videos", [(), (5,)])
def test_alpha_is_refused(path, channels, videos):
    shape = (*videos, FRAMES, SIZE, SIZE, channels)
    np.save(path, np.zeros(shape, np.uint8))
    advice = f"save 1 or 3, without alpha: a[..., :{channels - 1}]"
    assert f"shape {shape}, which ends in {channels} channels; {advice}" in reason(path)


@pytest.mark.parametrize("dtype", ["int64", "uint16", "bool", "complex64", "U3"])
def test_other_dtypes_are_refused(path, dtype):
    np.save(path, np.zeros((2, 3, 8, 8)).astype(dtype))
    assert "save uint8, or floats in [0, 1]" in reason(path)


def test_masks_of_0_and_1_are_refused_as_bytes_only(path, colour):
    masks = (colour[..., 0] > 128).astype(np.uint8)
    for array in (masks, masks[0]):
        np.save(path, array)
        assert "bytes of 0 and 1, which are all but black; multiply them by 255" in reason(path)
    for name, array in {"byte": 255 * masks, "float": masks.astype(np.float32)}.items():
        np.save(path.with_name(f"{name}.npy"), array)
        found = clips(read(path.with_name(f"{name}.npy")))
        np.testing.assert_array_equal(np.stack([*found.values()])[:, :, 0], 255 * masks)
    np.save(path.with_name("black.npy"), np.zeros_like(masks))
    assert not read(path.with_name("black.npy")).frames.any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.5, 255.0])
def test_floats_outside_the_unit_interval_are_left_out(tmp_path, path, value, capsys):
    videos = np.full((3, 4, 8, 8), 0.5)
    videos[1, 2, 3, 3:5] = videos[1, 3, 3, 3:5] = value
    np.save(path, videos)
    footage = read(path)
    assert footage.names == ("clips.npy/0", "clips.npy/2")
    ((name, why),) = footage.skipped
    assert name == "clips.npy/1"
    assert "scale floats to [0, 1]" in why
    said = capsys.readouterr().err
    assert f"clips.npy/1: {why}" in said
    assert read(path) is footage  # once
    assert not capsys.readouterr().err
    np.save(path.with_name("other.npy"), videos[1:2])
    assert "no clip in it can be used" in reason(path.with_name("other.npy"))


def test_objects_are_never_unpickled(path):
    np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
    assert "can't be read" in reason(path)
    packed = path.with_suffix(".npz")
    np.savez(packed, a=np.array([[[{}]]], dtype=object), allow_pickle=True)
    assert "a: it can't be read" in reason(packed)


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
def test_an_array_of_a_file_is_left_out_by_itself(tmp_path, colour):
    others = {
        "whole": np.zeros((2, 3, 8, 8), np.int64),
        "labels": np.arange(3),
        "words": np.array(["a", None], dtype=object),
        "things": np.array([[[{}]]], dtype=object),
        "tiny": np.zeros((6, 10, 4)),
        "flat": np.zeros((2, FRAMES, 7, 16)),
        "named": np.zeros((2, 2, 2), [("\u00e9\u4e00", float)]),  # a header of another version
    }
    np.savez_compressed(tmp_path / "m.npz", **others, last=colour[0])
    footage = read(tmp_path, channels=3)
    np.testing.assert_array_equal(clips(footage)["m.npz/last"], np.moveaxis(colour[0], -1, 1))
    whys = dict(footage.skipped)
    assert [*whys] == [f"m.npz/{key}" for key in ("whole", "things", "tiny", "flat", "named")]
    assert "dtype int64; save uint8" in whys["m.npz/whole"]
    assert "it can't be read (Object arrays" in whys["m.npz/things"]
    assert "shape (6, 10, 4), pictures of 10×4 pixels; give pictures of 8" in whys["m.npz/tiny"]
    assert "pictures of 7×16 pixels" in whys["m.npz/flat"]
    assert "dtype [(" in whys["m.npz/named"]


def test_a_damaged_array_of_a_file_is_left_out_by_itself(path, colour):
    path = path.with_suffix(".npz")
    np.savez(path, a=colour, b=colour)
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    footage = read(path)
    assert footage.names == tuple(f"clips.npz/b/{number}" for number in range(3))
    ((name, why),) = footage.skipped
    assert name == "clips.npz/a"
    assert "it can't be read (Bad CRC" in why


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"hello",
        lambda data: data[:-40],
        lambda data: data[: len(data) // 2],
        lambda data: data[:200] + bytes(300) + data[500:-40],
    ],
)
def test_damaged_files_are_refused(path, colour, suffix, damage):
    path = path.with_suffix(suffix)
    (np.save if suffix == ".npy" else np.savez_compressed)(path, colour)
    path.write_bytes(damage(path.read_bytes()))
    assert "can't be read" in reason(path)


def test_an_array_by_the_other_suffix_is_refused(tmp_path, colour):
    np.save(tmp_path / "a.npy", colour)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    assert "can't be read" in reason(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", a=colour)
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    assert "can't be read" in reason(tmp_path / "b.npy")


def test_without_frames_or_pixels(path):
    np.save(path, np.zeros((2, 0, 8, 8), np.uint8))
    assert "it has no frames" in reason(path)
    np.save(path, np.zeros((2, 4, 0, 8), np.uint8))
    assert "pictures of 0×8 pixels" in reason(path)
    with zipfile.ZipFile(path.with_suffix(".npz"), "w"):
        pass
    assert "no clip" in reason(path.with_suffix(".npz"))


@pytest.mark.parametrize(
    ("layout", "shape"),
    [(None, (0, 10, SIZE, SIZE)), ("frames-first", (10, 0, SIZE, SIZE, 3))],
)
def test_without_videos(tmp_path, colour, layout, shape):
    np.save(tmp_path / "none.npy", np.zeros(shape, np.uint8))
    np.save(tmp_path / "one.npy", colour[0])
    footage = read(tmp_path, layout)
    assert footage.names == ("one.npy",)
    assert footage.skipped == (("none.npy", "it has no videos"),)


def test_nothing_there(tmp_path):
    assert "no such file or folder" in reason(tmp_path / "nowhere")
    assert ".npy" in reason(tmp_path)


def test_the_middle_square_is_resized_without_aliasing(path):
    wide = np.zeros((1, 2, 4 * SIZE, 10 * SIZE), np.uint8)
    wide[..., 3 * SIZE : 7 * SIZE] = 200
    wide[..., ::2, 3 * SIZE : 7 * SIZE] = 0  # stripes that would alias to 0 or 200
    np.save(path, wide)
    (small,) = clips(read(path)).values()
    assert small.shape == (2, 1, SIZE, SIZE)
    assert np.abs(small[..., 1:-1, :].astype(int) - 100).max() <= 12
    np.save(path.with_name("tall.npy"), wide.swapaxes(2, 3))
    (turned,) = clips(read(path.with_name("tall.npy"))).values()
    assert np.abs(turned.astype(int) - small.swapaxes(2, 3)).max() <= 1
