"""Clips as folders of pictures, a file for each frame."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from .frames import Chunk, Unusable, stacked

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


def read_pictures(paths: Sequence[Path], name: str) -> Iterator[tuple[str, Iterator[Chunk]]]:
    """Read the pictures of one clip, in the order given.

    Yields:
        The name of the clip and its frames.
    """
    yield name, stacked(map(_picture, paths))


def _picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture, the way up that its camera says.

    Raises:
        Unusable: Damaged, of more than 8 bits a channel, or of several pages.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):  # which Pillow would cut off
                raise Unusable(f"{path.name} has more than 8 bits a channel; save it with 8")
            # a camera's JPEG may be in MPO format, with a preview or another view after the photo
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise Unusable(f"{path.name} has several pages; save a file for each frame")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unusable(f"{path.name} can't be read ({error})") from error
