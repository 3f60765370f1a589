"""Races: the same model trained with one estimator and another, scored along the way."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from ..checkpoint import read_checkpoint
from ..config import Config, make_config
from ..errors import InputError, InUse, TimeUp, TrainingDiverged, check_seed, require
from ..evaluation import evaluate
from ..files import locked, settle, write_text
from ..inference.hardware import choose_device
from ..inference.runs import checkpoint_path, kept_iterations, kept_path, load_run
from ..inference.seeds import forked
from ..inference.training import train_described
from ..models.described import build_vae
from .contestants import Contestant, contestant
from .defaults import POINTS, RACERS


@dataclass(frozen=True)
class Standing:
    """Where one contestant was at one point of a race.

    Args:
        estimator: Its name, with particles: `trace:4`.
        seed: Of weights, clips and draws.
        iteration: Completed iterations.
        seconds: Of training until then.
        elbo: Of test clips, with the exact KL for all, nats per video.
        terms: Its terms.
        d_score: With the linear SVM.
        d_score_rbf: With the RBF SVM.
        accuracies: Of the linear SVM, by features and labels.
        diverged: What was said, if the training ended here; the scores are then absent.
    """

    estimator: str
    seed: int
    iteration: int
    seconds: float
    elbo: float | None = None
    terms: dict[str, float] | None = None
    d_score: float | None = None
    d_score_rbf: float | None = None
    accuracies: dict[str, float] | None = None
    diverged: str | None = None


def race(
    config: Config,
    folder: str | Path,
    contestants: Sequence[str] = RACERS,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    points: Sequence[int] = POINTS,
    clips: int = 300,
    max_minutes: float = inf,
    progress: bool = True,
) -> list[Standing]:
    """Train contestants from the same starts on the same clips, and score them at some points.

    Runs that are there already are kept, and one that was begun goes on. A training that diverges
    loses the race; it is no error.

    Args:
        config: What all have in common; estimator, particles, seed and what is kept are the race's.
        folder: The race's folder; run folders are in it, and `standings.jsonl`.
        contestants: Estimators by name, with particles where there are several: `trace:4`.
        seeds: Of weights, clips and draws; a seed's contestants have the same.
        points: Iterations at which they are scored; those up to the last, and the last.
        clips: Clips to fit the classifiers on, and to score on.
        max_minutes: Stop after this time; calling again goes on.
        progress: Whether to show progress.

    Returns:
        The standings, contestant by contestant.

    Raises:
        InputError: A contestant, a seed, a point or the clips are out of range; the folder holds
            another race.
        TimeUp: `max_minutes` are over.
    """
    folder, runners = Path(folder), [contestant(name) for name in contestants]
    require(len(runners) > 0, "estimators", tuple(contestants), "name one or more")
    require(len(seeds) > 0, "seeds", tuple(seeds), "give one or more")
    for seed in seeds:
        check_seed(seed, "seeds")
    require(all(p >= 0 for p in points), "points", tuple(points), "give 0 or more")
    require(clips >= 20, "clips", clips, "give 20 or more, so that they show several labels")
    require(max_minutes > 0, "max_minutes", max_minutes, "give a positive number of minutes")
    last = config.training.iterations
    kept = tuple(sorted({p for p in points if p <= last} | {last}))
    # what can't be trained is refused before anything is written
    choose_device(config.training.device)
    with forked():
        build_vae(config)
    _enter(folder, config, clips)
    until = time.monotonic() + 60 * max_minutes
    # all contestants of a seed before the next seed, so that a part of a race is fair
    for seed in seeds:
        for runner in runners:
            run = _config(config, runner, seed, kept)
            left = (until - time.monotonic()) / 60
            if left <= 0:
                raise TimeUp(f"The time is up before {runner.name}, seed {seed}; call again.")
            try:
                _run(run, runner, folder, kept, clips, left, progress)
            except InUse as error:
                print(f"Left out: {error}", file=sys.stderr)
    names = [runner.name for runner in runners]
    found = [s for s in read_standings(folder) if s.estimator in names and s.seed in seeds]
    return sorted(found, key=lambda s: (names.index(s.estimator), s.seed))


def read_standings(folder: Path) -> list[Standing]:
    """Read the standings of a race.

    Raises:
        InputError: A line is not one.
    """
    path = folder / "standings.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Standing(**json.loads(line)) for line in lines]
    except (ValueError, TypeError):
        raise InputError(f"{path}: damaged; a line is not a standing; remove that line") from None


def _run(
    config: Config,
    runner: Contestant,
    folder: Path,
    points: Sequence[int],
    clips: int,
    minutes: float,
    progress: bool,
) -> None:
    """Train one contestant with one seed, and score what is not scored yet."""
    place = folder / f"{runner.name.replace(':', '-')}-{config.training.seed}"
    mine = [s for s in read_standings(folder) if _is(s, runner, config.training.seed)]
    missing = set(points) - {s.iteration for s in mine}
    if not missing or any(s.diverged for s in mine):
        return
    if progress:
        print(f"{runner.name}, seed {config.training.seed}", file=sys.stderr)
    diverged = None
    try:
        train_described(config, place, max_minutes=minutes, progress=progress)
    except TrainingDiverged as error:
        diverged = str(error)
    gone = missing - set(kept_iterations(place))
    if gone and diverged is None:
        shown = ", ".join(map(str, sorted(gone)))
        print(f"{place}: trained without keeping {shown}, which can't be scored", file=sys.stderr)
    for iteration in sorted(missing - gone):
        try:
            standing = _score(place, runner, iteration, clips, progress)
        except InputError:
            raise
        except ValueError:  # what a network gives that is about to diverge
            diverged = diverged or f"iteration {iteration}: codes or scores are not finite"
            break
        _add(folder, standing)
    if diverged is not None:
        saved = read_checkpoint(checkpoint_path(place))
        seed = config.training.seed
        _add(folder, Standing(runner.name, seed, saved.iteration, saved.seconds, diverged=diverged))


def _is(standing: Standing, runner: Contestant, seed: int) -> bool:
    return standing.estimator == runner.name and standing.seed == seed


def _score(place: Path, runner: Contestant, iteration: int, clips: int, progress: bool) -> Standing:
    run = load_run(place, iteration=iteration)
    scores = evaluate(run, clips=clips, progress=progress, write=False)
    if not isfinite(scores.elbo):
        raise ValueError("elbo")
    found = {name: judged.accuracies for name, judged in scores.judged.items()}
    accuracies = asdict(found["linear"]) if found else {}
    return Standing(
        estimator=runner.name,
        seed=run.config.training.seed,
        iteration=iteration,
        seconds=read_checkpoint(kept_path(place, iteration)).seconds,
        elbo=scores.elbo,
        terms=scores.terms,
        d_score=found["linear"].d_score if found else None,
        d_score_rbf=found["rbf"].d_score if found else None,
        accuracies={k: v for k, v in accuracies.items() if k != "num_frames"},
    )


def _config(config: Config, runner: Contestant, seed: int, kept: tuple[int, ...]) -> Config:
    sections: dict[str, Any] = config.model_dump(exclude={"version"})
    sections["training"] |= {**runner._asdict(), "seed": seed, "keep": kept}
    return make_config(**sections)


def _enter(folder: Path, config: Config, clips: int) -> None:
    """Write what the race is about, or hold it against what is there."""
    about = config.model_dump(mode="json")
    for key in ("elbo", "particles", "seed", "keep", "device"):
        del about["training"][key]
    del about["data"]["root"]
    advice = "it holds a race of another model, schedule or data; choose another folder"
    settle(folder / "race.json", about | {"clips": clips}, advice)


def _add(folder: Path, standing: Standing) -> None:
    with locked(folder, patience=10.0):
        lines = [json.dumps(asdict(s)) + "\n" for s in [*read_standings(folder), standing]]
        write_text(folder / "standings.jsonl", "".join(lines))
