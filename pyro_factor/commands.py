"""Commands that look at runs and data; what they need is imported when they run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from tyro.conf import Positional

from . import flags
from .errors import check_seed, require
from .flags import DataRoot

if TYPE_CHECKING:
    from .evaluation import Scores
    from .inference.runs import Run

Device = Annotated[str, tyro.conf.arg(help="auto, cpu, cuda or cuda:N.")]


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
    """Judge decoded clips too, --clips of them or 256 if these are fewer: swaps, reconstructions,
    frames that were not seen."""
    kept: bool = False
    """Score every iteration whose weights were kept instead, and draw the curves."""
    data_root: DataRoot = None
    device: Device = "auto"

    def __call__(self) -> None:
        """Run the command."""
        both = self.kept and self.images
        require(not both, "--images", True, "with --kept nothing is decoded; leave out one of them")
        require(self.frames is None or self.frames >= 1, "--frames", self.frames, "give 1 or more")
        if self.kept:
            self._through_training()
            return
        judged = self._judged_clips() if self.images else 0
        run = _load(self.run, self.device, self.data_root)
        scores = score(run, num_frames=self.frames, clips=self.clips, split=self.split)
        if judged:
            _judge(run, scores, judged)

    def _judged_clips(self) -> int:
        """Decoded clips to judge: all at once, so that thousands would fill the memory."""
        from .evaluation.decoded import CLIPS

        judged = min(self.clips or CLIPS, CLIPS)
        advice = "give an even number with --images, which judges pairs"
        require(judged % 2 == 0, "--clips", self.clips, advice)
        return judged

    def _through_training(self) -> None:
        from rich.console import Console

        from .evaluation import through_training as curve
        from .evaluation.style import save
        from .evaluation.tables import tables

        moments = curve.through_training(
            self.run,
            split=self.split,
            num_frames=self.frames,
            clips=self.clips,
            data_root=self.data_root,
            device=self.device,
        )
        Console().print(tables(curve.moments_listings(moments)))
        name = curve.kept_scores_path(self.run, self.split, self.frames, self.data_root).stem
        clips = f"{self.split} clips" + (f" of {self.frames} frames" if self.frames else "")
        drawn = curve.moments_figure(moments, clips)
        print(save(drawn, self.run / "figures" / f"{name}.png"))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Draw the figures of a run."""

    run: Positional[Path]
    """The run folder."""
    data_root: DataRoot = None
    device: Device = "auto"

    def __call__(self) -> None:
        """Run the command."""
        draw(_load(self.run, self.device, self.data_root))


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
        from .evaluation.style import check_format
        from .evaluation.tables import tables

        check_seed(self.seed, "--seed")
        if self.sheet is not None:
            check_format("--sheet", self.sheet)
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
        from .evaluation.style import check_format, save

        check_seed(self.seed, "--seed")
        if self.figure is not None:
            check_format("--figure", self.figure)
        Console().print(prior_table())
        if self.figure is not None:
            print(save(prior_figure(self.seed), self.figure))


def _load(folder: Path, device: str, data_root: Path | None) -> "Run":
    from .inference.hardware import choose_device
    from .inference.runs import load_run

    run = load_run(folder, data_root=data_root)
    run.vae.to(choose_device(device))
    return run


def score(run: "Run", **options: Any) -> "Scores":
    """Score a run and print the tables."""
    from rich.console import Console

    from .evaluation import evaluate, score_tables
    from .evaluation.evaluate import scores_file

    scores = evaluate(run, write=False, **options)
    try:
        Console().print(score_tables(scores))
    finally:  # neither a closed pipe nor a full disk loses both
        scores.write(scores_file(run, scores.data_split, scores.num_frames))
    return scores


def _judge(run: "Run", scores: "Scores", clips: int) -> None:
    """Judge decoded clips of the part and the frames that were scored, and print the tables."""
    from rich.console import Console

    from .evaluation.decoded import decoded_listings, measure_decoded
    from .evaluation.tables import tables

    columns = [] if scores.split is None else scores.split.static
    frames, split = scores.num_frames, scores.data_split
    found = measure_decoded(run, columns, num_frames=frames, split=split, clips=clips)
    Console().print(tables(decoded_listings(found)))


def draw(run: "Run") -> None:
    """Draw the figures of a run and print where they are."""
    from .evaluation import figures

    for path in figures(run):
        print(path)
