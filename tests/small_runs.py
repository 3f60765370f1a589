"""A model and clips that train in a second."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
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


def check_that_training_lowers(name: str, measure, folder: Path, elbo: str) -> None:
    """A penalty falls where it has a weight, and is in the loss and not in the ELBO."""
    clips = small_data().batch(64, torch.Generator().manual_seed(1))
    penalties = []
    for weight in (0.0, 1e4):
        run = small_run(
            folder / str(weight), small_vae(), 60, elbo=elbo, videos=16, **{name: weight}
        )
        penalties.append(measure(run.vae.encode(clips.videos), run.vae.factors))
    assert penalties[1] < 0.5 * penalties[0]
    row = rows(run.folder)[-1]
    assert row["elbo"] == pytest.approx(sum(row["terms"].values()))
    assert row["loss"] == pytest.approx(1e4 * row[name] - row["elbo"], rel=1e-4)


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
