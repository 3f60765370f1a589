"""Digit images: each source in its layout, disjoint splits, clear errors."""

import gzip
import subprocess
import sys
from urllib.error import URLError

import numpy as np
import pytest
import torch

from pyro_factor.data import digits
from pyro_factor.errors import InputError

CPU = torch.device("cpu")
NUM_TRAIN, NUM_TEST = 5_006, 7  # 5,000 training digits are set aside for validation


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """No cached digits, and a network that is never there."""

    def unreachable(url, *args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", unreachable)
    digits.load_digits.cache_clear()


def numbered(count, mark):
    """Images that hold their own number and a mark in the first three pixels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(count) % 256, np.arange(count) // 256
    images[:, 0, 2] = mark
    return images


def idx(array):
    """The idx format: magic number 0, 0, 8 (uint8), dimensions; sizes; data."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def idx_files():
    return {
        f"{part}-{kind}-ubyte": idx(array)
        for part, images in {
            "train": numbered(NUM_TRAIN, 1),
            "t10k": numbered(NUM_TEST, 2),
        }.items()
        for kind, array in {
            "images-idx3": images,
            "labels-idx1": images[:, 0, 0] % 10,
        }.items()
    }


def write(folder, packed):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in idx_files().items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data, 1))
        else:
            (folder / name).write_bytes(data)


def numbers(source, root, split):
    images, labels = digits.load_digits(source, root, split, CPU)
    assert torch.equal(labels, images[:, 0, 0].long() % 10)
    return (images[:, 0, 0].long() + 256 * images[:, 0, 1].long()).tolist(), set(
        images[:, 0, 2].tolist()
    )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("source", "name"),
    [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_reads_torchvisions_layout(tmp_path, source, name, packed):
    write(tmp_path / name / "raw", packed)
    before = sorted(tmp_path.rglob("*"))
    assert numbers(source, str(tmp_path), "train") == (list(range(6)), {1})
    assert numbers(source, str(tmp_path), "validation") == (list(range(6, NUM_TRAIN)), {1})
    assert numbers(source, str(tmp_path), "test") == (list(range(NUM_TEST)), {2})
    assert sorted(tmp_path.rglob("*")) == before  # a root is never written to when it is complete


def test_agrees_with_torchvision(tmp_path):
    from torchvision.datasets import MNIST

    write(tmp_path / "MNIST" / "raw", packed=False)
    images, labels = digits.load_digits("mnist", str(tmp_path), "test", CPU)
    theirs = MNIST(tmp_path, train=False)
    assert torch.equal(images, theirs.data)
    assert torch.equal(labels, theirs.targets)


def test_downloads_what_is_absent_into_the_cache_folder(tmp_path, monkeypatch):
    asked = []

    def fake(url, download_root, filename, md5):
        asked.append(url)
        with open(f"{download_root}/{filename.removesuffix('.gz')}", "wb") as file:
            file.write(idx_files()[filename.removesuffix(".gz")])

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", fake)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert numbers("kmnist", None, "test") == (list(range(NUM_TEST)), {2})
    assert len(asked) == 4
    digits.load_digits.cache_clear()
    assert numbers("kmnist", None, "train")[0] == list(range(6))
    assert len(asked) == 4
    assert [path.name for path in (tmp_path / "cache" / "pyro_factor").iterdir()] == ["KMNIST"]


def test_a_failed_download_leaves_nothing_and_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"^root.*MNIST/raw.*no network.*embedded"):
        digits.load_digits("mnist", str(tmp_path), "train", CPU)
    assert not list(tmp_path.iterdir())


def test_a_missing_root_is_not_made(tmp_path):
    with pytest.raises(InputError, match=r"^root.*nowhere.*no such folder"):
        digits.load_digits("mnist", str(tmp_path / "nowhere"), "train", CPU)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("t10k-images-idx3-ubyte.gz", lambda data: data[:-20]),
        ("t10k-images-idx3-ubyte.gz", lambda data: b"<html>not found</html>"),
        ("t10k-labels-idx1-ubyte.gz", lambda data: gzip.compress(gzip.decompress(data)[:-1])),
        ("t10k-labels-idx1-ubyte.gz", lambda data: b""),
    ],
)
def test_a_damaged_file_is_named(tmp_path, file, damage):
    write(tmp_path / "MNIST" / "raw", packed=True)
    path = tmp_path / "MNIST" / "raw" / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=f"^root.*{file}.*can't be read"):
        digits.load_digits("mnist", str(tmp_path), "test", CPU)


def test_embedded_splits_are_the_bundled_digits_in_order():
    from sklearn import datasets

    small, labels = datasets.load_digits(return_X_y=True)
    parts = [digits.load_digits("embedded", None, split, CPU) for split in digits.SPLITS]
    assert [len(part[1]) for part in parts] == [1297, 200, 300]
    np.testing.assert_array_equal(torch.cat([part[1] for part in parts]), labels)
    images = torch.cat([part[0] for part in parts]).numpy()
    framed, inside = images.copy(), images[:, 4:24, 4:24]
    framed[:, 4:24, 4:24] = 0
    assert not framed.any()
    # Quarters of each side cover the same part of the digit at both resolutions.
    coarse = inside.reshape(-1, 4, 5, 4, 5).mean((2, 4)) / 255
    expected = small.reshape(-1, 4, 2, 4, 2).mean((2, 4)) / 16
    # not the same, since strokes are made sharp
    assert np.corrcoef(coarse.ravel(), expected.ravel())[0, 1] > 0.98
    pairs = zip(coarse.reshape(-1, 16), expected.reshape(-1, 16), strict=True)
    assert min(np.corrcoef(a, b)[0, 1] for a, b in pairs) > 0.9


def test_digits_are_read_once(tmp_path):
    write(tmp_path / "MNIST" / "raw", packed=True)
    first = digits.load_digits("mnist", str(tmp_path), "test", CPU)
    (tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz").unlink()
    assert digits.load_digits("mnist", str(tmp_path), "test", CPU) is first


def test_importing_the_data_room_loads_no_data_library():
    code = "import sys, pyro_factor.data; print({'torchvision', 'sklearn'} & {*sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
