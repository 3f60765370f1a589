"""The commands `race` and `variance`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from .. import flags
from ..errors import require
from ..files import write_text
from ..flags import DataRoot
from .defaults import MEASURED, POINTS, RACERS

if TYPE_CHECKING:
    from ..evaluation.tables import Listing


@dataclass(frozen=True, kw_only=True)
class Variance:
    """Measure how noisy estimators of a run's ELBO and of its gradient are."""

    run: tyro.conf.Positional[Path]
    """The run folder; trained with --keep, also the iterations kept."""
    estimators: tuple[str, ...] = MEASURED
    """analytic, trace or path, antithetic:K or sobol:K; K particles."""
    draws: int = 200
    """Gradients of each at each point; a K-th of it for K particles."""
    clips: int = 8
    """Clips in the batch."""
    seed: int = 0
    """Seed of clips and draws."""
    sweeps: bool = True
    """Whether to vary β, the prior's variances, frames, features and particles as well: of a
    factored prior."""
    data_root: DataRoot = None

    def __call__(self) -> None:
        """Run the command."""
        from ..inference.runs import load_run
        from .figure import variance_figures
        from .rows import write_csv
        from .study import variance
        from .tables import variance_listings

        rows = variance(
            load_run(self.run, data_root=self.data_root),
            self.estimators,
            draws=self.draws,
            clips=self.clips,
            seed=self.seed,
            sweeps=self.sweeps,
        )
        folder = self.run / "variance"
        print(_show(variance_listings(rows), folder / "tables.md"))
        for path in (write_csv(rows, folder / "rows.csv"), *variance_figures(rows, folder)):
            print(path)


@dataclass(frozen=True, kw_only=True)
class Race(flags.RunFlags):
    """Train the same model with several estimators and seeds, and score them along the way."""

    estimators: tuple[str, ...] = RACERS
    """analytic, trace, path, antithetic:K or sobol:K, K particles; the first is compared with."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights, clips and draws."""
    iterations: int = 1_000
    """Steps of the optimiser."""
    videos: int = 16
    """Videos in a batch."""
    points: tuple[int, ...] = POINTS
    """Iterations at which they are scored, and the last."""
    clips: int = 300
    """Clips to fit the classifiers on, and to score on."""
    folder: Path = Path("runs/race")
    """The race's folder; a race that was begun in it goes on."""
    max_minutes: float = math.inf
    """Stop after this time; the next call goes on."""
    elbo: tyro.conf.Suppress[str] = "analytic"
    particles: tyro.conf.Suppress[int] = 1
    seed: tyro.conf.Suppress[int] = 0
    keep: tyro.conf.Suppress[tuple[int, ...]] = ()

    def __call__(self) -> None:
        """Run the command."""
        from .race import race
        from .race_report import race_figure, race_listings, write_csv

        standings = race(
            flags.describe(self),
            self.folder,
            self.estimators,
            self.seeds,
            points=self.points,
            clips=self.clips,
            max_minutes=self.max_minutes,
        )
        advice = "other processes have all of its runs; wait for them to end"
        require(len(standings) > 0, "folder", str(self.folder), advice)
        print(_show(race_listings(standings), self.folder / "tables.md"))
        print(write_csv(standings, self.folder / "race.csv"))
        for suffix in ("png", "svg"):
            print(race_figure(standings, self.folder / f"race.{suffix}"))


def _show(listings: "list[Listing]", path: Path) -> Path:
    """Print tables, and write them as markdown."""
    from rich.console import Console

    from ..evaluation.tables import page, tables

    Console().print(tables(listings))
    write_text(path, page(listings))
    return path
