"""From a trained run to what its guide believes of test clips, and how wrong it is."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from ..data import Clips
from ..errors import require
from ..evaluation.track import tracking
from ..files import atomic, locked
from ..inference.runs import Run
from ..models import NotGaussianPrior
from .importance import LEAST, Importance, importance
from .inference_data import check_sizes, import_arviz, write_posterior


def inspect(
    run: Run,
    *,
    videos: int = 20,
    num_samples: int = 500,
    num_images: int = 40,
    num_weights: int = 1_000,
    split: str = "test",
    seed: int = 0,
    progress: bool = True,
) -> dict[str, list[Importance]]:
    """Draw from the guide for some clips, and weigh the draws.

    Into the run folder: posterior/posterior.nc, which `arviz.from_netcdf` reads, and
    posterior/importance.json.

    Args:
        run: The run, as `load_run` returns it.
        videos: Clips.
        num_samples: Draws of each clip's codes in the file, in four chains.
        num_images: Those of them for which frames are drawn too.
        num_weights: Importance weights of each clip.
        split: Which digits, "test" or "validation".
        seed: Seed of clips and draws.
        progress: Whether to show progress.

    Returns:
        What the importance weights say of each clip, by guide: `own`, and where the prior is
        Gaussian `smoothed`.

    Raises:
        InputError: A number is out of range; ArviZ is not installed.
    """
    import_arviz()
    require(videos >= 1, "videos", videos, "give 1 or more")
    require(num_weights >= LEAST, "num_weights", num_weights, f"give {LEAST} or more")
    check_sizes(num_samples, num_images)
    folder, clips = Path(run.folder) / "posterior", unseen_clips(run, videos, split, seed)
    attributes = {"run": str(run.folder), "iteration": run.iteration, "split": split}
    with locked(folder), tracking(progress) as track:
        write_posterior(
            folder / "posterior.nc",
            run.vae,
            clips,
            num_samples=num_samples,
            num_images=num_images,
            seed=seed,
            attributes=attributes,
            track=track,
        )
        given = {"num_samples": num_weights, "seed": seed, "track": track}
        found = {"own": importance(run.vae, clips.videos, **given)}  # type: ignore[arg-type]
        with suppress(NotGaussianPrior):
            found["smoothed"] = importance(run.vae, clips.videos, guide="smoothed", **given)  # type: ignore[arg-type]
        _write(found, folder / "importance.json")
    return found


def unseen_clips(run: Run, videos: int, split: str, seed: int) -> Clips:
    """Clips that the run was not trained on."""
    device = next(run.vae.parameters()).device
    data = run.data.replace(split=split)
    return data.batch(videos, torch.Generator(device).manual_seed(seed))


def _write(found: Mapping[str, Sequence[Importance]], path: Path) -> None:
    with atomic(path) as temporary:
        records = {guide: [asdict(one) for one in each] for guide, each in found.items()}
        temporary.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
