"""The benchmarks that need a GPU; where there is none, their rows are there and empty."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ..evaluation.track import Track
from .clips import clips
from .limit import limit
from .rows import Row, exact
from .sizes import Sizes
from .sharing import sharing
from .step import seconds, step_times
from .timing import spread

Measure = Callable[[Sizes, Track, str], list[Row]]


def gpu(sizes: Sizes, track: Track, device: str = "cuda") -> list[Row]:
    """A step of 64 clips of 16 frames on a GPU, its limits, its clips and its memory."""
    large = sizes.replace(videos=sizes.gpu_videos)
    times = step_times(large, track, device)
    ours, _, same, default = times.values()
    milliseconds = Row(
        quantity="a step of 64×16 frames", value=spread(1e3 * ours), unit="ms", at_most=4
    )
    return [
        milliseconds,
        Row(quantity="ours over by hand with our settings", value=spread(ours / same), at_most=1.03),
        Row(quantity="by hand, PyTorch's defaults, over ours", value=spread(default / ours)),
        *clips(large, track, device),
        *limit(large, track, device),
        *seconds(times),
        Row(quantity="peak memory of a step on the GPU", value=exact(_peak(device)), unit="GB"),
    ]
