"""The laboratory on a run: along its training, and at its fresh weights as things vary."""

import copy
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import check_seed, require
from ..files import locked, settle
from ..inference.runs import Run, kept_iterations, load_run
from ..models.described import part_from_python
from ..track import tracking
from .contestants import contestant
from .defaults import MEASURED
from .measure import is_factored, measure
from .rows import Row, read_rows, write_rows
from .sweep import SWEEPS, Bench


def variance(
    run: Run,
    contestants: Sequence[str] = MEASURED,
    *,
    draws: int = 200,
    clips: int = 8,
    seed: int = 0,
    sweeps: bool = True,
    progress: bool = True,
) -> list[Row]:
    """Measure how noisy estimators of the ELBO and of its gradient are.

    Along the training at every iteration whose weights were kept (`train(keep=...)`), and at the
    last; and, where the prior is the paper's, at fresh weights as β, the prior's variances, frames,
    features and particles vary, one at a time; more frames than the clips have are left out. What
    is measured is kept in the run folder, in variance/rows.jsonl, and not measured again.

    Args:
        run: The run, as `load_run` returns it.
        contestants: Estimators by name, with particles where there are several: `trace:4`.
        draws: Gradients of each at each point; a K-th of it for K particles.
        clips: Clips in the batch; 2 or more.
        seed: Seed of clips and draws.
        sweeps: Whether to vary things at fresh weights too.
        progress: Whether to show progress.

    Returns:
        The rows, all of them.

    Raises:
        InputError: An unknown estimator, a number out of range, or a folder with rows that other
            settings made.
    """
    runners = [contestant(name) for name in dict.fromkeys(contestants)]
    most = max((runner.particles for runner in runners), default=1)
    advice = f"give {2 * most} or more, twice the particles"
    require(draws >= 2 * most, "draws", draws, advice)
    require(clips >= 2, "clips", clips, "give 2 or more")
    check_seed(seed)
    folder = Path(run.folder) / "variance"
    path = folder / "rows.jsonl"
    names = [runner.name for runner in runners]
    with locked(folder), tracking(progress) as track:
        settings = {"estimators": names, "draws": draws, "clips": clips, "seed": seed}
        advice = "its rows were made with other settings; remove the folder, or give the same"
        settle(folder / "settings.json", settings, advice)
        rows = read_rows(path)
        done = {row.point for row in rows if row.study == "training"}
        for iteration in sorted({*kept_iterations(Path(run.folder)), run.iteration} - done):
            last = iteration == run.iteration
            root = run.data.settings["root"]
            kept = run if last else load_run(run.folder, copy.deepcopy(run.vae), root, iteration)
            videos = run.data.batch(clips, torch.Generator().manual_seed(seed)).videos
            given = {"point": float(iteration), "draws": draws, "seed": seed, "track": track}
            rows += measure(kept.vae, videos, runners, **given)  # type: ignore[arg-type]
            write_rows(rows, path)
        if sweeps and _can_be_swept(run):
            swept = [name for name in SWEEPS if any(row.study == name for row in rows)]
            # half the clips: the heads alone, and the largest sizes are four times the usual
            half = max(clips // 2, 2)
            for found in Bench(run.config, run.data, half, draws, seed, track).sweeps(swept):
                rows += found
                write_rows(rows, path)
    return rows


def _can_be_swept(run: Run) -> bool:
    """Whether a model like the run's can be built with other scales; says on stderr where not."""
    given, reason = part_from_python(run.config), None
    if given is not None:
        reason = f"the run's {given} came from Python, so that no model can be built anew"
    elif not is_factored(run.vae):
        reason = "the run's prior isn't factored, whose scales are varied"
    if reason is not None:
        print(f"Left out: what varies at fresh weights: {reason}", file=sys.stderr)
    return reason is None
