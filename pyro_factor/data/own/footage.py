"""All frames of all clips under a path, read once and held in memory as bytes."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from ...errors import InputError, require
from ...track import tracking
from . import movies, pictures
from .frames import Unusable, fit
from .listing import ARRAYS, Entry, find_clips
from .splits import outside

SHOWN = 10  # clips left out that are named; there may be thousands


class Skipped(NamedTuple):
    """A clip, or a file of clips, that is left out.

    Args:
        name: Its path from the root.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Footage:
    """The frames of clips, one clip after another.

    Attributes:
        frames: Bytes (frames, channels, image_size, image_size).
        names: What each clip is called.
        lengths: Its number of frames, (clips,).
        skipped: What could not be read, and why.
        file: What the root is called where it is a single file.
    """

    frames: UInt8[Tensor, "frames channels size size"]
    names: tuple[str, ...]
    lengths: Int[Tensor, "clips"]
    skipped: tuple[Skipped, ...]
    file: str | None = None


@lru_cache(maxsize=4)  # one that is looked at, on two devices, and another
def read_footage(
    root: str, layout: str | None, image_size: int, channels: int, device: torch.device
) -> Footage:
    """Read every clip under a path, once, and move it to a device once.

    What was found is said on the standard error stream, and what is left out, with the reason.

    Args:
        root: A file or a folder.
        layout: Which axis of an array comes first, see `read_arrays`.
        image_size: Height and width of a frame in pixels.
        channels: 1 for grey, 3 for colour.
        device: Where the frames go.

    Returns:
        The frames.

    Raises:
        InputError: Nothing there, or nothing that can be used.
    """
    if device.type != "cpu":
        read = read_footage(root, layout, image_size, channels, torch.device("cpu"))
        return replace(read, frames=read.frames.to(device))
    require(Path(root).exists(), "root", root, "no such file or folder")
    entries = find_clips(Path(root), layout)
    known = " ".join(sorted(ARRAYS | pictures.SUFFIXES | movies.SUFFIXES))
    require(len(entries) > 0, "root", root, f"give clips as files of these kinds: {known}")
    clips, skipped = _read(entries, image_size, channels)
    if not clips:
        raise InputError(f"root: got {root!r}; no clip in it can be used\n{_list(skipped)}")
    lengths = torch.tensor([len(frames) for frames in clips.values()])
    # from this line one sees whether an array's frames were taken for videos
    shortest, longest = (int(length) for length in lengths.aminmax())
    length = f"{shortest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
    print(f"{root}: {len(clips):,} clips, of {length} frames", file=sys.stderr)
    say_skipped(root, skipped)
    file = entries[0].name if Path(root).is_file() else None
    return Footage(torch.cat([*clips.values()]), (*clips,), lengths, (*skipped,), file)


def say_skipped(root: str, skipped: Iterable[Skipped]) -> None:
    """Say on the standard error stream what is left out, if anything is."""
    if lines := _list([*skipped]):
        print(f"{root}: left out\n{lines}", file=sys.stderr)


def _read(
    entries: list[Entry], image_size: int, channels: int
) -> tuple[dict[str, UInt8[Tensor, "frames c h w"]], list[Skipped]]:
    clips: dict[str, Tensor] = {}
    skipped = outside([entry.name for entry in entries])
    left_out = [Skipped(name, reason) for name, reason in skipped.items()]
    with tracking(len(entries) > 1 and sys.stderr.isatty()) as track:
        for entry in track(entries, len(entries), "Reading clips"):
            if entry.name not in skipped:
                for name, frames in _fitted(entry, image_size, channels):
                    if isinstance(frames, Tensor):
                        clips[name] = frames
                    else:
                        left_out.append(Skipped(name, str(frames)))
    return clips, left_out


def _fitted(entry: Entry, *sizes: int) -> Iterator[tuple[str, Tensor | Unusable]]:
    """The clips of a file; instead of one that can't be used, the reason."""
    try:
        for name, chunks in entry.read():
            try:
                fitted = [fit(chunk, *sizes) for chunk in chunks]
                yield name, torch.cat(fitted) if fitted else Unusable("it has no frames")
            except Unusable as reason:
                yield name, reason
    except Unusable as reason:
        yield entry.name, reason


def _list(skipped: list[Skipped]) -> str:
    lines = [f"  {name}: {reason}" for name, reason in skipped[:SHOWN]]
    more = len(skipped) - SHOWN
    return "\n".join(lines + ([f"  ... and {more:,} more"] if more > 0 else []))
