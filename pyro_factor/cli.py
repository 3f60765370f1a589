"""Commands; what they need is imported when they run, so that --help is quick."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional, subcommand

from . import flags
from .bench.command import Bench
from .config import read_config
from .errors import report, require
from .posterior.command import Posterior
from .reproduction.command import Reproduce
from .variance.command import Race, Variance

if TYPE_CHECKING:
    from .evaluation import Scores
    from .inference.runs import Run

QUICKSTART_ITERATIONS = 360  # about 4 minutes on 2 cores
# few iterations, so a higher learning rate than the paper's, lowered before the end
QUICKSTART = {"videos": 16, "learning_rate": 3e-3, "decay_every": 300}

DataRoot = Annotated[
    Path | None,
    tyro.conf.arg(
        help="Where the digits, chairs or clips are now, if not where they were in training.",
        aliases=["--chairs-root"],
    ),
]
Device = Annotated[str, tyro.conf.arg(help="auto, cpu, cuda or cuda:N.")]


@dataclass(frozen=True, kw_only=True)
class Quickstart:
    """Train on embedded digits for about 4 minutes, evaluate, and draw the figures."""

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

        # before the training, which takes minutes
        require(self.clips is None or self.clips >= 1, "--clips", self.clips, "give 1 or more")
        resume = config_path(self.folder).exists()
        config = flags.describe(
            flags.RunFlags(
                **QUICKSTART,
                iterations=self.iterations,
                seed=self.seed,
                device=self.device,
                checkpoint_every=100,
                log_every=10,
            )
        )
        run = train_described(config, self.folder, resume=resume)
        _score(run, clips=self.clips)
        _draw(run)
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


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Score a run: four accuracies, the D-score and its ceiling, the test ELBO."""

    run: Positional[Path]
    """The run folder."""
    frames: int | None = None
    """Frames in a clip; by default the model's own."""
    clips: int | None = None
    """Clips to fit the classifiers on, and to score on; by default enough for 19,200 frames."""
    split: Literal["test", "validation"] = "test"
    """Which digits, chairs or clips to score on."""
    images: bool = False
    """Judge decoded test clips too: swaps, reconstructions, frames that were not seen."""
    data_root: DataRoot = None
    device: Device = "auto"

    def __call__(self) -> None:
        """Run the command."""
        run = _load(self.run, self.device, self.data_root)
        scores = _score(run, num_frames=self.frames, clips=self.clips, split=self.split)
        if self.images:
            _judge(run, scores, self.frames)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Draw the figures of a run."""

    run: Positional[Path]
    """The run folder."""
    data_root: DataRoot = None
    device: Device = "auto"

    def __call__(self) -> None:
        """Run the command."""
        _draw(_load(self.run, self.device, self.data_root))


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write one page on runs: scores, curves, figures, animations, configuration."""

    runs: Positional[tuple[Path, ...]]
    """Run folders."""
    output: Path | None = None
    """The file; report.html in the run folder, or here for several runs, unless given."""
    title: str | None = None
    """The page's title."""

    def __call__(self) -> None:
        """Run the command."""
        from .evaluation.report import write_report

        print(write_report(self.runs, self.output, title=self.title))


@dataclass(frozen=True, kw_only=True)
class Data(flags.DataFlags):
    """Build a data set, and show what it holds and what was left out."""

    sheet: Path | None = None
    """Where to draw one of its parts: chairs as a contact sheet, other data as clips."""
    split: Literal["train", "validation", "test"] = "test"
    """Which part to draw."""
    seed: int = 0
    """Seed of the clips drawn."""

    def __call__(self) -> None:
        """Run the command."""
        from rich.console import Console

        from .data import open_data
        from .evaluation.contents import contents_listings, draw_contents
        from .evaluation.tables import tables

        require(self.seed >= 0, "--seed", self.seed, "give 0 or more")
        data = open_data(flags.describe(self).data.model_dump())
        Console().print(tables(contents_listings(data)))
        if self.sheet is not None:
            print(draw_contents(data.replace(split=self.split), self.sheet, self.seed))


@dataclass(frozen=True, kw_only=True)
class Priors:
    """List the priors that have a name, and draw from each."""

    figure: Path | None = None
    """Where to write a figure of draws from each."""
    seed: int = 0
    """Seed of the draws."""

    def __call__(self) -> None:
        """Run the command."""
        from rich.console import Console

        from .evaluation.prior_gallery import prior_figure, prior_table
        from .evaluation.style import save

        Console().print(prior_table())
        if self.figure is not None:
            print(save(prior_figure(self.seed), self.figure))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `pyro-factor`; by default the process's own.

    Returns:
        The exit code: 0; 1 for a training that diverged; 2 for bad input or a folder that can't
        be written to; 3 for a training whose time was up; 130 for Ctrl-C.
    """

    def command() -> None:
        _parse(arguments)()

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
        | Annotated[Posterior, subcommand("posterior")]
        | Annotated[Variance, subcommand("variance")]
        | Annotated[Race, subcommand("race")]
        | Annotated[Reproduce, subcommand("reproduce")]
        | Annotated[Bench, subcommand("bench")]
    )
    about = "Factored temporal priors for video VAEs."
    return tyro.cli(commands, prog="pyro-factor", description=about, args=arguments)


def _load(folder: Path, device: str, data_root: Path | None) -> "Run":
    from .inference.hardware import choose_device
    from .inference.runs import load_run

    run = load_run(folder, data_root=data_root)
    run.vae.to(choose_device(device))
    return run


def _score(run: "Run", **options: Any) -> "Scores":
    from rich.console import Console

    from .evaluation import evaluate, score_tables

    scores = evaluate(run, **options)
    Console().print(score_tables(scores))
    return scores


def _judge(run: "Run", scores: "Scores", num_frames: int | None) -> None:
    from rich.console import Console

    from .evaluation.decoded import decoded_listings, measure_decoded
    from .evaluation.tables import tables

    columns = [] if scores.split is None else scores.split.static
    found = measure_decoded(run, columns, num_frames=num_frames)
    Console().print(tables(decoded_listings(found)))


def _draw(run: "Run") -> None:
    from .evaluation import figures

    for path in figures(run):
        print(path)
