"""Which clips are for training, for validation and for the test: whole clips, by their names."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import PurePosixPath

from ..digits import SPLITS
from . import movies
from .listing import ARRAYS

PART = 0.1  # of the clips for the test, and as many for validation
LEAST = 3  # clips of which each part gets one


def split_clips(names: Sequence[str], one_file: bool = False) -> dict[str, list[int]]:
    """Divide clips into the parts of `SPLITS`.

    A clip in a folder or file called like a part is in this part. Without one, a hash of its name
    gives each clip a place in [0, 1): below 0.1 it is for the test, below 0.2 for validation. Where
    that leaves a part empty, the clips whose places are next fill it, if there are three clips or
    more; fewer are all for training. So a clip stays in its part as others come and go, but for
    these two exceptions, which befall sets of a few dozen clips or fewer.

    Args:
        names: Clips' paths from the root.
        one_file: They are of a single file, which is divided whatever it is called.

    Returns:
        For each part the numbers of its clips, in order.
    """
    if not one_file and any(_part(name) in SPLITS for name in names):
        return {part: [i for i, n in enumerate(names) if _part(n) == part] for part in SPLITS}
    places = [_place(name) for name in names]
    ranked = sorted(range(len(names)), key=places.__getitem__)
    first = second = 0
    if len(names) >= LEAST:
        below = [sum(place < end for place in places) for end in (PART, 2 * PART)]
        first = min(max(below[0], 1), len(names) - 2)
        second = min(max(below[1], first + 1), len(names) - 1)
    parts = (ranked[second:], ranked[first:second], ranked[:first])
    return {part: sorted(numbers) for part, numbers in zip(SPLITS, parts, strict=True)}


def outside(names: Sequence[str]) -> dict[str, str]:
    """Clips that are in no part, where a folder or file is called like one; and that reason."""
    if not any(_part(name) in SPLITS for name in names):
        return {}
    reason = f"outside the folders or files {', '.join(SPLITS)}, one of which is there"
    return {name: reason for name in names if _part(name) not in SPLITS}


def _part(name: str) -> str:
    """What the folder or file in the root is called, in small letters and without a suffix."""
    top = PurePosixPath(name.split("/", 1)[0].lower())
    return top.stem if top.suffix in ARRAYS | movies.SUFFIXES else top.name


def _place(name: str) -> float:
    """A number in [0, 1) that depends on nothing but the name."""
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8]) / 2**64
