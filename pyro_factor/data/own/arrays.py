"""Clips in NumPy arrays: (videos, frames, height, width[, channels]), or a single clip."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from .array_files import find_arrays, readable
from .frames import CHUNK, Chunk, Unusable

LAYOUTS = ("videos-first", "frames-first")
MOVING_MNIST, MOVING_MNIST_FRAMES = "mnist_test_seq.npy", 20  # published with its frames first
CHANNELS, WITH_ALPHA = (1, 3), (2, 4)
SMALLEST = 8  # pixels on a side; a smaller picture is rather a table
SAMPLE = 16  # videos and frames that tell which is which
CLEARLY = 0.9  # part of the difference to the other neighbours

Videos = Shaped[np.ndarray, "videos frames height width channels"]


def read_arrays(path: Path, name: str, layout: str | None) -> Iterator[tuple[str, Iterator[Chunk]]]:
    """Read a .npy file, memory-mapped, or the arrays of a .npz file, one after another.

    Args:
        path: The file. Arrays of one or two axes in a .npz file, such as labels, are passed over.
        name: What its clips are called; where it holds several, their numbers follow.
        layout: Which axis comes first, see `LAYOUTS`. Unless given, videos do; frames do in the
            file of Moving MNIST.

    Yields:
        The name of a clip and its frames.

    Raises:
        Unusable: A damaged file. An array that can't be used raises it where its frames are asked
            for: damaged, of objects, another dtype or shape, tiny pictures, bytes no larger than
            1, or frames that seem to come first where nobody said so.
    """
    for key, read in find_arrays(path):
        own = f"{name}/{key}" if key else name
        try:
            with readable():
                array = read()
            if array is not None:
                yield from _clips(array, own, layout, path.name)
        except Unusable as reason:
            yield own, _left_out(reason)


def _clips(
    array: np.ndarray, name: str, layout: str | None, file: str
) -> Iterator[tuple[str, Iterator[Chunk]]]:
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise Unusable(f"dtype {array.dtype}; save uint8, or floats in [0, 1]")
    channels = _with_channels(array, layout)
    if array.dtype == np.uint8 and _is_mask(array):
        raise Unusable("bytes of 0 and 1, which are all but black; multiply them by 255")
    if channels.ndim == 4:
        yield name, _chunks(channels)
    else:
        videos = _videos_first(channels, layout, file)
        if not len(videos):
            raise Unusable("it has no videos")
        yield from ((f"{name}/{i}", _chunks(clip)) for i, clip in enumerate(videos))


def _left_out(reason: Unusable) -> Iterator[Chunk]:
    raise reason
    yield  # so that it is raised when frames are asked for, and other arrays are read


def _is_mask(array: np.ndarray) -> bool:
    """Whether the largest value is 1; at the first that is larger, the rest isn't read."""
    largest = 0
    for part in array:
        largest = max(largest, int(part.max(initial=0)))
        if largest > 1:
            break
    return largest == 1


def _with_channels(array: np.ndarray, layout: str | None) -> np.ndarray:
    """The array with an axis of channels at its end.

    Raises:
        Unusable: Axes that could be read in two ways, or in none; tiny pictures.
    """
    shape, axes = array.shape, array.ndim
    if axes in {4, 5} and shape[-1] in WITH_ALPHA:
        advice = f"save 1 or 3, without alpha: a[..., :{shape[-1] - 1}]"
        raise Unusable(f"shape {shape}, which ends in {shape[-1]} channels; {advice}")
    if axes in {4, 5} and shape[-1] in CHANNELS:
        channels = array
    # (height, width, 3) would be a grey clip; (frames, 3, height, width), unless a layout is given,
    # videos of 3 frames
    elif (axes == 3 and shape[-1] not in CHANNELS) or (
        axes == 4 and (layout or shape[1] not in CHANNELS)
    ):
        channels = array[..., None]
    else:
        raise Unusable(
            f"shape {shape}; save (videos, frames, height, width[, channels]) or one clip "
            "(frames, height, width[, channels]), channels last, 1 or 3 of them; give them an axis "
            "where another has that length"
        )
    height, width = channels.shape[-3:-1]
    if min(height, width) < SMALLEST:
        advice = f"give pictures of {SMALLEST} pixels or more on a side"
        raise Unusable(f"shape {shape}, pictures of {height}×{width} pixels; {advice}")
    return channels


def _videos_first(array: np.ndarray, layout: str | None, file: str) -> Videos:
    if layout is None and file == MOVING_MNIST and len(array) == MOVING_MNIST_FRAMES:
        layout = "frames-first"
    if layout is None and _alike(array, axis=0) < CLEARLY * _alike(array, axis=1):
        raise Unusable(
            f"shape {array.shape[:4]}, and neighbours along the first axis are more alike than "
            "along the second, as if frames came first; set the layout: videos-first or "
            "frames-first"
        )
    return np.moveaxis(array, 1, 0) if layout == "frames-first" else array


def _alike(array: np.ndarray, axis: int) -> float:
    """How much neighbours along an axis differ, in the array's middle; 0 without neighbours."""
    middle = tuple(slice(max(n - SAMPLE, 0) // 2, (n + SAMPLE) // 2) for n in array.shape[:2])
    sample = array[middle].astype(np.float32)
    if not sample.size or min(sample.shape[:2]) == 1:
        return 0.0
    with np.errstate(invalid="ignore"):  # infinities are refused clip by clip
        return float(np.abs(np.diff(sample, axis=axis)).mean())


def _chunks(clip: Chunk) -> Iterator[Chunk]:
    return (clip[start : start + CHUNK] for start in range(0, len(clip), CHUNK))
