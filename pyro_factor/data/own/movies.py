"""Clips in video files, decoded by FFmpeg's libraries through PyAV."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from ...errors import InputError
from .frames import Chunk, Unusable, stacked

SUFFIXES = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif"}
ENOUGH = 0.9  # of the time that the file says it lasts
END = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")  # 00:00:02.000000000


def read_movie(path: Path, name: str) -> Iterator[tuple[str, Iterator[Chunk]]]:
    """Read a video file.

    Yields:
        The name of the clip and its frames.

    Raises:
        InputError: PyAV is not installed.
    """
    yield name, stacked(_frames(path, _import_av(path)))


def _import_av(path: Path) -> Any:
    try:
        import av
    except ImportError:
        advice = "reading videos needs PyAV: pip install 'pyro-factor[video]'"
        raise InputError(f"root: got {str(path)!r}; {advice}") from None
    return av


def _frames(path: Path, av: Any) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """Decode frame by frame, each the way up that its camera says.

    Raises:
        Unusable: No video, a damaged one, or one that ends early.
    """
    times, held = list[float](), 0.0
    try:
        with av.open(str(path)) as file:
            if not file.streams.video:
                raise Unusable("no pictures in it")
            stream = file.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in file.decode(stream):
                times.append(frame.time or 0.0)
                held = float((frame.duration or 0) * stream.time_base)  # a GIF's last one may stay
                # both turn counterclockwise
                yield np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            if len(times) > 1:
                _check_whole(times, held, _seconds(file, stream, times[0]))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Unusable(f"it can't be decoded ({error})") from error


def _check_whole(times: Sequence[float], held: float, promised: float) -> None:
    """Raise `Unusable` where frames end well before the seconds that the file promised."""
    lasted = times[-1] - times[0]
    lasted += max(held, lasted / (len(times) - 1))
    if lasted < ENOUGH * promised:
        raise Unusable(f"it ends after {lasted:.1f} of {promised:.1f} seconds; save it anew")


def _seconds(file: Any, stream: Any, first: float) -> float:
    """How long a video says that it is, from its first frame on; 0 where it doesn't say."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska gives the end of a stream, or of the longest one, as a time from 0
    if end := END.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(float, end.groups())
        return 3600 * hours + 60 * minutes + seconds - first
    alone = len(file.streams) == 1
    return (file.duration or 0) / 1e6 - first if alone else 0.0
