"""Our step as a CUDA graph: launched as one, with no Python or Pyro between its kernels.

An experiment that the benchmark of a GPU runs where there is one; training doesn't use it.
"""

from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor

from ..evaluation.intervals import Estimate
from ..track import Track
from .sizes import Sizes
from .steps import Way
from .timing import spread, take_turns, timed

WARMUP = 3  # steps before the capture, which libraries choose their kernels in


def graph_gain(sizes: Sizes, track: Track, device: str) -> Estimate | None:
    """Our step over itself as a CUDA graph; None where it can't be captured."""
    way, where = Way(sizes=sizes, device=device), torch.device(device)
    videos = way.draw(0)
    trainer = way.trainer(way.model())
    for group in trainer.optimiser.param_groups:
        group["capturable"] = True
    with pyro.settings.context(module_local_params=True), pyro.validation_enabled(False):
        try:
            replay = capture(lambda clips: trainer.update(0, clips)["loss"], videos)
        except RuntimeError:
            return None
    works = {"ours": timed(way.build(), where), "graph": timed(lambda: replay(videos), where)}
    rounds: Any = {"warmup": sizes.warmup, "track": track, "title": "CUDA graph"}
    times = take_turns(works, sizes.repetitions, **rounds)
    return spread(times["ours"] / times["graph"])


def capture(update: Callable[[Tensor], Tensor], videos: Tensor) -> Callable[[Tensor], Tensor]:
    """Capture a step, after a few that are done one by one.

    Args:
        update: Does a step on clips and returns its loss; it never waits for the device, and makes
            its draws from a state that is seeded outside.
        videos: Clips such as it will be given.

    Returns:
        A function that does the step on other clips; its loss is overwritten by the next.

    Raises:
        RuntimeError: An operation can't be captured.
    """
    held = videos.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARMUP):
            update(held)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = update(held)

    def replay(videos: Tensor) -> Tensor:
        held.copy_(videos)
        graph.replay()
        return loss

    return replay
