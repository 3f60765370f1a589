"""Rendered chairs on the disk: a small file for each, found by all that its images depend on."""

import hashlib
import json
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ...files import atomic
from .camera import SUPERSAMPLING, Views
from .render import RENDERER

Images = UInt8[np.ndarray, "azimuths height width"]


def locate(contents: str, views: Views, folder: Path) -> Path:
    """Where the images of a chair are kept, whose `contents` say what it looks like."""
    renderer = {"version": RENDERER, "supersampling": SUPERSAMPLING}
    everything = {"chair": contents, "views": views.settings, "renderer": renderer}
    key = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
    return folder / key[:2] / f"{key}.npz"


def read(path: Path, views: Views) -> Images | None:
    """The images in a file, or None if it is absent or damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            images = file["images"]  # its checksum is compared
    except Exception:  # damage may show anywhere in the reader; the file is then written anew
        return None
    shape = (views.num_azimuths, views.image_size, views.image_size)
    return images if images.shape == shape and images.dtype == np.uint8 else None


def write(path: Path, images: Images) -> None:
    """Keep images, so that a reader finds all of them or none.

    Raises:
        StorageError: The folder can't be written to.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, images=images)
