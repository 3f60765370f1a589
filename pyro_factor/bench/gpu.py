"""The benchmarks of a GPU; where there is none, their rows are there and empty."""

from dataclasses import replace

import torch

from ..inference.captured import WARMUP
from ..track import Track
from .clips import clips
from .limit import limit
from .rows import Row, exact
from .sharing import sharing
from .sizes import Sizes
from .step import seconds, step_times, turns
from .steps import Way
from .timing import spread

STEP = Row(quantity="a step of 64×16 frames", value=None, unit="ms", at_most=4.0)
PYRO = Row(quantity="ours over by hand with our settings", value=None, at_most=1.03)
DEFAULTS = Row(quantity="by hand, PyTorch's defaults, over ours", value=None)
CAPTURED = Row(quantity="ours as a CUDA graph, a step", value=None, unit="ms", at_most=4.0)
CLIPS = Row(quantity="drawing clips over a step", value=None, at_most=0.03)
GRAPH = Row(quantity="ours over ours as a CUDA graph", value=None)
GUESSED = Row(quantity="... with kernels that cuDNN guesses, over that graph", value=None)
MEASURED = Row(quantity="... with kernels that cuDNN measures, over that graph", value=None)
FLOOR = Row(quantity="a step over the larger of both", value=None)
SHARED = Row(quantity="4 together over one alone", value=None)


def gpu(sizes: Sizes, track: Track) -> list[Row]:
    """A step of the paper's batch on a GPU, its limits, its clips and its memory."""
    if not torch.cuda.is_available():
        return [STEP, PYRO, DEFAULTS, GRAPH, GUESSED, MEASURED, CAPTURED, CLIPS, FLOOR]
    return on_gpu(sizes, track, "cuda")


def gpu_sharing(sizes: Sizes, track: Track) -> list[Row]:
    """Several trainings on one GPU."""
    if not torch.cuda.is_available():
        return [SHARED]
    return sharing(sizes.replace(videos=sizes.gpu_videos), track, "cuda")


def on_gpu(sizes: Sizes, track: Track, device: str) -> list[Row]:
    """The same on any device, so that it is tested where there is no GPU."""
    large = sizes.replace(videos=sizes.gpu_videos, matrix=sizes.gpu_matrix)
    times = step_times(large, track, device)
    ours, _, same, default = times.values()
    return [
        replace(STEP, value=spread(1e3 * ours)),
        replace(PYRO, value=spread(ours / same)),
        replace(DEFAULTS, value=spread(default / ours)),
        *_graph(large, track, device),
        *clips(large, track, device),
        *limit(large, track, device),
        *seconds(times),
        *_memory(large, device),
    ]


def _graph(sizes: Sizes, track: Track, device: str) -> list[Row]:
    if not device.startswith("cuda"):
        return []
    ways = {"ours": Way(sizes=sizes, device=device)}
    ways["graph"] = graph = replace(ways["ours"], cuda_graph=True)
    ways |= {name: replace(graph, kernels=name) for name in ("guessed", "measured")}
    steps = sizes.replace(warmup=sizes.warmup + WARMUP)  # the first are done one by one
    times = turns(ways, steps, track, "CUDA graph")
    return [
        replace(GRAPH, value=spread(times["ours"] / times["graph"])),
        replace(GUESSED, value=spread(times["guessed"] / times["graph"])),
        replace(MEASURED, value=spread(times["measured"] / times["graph"])),
        replace(CAPTURED, value=spread(1e3 * times["graph"])),
    ]


def _memory(sizes: Sizes, device: str) -> list[Row]:
    if not device.startswith("cuda"):
        return []
    work = Way(sizes=sizes, device=device).build()
    torch.cuda.reset_peak_memory_stats(device)
    work()
    peak = torch.cuda.max_memory_allocated(device) / 1e9
    return [Row(quantity="peak memory of a step on the GPU", value=exact(peak), unit="GB")]
