"""A model and clips that train in a second."""

import json
import shlex
from pathlib import Path

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
