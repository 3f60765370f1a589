"""The arrays in NumPy's files, each read by itself; nothing is unpickled."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from .frames import Unusable

BROKEN = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


def find_arrays(path: Path) -> Iterator[tuple[str, Callable[[], np.ndarray | None]]]:
    """The arrays of a file, to be read one at a time.

    Args:
        path: A .npy file, memory-mapped, whose array has no key; or a .npz file.

    Yields:
        The key of an array, and what reads it: None for fewer than three axes in a .npz file.

    Raises:
        Unusable: A damaged file.
    """
    if path.suffix.lower() == ".npy":
        yield "", partial(npy.open_memmap, path, mode="r")
        return
    with readable():
        file = zipfile.ZipFile(path)
    with file:
        for member in file.namelist():
            yield member.removesuffix(".npy"), partial(_member, file, member)


def _member(file: zipfile.ZipFile, member: str) -> np.ndarray | None:
    """An array of a .npz file, or None: fewer than three axes, or no array at all."""
    with file.open(member) as stream:
        if stream.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            return None
        stream.seek(0)
        first = npy.read_magic(stream) == (1, 0)  # later versions have longer headers
        shape, *_ = (npy.read_array_header_1_0 if first else npy.read_array_header_2_0)(stream)
    if len(shape) < 3:
        return None
    with file.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


@contextmanager
def readable() -> Iterator[None]:
    """Raise `Unusable` for what reading a damaged file, or one of objects, raises."""
    try:
        yield
    except BROKEN as error:
        raise Unusable(f"it can't be read ({error})") from error
