"""Which half of the video VAE is slow to learn digits: the encoder, or the decoder?

Each is trained alone on bouncing MNIST, with what the other would give it were it perfect: the
encoder with the labels, the decoder with the true place, with and without the true digit, and with
Fourier features. Batches of 64 frames hold 4 or 64 clips.

`python scripts/halves.py DATA_ROOT [iterations]`; 10 minutes on one thread.
"""

import math
import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pyro_factor.allocator import keep_freed_memory
from pyro_factor.data import BouncingDigits, Clips
from pyro_factor.models import Decoder, Encoder
from pyro_factor.reproduction.tables import markdown
from pyro_factor.track import tracking

FRAMES, LEARNING_RATE, SHOWN, DIGITS = 64, 3e-3, 100, 10
NOISE = 0.02  # a fifth of a pixel
FREQUENCIES = 5


def true_codes(clips: Clips, with_digit: bool) -> Tensor:
    """Codes (frames, 4) of unit scale: the digit on a circle, or nothing, and the place."""
    angle = 2 * math.pi * clips.label("static") / DIGITS
    digit = math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], -1) * with_digit
    place = math.sqrt(12) * (clips.label("position") - 0.5)
    codes = torch.cat([digit[:, None].expand_as(place), place], -1).flatten(0, 1)
    return codes + NOISE * torch.randn_like(codes)


def decode(with_digit: bool) -> Callable[[nn.Module, Clips], tuple[Tensor, Tensor]]:
    """The decoder's loss, nats per frame."""

    def loss(decoder: nn.Module, clips: Clips) -> tuple[Tensor, Tensor]:
        logits = decoder(true_codes(clips, with_digit)).float()
        frames = clips.videos.flatten(0, 1)
        nats = F.binary_cross_entropy_with_logits(logits, frames, reduction="sum") / len(frames)
        return nats, nats

    return loss


def recognise(encoder: nn.Module, clips: Clips) -> tuple[Tensor, Tensor]:
    """The encoder's loss as a classifier, and its accuracy."""
    logits = encoder(clips.videos.flatten(0, 1))[0]
    digit = clips.label("static")[:, None].expand(clips.videos.shape[:2]).flatten()
    return F.cross_entropy(logits, digit), (logits.argmax(-1) == digit).float().mean()


def learn(
    network: nn.Module,
    loss: Callable[[nn.Module, Clips], tuple[Tensor, Tensor]],
    data: BouncingDigits,
    iterations: int,
) -> list[float]:
    """Train with a rate that falls linearly to 0; the measure's mean after each quarter."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network.to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    rate = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.0, iterations)
    measured = torch.zeros(iterations)
    with tracking(True) as track:
        for i in track(range(iterations), iterations, type(network).__name__):
            clips = data.batch(FRAMES // data.num_frames, generator)
            with torch.autocast("cpu", torch.bfloat16):
                value, measure = loss(network, clips)
            adam.zero_grad()
            value.backward()
            adam.step()
            rate.step()
            measured[i] = measure.detach()
    ends = [iterations * quarter // 4 for quarter in range(1, 5)]
    return [measured[max(0, end - SHOWN) : end].mean().item() for end in ends]


def main(root: str, iterations: int = 1_200) -> None:
    """Train the halves and print a table."""
    keep_freed_memory()
    data = BouncingDigits("mnist", root=root)
    single = data.replace(num_frames=1)
    halves = {
        "decoder, place": (Decoder(4), decode(False), single),
        "decoder, place and digit": (Decoder(4), decode(True), single),
        "the same, 4 clips of 16 frames": (Decoder(4), decode(True), data),
        "with Fourier features, place": (fourier_decoder(), decode(False), single),
        "with Fourier features, place and digit": (fourier_decoder(), decode(True), single),
        "encoder, 4 clips of 16 frames": (Encoder(DIGITS), recognise, data),
    }
    lines = [
        [name, *(f"{value:.3g}" for value in learn(*half, iterations))]
        for name, half in halves.items()
    ]
    steps = [f"{iterations * quarter // 4:,}" for quarter in range(1, 5)]
    print(markdown(["half: nats per frame, or accuracy", *steps], lines))


def fourier_decoder() -> Decoder:
    """The decoder of the recipe."""
    return Decoder(4, frequencies=FREQUENCIES)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
