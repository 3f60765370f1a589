"""Commands; what they need is imported when they run, so that --help is quick."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import subcommand

from . import flags
from .allocator import keep_freed_memory
from .bench.command import Bench
from .commands import Data, Device, Evaluate, Figures, Priors, Report, draw, score
from .config import read_config
from .errors import report, require
from .posterior.command import Posterior
from .pretrained.command import Pretrained
from .reproduction.command import Reproduce
from .variance.command import Race, Variance

QUICKSTART_ITERATIONS = 2_000  # about 3 minutes on 2 cores


@dataclass(frozen=True, kw_only=True)
class Quickstart:
    """Train on embedded digits for about 3 minutes, evaluate, and draw the figures."""

    folder: Path = Path("runs/quickstart")
    """The run folder; an unfinished run in it goes on."""
    iterations: int = QUICKSTART_ITERATIONS
    """Steps of the optimiser."""
    clips: int | None = None
    """Clips to evaluate on; by default enough for 19,200 frames."""
    seed: int = 0
    """Seed of weights, clips and latent draws."""
    device: Device = "auto"

    def __call__(self) -> None:
        """Run the command."""
        from .inference.runs import config_path
        from .inference.training import train_described
        from .reproduction.paper import Cell
        from .reproduction.schedules import glimpse

        # before the training, which takes minutes
        require(self.clips is None or self.clips >= 1, "--clips", self.clips, "give 1 or more")
        resume = config_path(self.folder).exists()
        cell = Cell("mnist", "factored", features=4, beta=4, seed=self.seed)
        schedule = glimpse(self.iterations, source="embedded")
        names = {name: f"--{name}" for name in ("iterations", "seed", "device")}
        config = schedule.config(cell, names, device=self.device, log_every=10)
        run = train_described(config, self.folder, resume=resume)
        score(run, clips=self.clips)
        draw(run)
        print(f"Everything is in {self.folder}: scores.json, metrics.jsonl, figures/swap.png ...")


@dataclass(frozen=True, kw_only=True)
class Train(flags.RunFlags):
    """Train a video VAE; the defaults are the paper's schedule."""

    folder: Path | None = None
    """The run folder; by default runs/DATASET-PRIOR-ELBO-SEED."""
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Go on with the run in the folder; other flags are then the run's own."""
    max_minutes: float = math.inf
    """Stop after this time; --resume goes on."""

    def __call__(self) -> None:
        """Run the command."""
        from .inference.training import train_described

        train_described(
            flags.describe(self),
            self.run_folder,
            resume=self.resume,
            max_minutes=self.max_minutes,
        )
        print(f"Next: pyro-factor evaluate {shlex.quote(str(self.run_folder))}")

    @property
    def run_folder(self) -> Path:
        """The folder given, or one named after the run."""
        prior = self.prior.rpartition(":")[-1]
        name = f"{self.dataset}-{prior}-{self.elbo}-{self.seed}"
        return self.folder or Path("runs", name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `pyro-factor`; by default the process's own.

    Returns:
        The exit code: 0; 1 for a training that diverged; 2 for bad input or a folder that can't
        be written to; 3 for a training whose time was up; 130 for Ctrl-C.
    """

    def command() -> None:
        chosen = _parse(arguments)
        keep_freed_memory()
        with flags.named_as_written(chosen):
            chosen()

    return report(command)


def _parse(arguments: Sequence[str] | None) -> Any:
    command = _parsed(arguments, Train())
    if isinstance(command, Train) and command.resume:
        # once more, with the run's own values as the defaults
        stored = read_config(command.run_folder / "config.json")
        command = _parsed(arguments, Train(**flags.values(stored)))
    return command


def _parsed(arguments: Sequence[str] | None, train: Train) -> Any:
    commands = (
        Annotated[Quickstart, subcommand("quickstart")]
        | Annotated[Train, subcommand("train", default=train)]
        | Annotated[Evaluate, subcommand("evaluate")]
        | Annotated[Figures, subcommand("figures")]
        | Annotated[Report, subcommand("report")]
        | Annotated[Data, subcommand("data")]
        | Annotated[Priors, subcommand("priors")]
        | Annotated[Pretrained, subcommand("pretrained")]
        | Annotated[Posterior, subcommand("posterior")]
        | Annotated[Variance, subcommand("variance")]
        | Annotated[Race, subcommand("race")]
        | Annotated[Reproduce, subcommand("reproduce")]
        | Annotated[Bench, subcommand("bench")]
    )
    about = "Factored temporal priors for video VAEs."
    return tyro.cli(commands, prog="pyro-factor", description=about, args=arguments)
