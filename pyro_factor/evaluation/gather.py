"""Codes of many clips: the guide's means of single frames, with labels and positions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pyro
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..data import Clips, VideoData
from ..errors import InputError
from ..models import VideoVAE
from .codes import Codes

STREAMS = TRAIN_STREAM, TEST_STREAM = 0, 1
AT_A_TIME = 256  # frames; by another number the clips of a seed would be others


class Gathered(NamedTuple):
    """Features of single frames, clip after clip, with the labels and positions they have.

    `item` is what each clip shows, see `Clips`; `terms` are the means over clips of what was
    measured.
    """

    features: Float[np.ndarray, "frames features"]
    static: Int[np.ndarray, "frames"] | None
    temporal: Int[np.ndarray, "frames"] | None
    position: Float[np.ndarray, "frames places"] | None
    item: Int[np.ndarray, "clips"] | None
    terms: dict[str, float]

    @property
    def labelled(self) -> bool:
        """Whether the clips have both labels."""
        return self.static is not None and self.temporal is not None

    @property
    def codes(self) -> Codes:
        """The features with both labels.

        Raises:
            InputError: The clips lack one.
        """
        if self.static is None or self.temporal is None:
            raise InputError(
                "labels: got clips without; give each clip a static and a temporal one"
            )
        return Codes(self.features, self.static, self.temporal)


def gather(
    vae: VideoVAE,
    batches: Iterable[Clips],
    measure: Callable[[Tensor], dict[str, Tensor]] | None = None,
) -> Gathered:
    """Encode clips, batch by batch.

    Args:
        vae: The model; its guide's means are the features.
        batches: Clips, a batch at a time.
        measure: Maps videos (videos, frames, channels, height, width) to terms averaged over
            the batch, for example those of the ELBO.

    Returns:
        Features, labels and positions of all frames, the items of clips, and the mean terms per
        video.
    """
    parts, totals, count = [], dict[str, float](), 0
    device = next(vae.parameters()).device
    for clips in (drawn.to(device) for drawn in batches):
        num_videos, num_frames = clips.videos.shape[:2]
        parts.append(
            [
                vae.encode(clips.videos).loc.flatten(0, 1).double(),
                None if clips.static is None else clips.static.repeat_interleave(num_frames),
                None if clips.temporal is None else clips.temporal.flatten(),
                None if clips.position is None else clips.position.flatten(0, 1),
                clips.item,
            ]
        )
        count += num_videos
        for name, term in (measure(clips.videos) if measure else {}).items():
            totals[name] = totals.get(name, 0.0) + num_videos * float(term)
    joined = dict(zip(Gathered._fields, map(_joined, zip(*parts, strict=True)), strict=False))
    return Gathered(**joined, terms={name: t / count for name, t in totals.items()})


def _joined(parts: Sequence[Tensor | None]) -> Any:
    """All batches' arrays as one; None where they have none."""
    known = [part.numpy(force=True) for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def batches(data: VideoData, clips: int, generator: torch.Generator) -> Iterator[Clips]:
    """Draw a number of clips, a batch at a time."""
    return (data.batch(size, generator) for size in batch_sizes(clips, data.num_frames))


def batch_sizes(clips: int, num_frames: int) -> list[int]:
    """The clips of each batch: as many as have 256 frames, one at least."""
    most = max(1, AT_A_TIME // num_frames)
    return [min(most, clips - start) for start in range(0, clips, most)]


def stream(seed: int, number: int) -> torch.Generator:
    """A random generator of its own for each seed and stream number.

    It draws on the CPU, so that a model is scored on the same clips wherever it is.
    """
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))


@contextmanager
def evaluating(vae: VideoVAE, seed: int) -> Iterator[torch.device]:
    """Evaluation mode, no gradients and a seeded random state, all as before afterwards.

    Gives the model's device. (`torch.inference_mode` would break the Hessians of Gaussian forms.)
    """
    device = next(vae.parameters()).device
    modes = {module: module.training for module in vae.modules()}
    devices = [device] if device.type == "cuda" else []
    vae.eval()
    try:
        local = pyro.settings.context(module_local_params=True)
        with local, torch.no_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield device
    finally:
        for module, mode in modes.items():
            module.training = mode
