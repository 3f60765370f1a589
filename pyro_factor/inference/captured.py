"""A training step as one CUDA graph: no Python between its kernels, which a GPU would wait for."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError, require
from ..models import SmoothingGuide, VideoVAE
from ..models.closed_forms import known_conditional
from ..models.program import tensors_of

WARMUP = 3  # steps before the capture, in which libraries choose their kernels

Values = dict[str, Tensor]
Step = Callable[[Tensor], Values]  # does a step on clips and returns its values


class Captured:
    """A step on a GPU: the first few are done one by one, then one is captured and replayed.

    The step never waits for the device, and reads whatever changes from step to step in tensors
    that stay where they are. Its draws are made from PyTorch's global generator, which may be
    seeded between steps.

    Args:
        step: The step.
        device: The GPU.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        self._step, self._device, self._done = step, device, 0
        self._replay: Callable[[], None] | None = None
        self._videos, self._values = torch.empty(0), Values()

    def __call__(self, videos: Tensor) -> Values:
        """Do a step on other clips of the same shape.

        Raises:
            InputError: The step can't be captured.
        """
        with torch.cuda.device(self._device):
            if self._done < WARMUP:
                return self._aside(videos)
            if self._replay is None:
                self._replay = self._capture(videos)
            self._videos.copy_(videos)
            self._replay()
        return {name: value.clone() for name, value in self._values.items()}

    def _aside(self, videos: Tensor) -> Values:
        """Do a step as the capture does, on a stream of its own."""
        self._done += 1
        side, current = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            values = self._step(videos)
        current.wait_stream(side)
        return values

    def _capture(self, videos: Tensor) -> Callable[[], None]:
        graph, self._videos = torch.cuda.CUDAGraph(), videos.clone()
        try:
            with torch.cuda.graph(graph):
                self._values = self._step(self._videos)
        except RuntimeError as error:
            reason = str(error).strip().partition("\n")[0]
            # CUDA's random generator believes that it is still being captured
            advice = "an operation of the step can't be captured; leave it out, in a new process"
            raise InputError(f"cuda_graph: got True; {advice} ({reason})") from error
        return graph.replay


def check_capture(vae: VideoVAE) -> None:
    """Raise where it is known that a step can't be captured, before one is done.

    Raises:
        InputError: A smoothing guide, or a prior with parameters and global draws whose conditional
            has no closed form: they factorise matrices in every step.
    """
    advice = "a smoothing guide factorises matrices in every step; leave it out"
    require(not isinstance(vae.guide, SmoothingGuide), "cuda_graph", True, advice)
    learned = vae.model.reader.layout(vae.num_frames).global_draws and tensors_of(vae.prior)
    unknown = known_conditional(vae.prior) is None
    advice = "p(global draws | h) changes with the prior's parameters in every step; leave it out"
    require(not (learned and unknown), "cuda_graph", True, advice)
