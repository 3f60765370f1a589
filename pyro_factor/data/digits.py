"""Images of digits by the name of their source: scikit-learn's bundled ones, MNIST and its kin."""

import gzip
import math
import os
import tempfile
import zlib
from collections.abc import Callable
from functools import cache, partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..errors import InputError, require
from ..files import user_cache

DIGIT_SIZE, NUM_CLASSES = 28, 10
SPLITS = ("train", "validation", "test")
EMBEDDED_BLOCKS = {"train": slice(1297), "validation": slice(1297, 1497), "test": slice(1497, 1797)}
VALIDATION_DIGITS = 5_000  # the last ones of a torchvision set's training digits

Digits = tuple[UInt8[Tensor, "digits 28 28"], Int[Tensor, "digits"]]


@cache
def load_digits(source: str, root: str | None, split: str, device: torch.device) -> Digits:
    """Images and labels of one split of a source, read once and moved to a device once.

    Args:
        source: A name in `SOURCES`.
        root: Folder in torchvision's layout; a cache folder of the user's when None.
        split: A name in `SPLITS`; no digit is in two of them.
        device: Where the tensors go.

    Returns:
        Images (digits, 28, 28) in 0..255 and labels (digits,).

    Raises:
        InputError: No such folder, a damaged file, or a failed download.
    """
    if device.type == "cpu":
        return SOURCES[source](root, split)
    images, labels = load_digits(source, root, split, torch.device("cpu"))
    return images.to(device), labels.to(device)


def _embedded(root: str | None, split: str) -> Digits:
    """The 1,797 digits bundled with scikit-learn, 8×8 upscaled to 20×20 in a 28×28 frame.

    They are stored writer after writer: as contiguous blocks, the splits hardly share a writer.
    """
    from sklearn import datasets

    images, labels = datasets.load_digits(return_X_y=True)
    small = torch.from_numpy(images).float().view(-1, 1, 8, 8) / 16
    # Bicubic overshoots at sharp edges, hence the clamp.
    smooth = interpolate(small, size=(20, 20), mode="bicubic")
    # a cell counts the ink in 4x4 pixels of a bitmap; a steep curve makes strokes of the counts
    large = (0.5 + 0.5 * torch.tanh(6 * (smooth - 0.5)) / math.tanh(3)).clamp(0, 1)
    framed = (255 * pad(large, (4, 4, 4, 4))[:, 0]).round().byte()
    block = EMBEDDED_BLOCKS[split]
    return framed[block], torch.from_numpy(labels)[block]


def _torchvision(name: str, root: str | None, split: str) -> Digits:
    """Digits of the torchvision data set `name`, downloaded if they are not under `root`."""
    part = "t10k" if split == "test" else "train"
    folder = _data_folder(root)
    files = [
        folder / name / "raw" / f"{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")
    ]
    if not all(file.exists() or _packed(file).exists() for file in files):
        _download(name, folder)
    images, labels = _read_idx(files[0], DIGIT_SIZE, DIGIT_SIZE), _read_idx(files[1]).long()
    _check(images, labels, files[0].parent, least=1 if split == "test" else VALIDATION_DIGITS + 1)
    block = {
        "train": slice(-VALIDATION_DIGITS),
        "validation": slice(-VALIDATION_DIGITS, None),
        "test": slice(None),
    }[split]
    return images[block], labels[block]


# A new source is one more line here.
SOURCES: dict[str, Callable[[str | None, str], Digits]] = {
    "embedded": _embedded,
    "mnist": partial(_torchvision, "MNIST"),
    "fashion-mnist": partial(_torchvision, "FashionMNIST"),
    "kmnist": partial(_torchvision, "KMNIST"),
}


def _data_folder(root: str | None) -> Path:
    """The given folder, or the one in the user's cache, which a download makes."""
    if root is None:
        return user_cache()
    advice = "no such folder; make it to download into it, or leave it out to use the cache folder"
    require(Path(root).is_dir(), "root", root, advice)
    return Path(root)


def _packed(file: Path) -> Path:
    return file.with_name(file.name + ".gz")


def _read_idx(file: Path, *image_shape: int) -> UInt8[Tensor, "digits ..."]:
    """Read an idx file, unpacked or as .gz: torchvision would write beside a packed one."""
    file = file if file.exists() else _packed(file)
    try:
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
        # magic number (bytes, number of dimensions), count, image shape; big-endian
        magic, count, *shape = np.frombuffer(data, ">u4", 2 + len(image_shape)).tolist()
        header, wanted = (magic, *shape), (0x801 + len(shape), *image_shape)
        if header != wanted:
            raise ValueError(f"its header says {header}, not {wanted}")
        pixels = np.frombuffer(bytearray(data), np.uint8, offset=8 + 4 * len(shape))
        return torch.from_numpy(pixels.reshape(count, *image_shape))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        advice = f"this file can't be read ({error}); delete it, and it is downloaded again"
        raise InputError(f"root: got {str(file)!r}; {advice}") from error


def _check(images: Tensor, labels: Tensor, folder: Path, least: int) -> None:
    """Raise unless images and labels belong together and are enough."""

    def hold(condition: bool, found: str) -> None:
        advice = f"it has {found}; delete it, and it is downloaded again"
        require(condition, "root", str(folder), advice)

    hold(len(images) == len(labels), f"{len(images)} images and {len(labels)} labels")
    hold(len(labels) >= least, f"{len(labels)} digits, fewer than {least}")
    largest = int(labels.max())
    hold(largest < NUM_CLASSES, f"a label {largest}, where they are 0..{NUM_CLASSES - 1}")


def _download(name: str, folder: Path) -> None:
    """Let torchvision download into a temporary folder; a broken download leaves nothing."""
    from torchvision import datasets

    raw = folder / name / "raw"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            getattr(datasets, name)(temporary, download=True)
            raw.mkdir(parents=True, exist_ok=True)
            for file in (Path(temporary) / name / "raw").iterdir():
                os.replace(file, raw / file.name)
    except (OSError, RuntimeError, EOFError, HTTPException) as error:
        reason = " ".join(str(error).split())
        advice = (
            f"it has no {name}/raw with the digits, and downloading them failed ({reason}); "
            "give a folder in torchvision's layout, or use the embedded digits"
        )
        raise InputError(f"root: got {str(folder)!r}; {advice}") from error
