"""The noise at initialisation, as β, the prior's scales, frames, features or particles vary."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from ..config import Config, make_config
from ..data import VideoData
from ..errors import InputError
from ..inference.seeds import forked
from ..models.described import build_vae
from ..models.prior_reader import PriorReader
from ..models.priors import factored
from ..track import Track
from .contestants import Contestant
from .coordinates import HEADS
from .laboratory import Laboratory
from .measure import ANALYTIC, Report, decoder_of, exact_value, parts_of
from .rows import Row
from .sampling import Draws

VARIANCES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)  # σ² of the prior; the paper's is 0.01
BETAS = (1.0, 2.0, 4.0)
SIZES = {"frames": (4, 16, 64), "features": (1, 2, 4, 8)}
PARTICLES = (1, 4, 16)
ESTIMATORS = ("analytic", "trace", "path")
# Which of the prior's scales a sweep varies.
SCALES = {
    "σs²": ("static_scale",),
    "σt²": ("temporal_scale",),
    "σs² = σt²": ("static_scale", "temporal_scale"),
}
SWEEPS = (*SCALES, "β", *SIZES, "particles")
PARTS = ("kl", "total")


class Bench:
    """Varies one quantity at a time, at the fresh weights of a run with the factored prior.

    The gradients are those of the encoder's heads.

    Args:
        config: The run's description.
        data: Its clips.
        clips: How many of them to look at.
        draws: Of each estimator; fewer where there are several particles.
        seed: Seed of clips and draws.
        track: Shows progress.
    """

    def __init__(
        self,
        config: Config,
        data: VideoData,
        clips: int,
        draws: int,
        seed: int,
        track: Track,
    ) -> None:
        self.config, self.data, self.clips = config, data, clips
        self.draws, self.seed, self.track = draws, seed, track

    def sweeps(self, done: Sequence[str] = ()) -> Iterator[list[Row]]:
        """The rows of one sweep after another, parts "kl" and "total", but for those done."""
        if set(SWEEPS) - {*SIZES, *done}:
            lab, decoded = self.prepare(self.config)
            sweeps = {name: partial(self.scales, lab, decoded, name) for name in SCALES}
            sweeps["β"] = partial(self.betas, lab, decoded)
            sweeps["particles"] = partial(self.particles, lab)
            for name, rows in sweeps.items():
                if name not in done:
                    yield list(rows())
        for name in SIZES:
            if name not in done:
                yield list(self.sizes(name))

    def prepare(self, config: Config) -> tuple[Laboratory, Draws]:
        """A fresh model on clips, and draws of its reconstruction with one particle."""
        data = self.data.replace(num_frames=config.data.num_frames)
        videos = data.batch(self.clips, torch.Generator().manual_seed(self.seed)).videos
        with forked(config.training.seed):
            lab = Laboratory(build_vae(config), videos, tuple(HEADS.values()))
        return lab, self._decode(lab, ANALYTIC)

    def scales(self, lab: Laboratory, decoded: Draws, name: str) -> Iterator[Row]:
        """Vary the variance of one of the prior's scales, or of both."""
        for variance in self.track(VARIANCES, len(VARIANCES), name):
            given: dict[str, Any] = self.config.model.prior_args | dict.fromkeys(
                SCALES[name], variance**0.5
            )
            reader = PriorReader(partial(factored, **given))
            yield from self._compare(lab, decoded, name, variance, self.config.model.beta, reader)

    def betas(self, lab: Laboratory, decoded: Draws) -> Iterator[Row]:
        """Vary the KL's weight."""
        for beta in BETAS:
            yield from self._compare(lab, decoded, "β", beta, beta)

    def particles(self, lab: Laboratory) -> Iterator[Row]:
        """Vary the number of particles."""
        for number in PARTICLES:
            decoded = self._decode(lab, Contestant("analytic", number))
            beta = self.config.model.beta
            yield from self._compare(
                lab, decoded, "particles", float(number), beta, particles=number
            )

    def sizes(self, name: str) -> Iterator[Row]:
        """Vary the frames of a clip, if the data have so many, or the features of each factor."""
        for number in SIZES[name]:
            if name == "frames" and not self._has(number):
                continue
            sections = self.config.model_dump(exclude={"version"})
            if name == "frames":
                sections["data"]["num_frames"] = number
            else:
                sections["model"]["prior_args"] |= {"static": number, "temporal": number}
            lab, decoded = self.prepare(make_config(**sections))
            yield from self._compare(lab, decoded, name, float(number), self.config.model.beta)

    def _has(self, num_frames: int) -> bool:
        """Whether there are clips of so many frames; says on stderr where there are none."""
        try:
            self.data.replace(num_frames=num_frames).batch(1, torch.Generator())
        except InputError as reason:
            print(f"Left out: {num_frames} frames of a clip: {reason}", file=sys.stderr)
            return False
        return True

    def _decode(self, lab: Laboratory, runner: Contestant) -> Draws:
        number = max(self.draws // runner.particles, 2)
        shown = self.track(range(number), number, f"fresh, {runner.name}")
        return lab.reconstruction(decoder_of(runner), shown, self.seed)

    def _compare(
        self,
        lab: Laboratory,
        decoded: Draws,
        study: str,
        point: float,
        beta: float,
        reader: PriorReader | None = None,
        particles: int = 1,
    ) -> Iterator[Row]:
        report, exact = Report(lab, study, point), exact_value(lab, self.seed, reader)
        number = len(decoded.values["reconstruction"])
        for name in ESTIMATORS:
            runner = Contestant(name, particles)
            kl = lab.kl(runner, range(number), self.seed, reader)
            parts = parts_of(kl, decoded, beta)
            chosen = Draws(
                {part: parts.values[part] for part in PARTS},
                {part: parts.gradients[part] for part in PARTS},
            )
            yield from report.rows(name, chosen, exact)
