"""What lies under a path: the files and folders that hold clips."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import movies, pictures
from .arrays import read_arrays
from .frames import Chunk

ARRAYS = {".npy", ".npz"}


class Entry(NamedTuple):
    """A file or folder with one clip or several.

    Args:
        name: Its path from the root, with slashes.
        read: Gives the name and the frames of each clip.
    """

    name: str
    read: Callable[[], Iterator[tuple[str, Iterator[Chunk]]]]


def find_clips(root: Path, layout: str | None) -> list[Entry]:
    """Everything under a path that may hold clips, in natural order.

    Args:
        root: A file, or a folder that is looked through with all its folders, but for hidden ones.
        layout: Which axis of an array comes first, see `read_arrays`.

    Returns:
        An entry for each array file, each video file, and each folder of pictures.
    """
    if root.is_file():
        return list(_entries({root: [root]}, root.parent, layout))
    folders = defaultdict[Path, list[Path]](list)
    for path in _files(root):
        picture = path.suffix.lower() in pictures.SUFFIXES
        folders[path.parent if picture else path].append(path)
    found = _entries(folders, root, layout)
    return sorted(found, key=lambda entry: natural(entry.name))


def _files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files in a folder and its folders, links followed but for those that go round."""
    real = folder.resolve()
    for path in folder.iterdir() if real not in above else ():
        if not path.name.startswith("."):
            if path.is_dir():
                yield from _files(path, (*above, real))
            elif path.is_file():
                yield path


def natural(text: str) -> tuple[list[str | int], str]:
    """A key to sort by, in which 9 comes before 10."""
    parts = re.split("([0-9]+)", text)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], text


def composed(text: str) -> str:
    """The one spelling of an accented letter, of which file systems have two."""
    return unicodedata.normalize("NFC", text)


def _entries(found: dict[Path, list[Path]], root: Path, layout: str | None) -> Iterator[Entry]:
    for path, files in found.items():
        suffix = files[0].suffix.lower()
        name = composed(path.relative_to(root).as_posix())
        if suffix in pictures.SUFFIXES:
            ordered = sorted(files, key=lambda file: natural(file.name))
            yield Entry(name, partial(pictures.read_pictures, ordered, name))
        elif suffix in ARRAYS:
            yield Entry(name, partial(read_arrays, path, name, layout))
        elif suffix in movies.SUFFIXES:
            yield Entry(name, partial(movies.read_movie, path, name))
