"""Codes of many clips: the guide's means of single frames, with labels and positions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..data import BouncingDigits, Clips
from ..models import VideoVAE
from .codes import Codes

STREAMS = TRAIN_STREAM, TEST_STREAM = 0, 1


class Gathered(NamedTuple):
    """Codes of single frames, the true positions, and the means over clips of measured terms."""

    codes: Codes
    position: Float[np.ndarray, "frames 2"]
    terms: dict[str, float]


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
        Codes and positions of all frames, clip after clip, and the mean terms per video.
    """
    parts, totals, count = [], dict[str, float](), 0
    for clips in batches:
        num_videos, num_frames = clips.videos.shape[:2]
        parts.append(
            [
                vae.encode(clips.videos).loc.flatten(0, 1).double().cpu().numpy(),
                clips.label("static").repeat_interleave(num_frames).cpu().numpy(),
                clips.label("temporal").flatten().cpu().numpy(),
                clips.label("position").flatten(0, 1).cpu().numpy(),
            ]
        )
        count += num_videos
        for name, term in (measure(clips.videos) if measure else {}).items():
            totals[name] = totals.get(name, 0.0) + num_videos * float(term)
    *codes, position = map(np.concatenate, zip(*parts, strict=True))
    return Gathered(Codes(*codes), position, {name: t / count for name, t in totals.items()})


def batches(
    data: BouncingDigits, clips: int, batch_size: int, generator: torch.Generator
) -> Iterator[Clips]:
    """Draw a number of clips, at most `batch_size` at a time."""
    for start in range(0, clips, batch_size):
        yield data.batch(min(batch_size, clips - start), generator)


def stream(seed: int, number: int, device: torch.device) -> torch.Generator:
    """A random generator of its own for each seed and stream number."""
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state))


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
        with torch.no_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield device
    finally:
        for module, mode in modes.items():
            module.training = mode
