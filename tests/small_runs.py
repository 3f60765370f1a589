"""A model and clips that train in a second."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import torch

from pyro_factor.data import BouncingDigits
from pyro_factor.inference import Run, train
from pyro_factor.models import VideoVAE, priors

FRAMES, SIZE = 4, 32
SMALL = shlex.split(
    "--frames 4 --image-size 32 --channels 4 8 --hidden 16 --videos 4 --log-every 2"
)


def small_vae(prior=priors.factored, **options) -> VideoVAE:
    sizes = {"image_shape": (1, SIZE, SIZE), "channels": (4, 8), "hidden": 16}
    return VideoVAE(prior, FRAMES, **(sizes | options))


def small_data(kind=BouncingDigits) -> BouncingDigits:
    return kind(num_frames=FRAMES, image_size=SIZE)


def small_run(folder: Path, vae: VideoVAE, iterations: int = 12, **options) -> Run:
    usual = {"videos": 4, "log_every": 5, "checkpoint_every": 4, "progress": False}
    data = options.pop("data", None) or small_data()
    return train(vae, data, iterations, folder=folder, **(usual | options))


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def command(*arguments) -> int:
    """The exit code of a command."""
    from pyro_factor import cli

    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


class Tinted(BouncingDigits):
    """Digits in colour: red where they start, green and blue by the digit."""

    @property
    def image_shape(self):
        return (3, self.image_size, self.image_size)

    def batch(self, num_videos, generator):
        clips = super().batch(num_videos, generator)
        share = clips.static / 9
        tint = torch.stack([torch.ones_like(share), share, 1 - share], -1)
        return replace(clips, videos=clips.videos * tint[:, None, :, None, None])
