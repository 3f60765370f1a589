"""From a trained run to what its guide believes of test clips, and how wrong it is."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from ..config import fingerprint
from ..data.clips import Clips, join
from ..errors import check_seed, require
from ..evaluation.gather import stream
from ..files import atomic, locked, write_json
from ..inference.runs import Run
from ..models import NotGaussianPrior, SmoothingGuide
from ..models.videos import Videos
from ..track import tracking
from .comparison import Comparison, compare, nuts_data
from .importance import LEAST, Importance, importance
from .inference_data import check_sizes, import_arviz, write_posterior
from .nuts import Chain, Settings, sample_chains

NUTS = "nuts"  # the folder of chains, in a run's folder posterior


class Truth(NamedTuple):
    """What NUTS says of some clips (B, N, C, H, W): chains, and the guide beside them."""

    videos: Videos
    chains: list[list[Chain]]
    compared: list[dict[str, Comparison]]


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
        Gaussian and the guide independent `smoothed`.

    Raises:
        InputError: A number is out of range; ArviZ is not installed.
    """
    import_arviz()
    require(videos >= 1, "videos", videos, "give 1 or more")
    require(num_weights >= LEAST, "num_weights", num_weights, f"give {LEAST} or more")
    check_sizes(num_samples, num_images)
    check_seed(seed)
    folder, clips = Path(run.folder) / "posterior", unseen_clips(run, videos, split, seed)
    attributes = {"run": str(run.folder), "iteration": run.iteration, "split": split}
    _say_if_alike(clips)
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
            if run.vae.guide.name != SmoothingGuide.name:
                found["smoothed"] = importance(run.vae, clips.videos, guide="smoothed", **given)  # type: ignore[arg-type]
        _write(found, folder / "importance.json")
    return found


def inspect_truth(
    run: Run,
    videos: int = 2,
    settings: Settings | None = None,
    *,
    split: str = "test",
    seed: int = 0,
    progress: bool = True,
) -> Truth:
    """Draw from the true posterior of some clips by NUTS, and put the guide beside it.

    Into the run folder: posterior/nuts/, a file for every chain, which an interrupted study goes on
    from, and posterior/nuts.nc for ArviZ.

    Args:
        run: The run, as `load_run` returns it.
        videos: Clips.
        settings: How long to sample; the defaults unless given.
        split: Which digits, "test" or "validation".
        seed: Seed of the clips.
        progress: Whether to show progress.

    Returns:
        The clips, the chains of each, and how the guide compares.

    Raises:
        InputError: A number is out of range; ArviZ is not installed.
        NotGaussianPrior: The prior has no Gaussian form; the draw is named.
    """
    import_arviz()
    require(videos >= 1, "videos", videos, "give 1 or more")
    folder, clips = Path(run.folder) / "posterior", unseen_clips(run, videos, split, seed).videos
    key = f"{fingerprint(run.config)} {run.iteration}"
    with locked(folder, parts=[NUTS]), tracking(progress) as track:
        given = {"folder": folder / NUTS, "key": key, "track": track}
        chains = sample_chains(run.vae, clips, settings or Settings(), **given)  # type: ignore[arg-type]
        with atomic(folder / "nuts.nc") as temporary:
            nuts_data(run.vae, clips, chains).to_netcdf(str(temporary), engine="h5netcdf")
    return Truth(clips, chains, compare(run.vae, clips, chains))


def unseen_clips(run: Run, videos: int, split: str, seed: int) -> Clips:
    """Clips that the run was not trained on; fewer of them are the first of more."""
    device = next(run.vae.parameters()).device
    data = run.data.replace(split=split)
    return join(data.batch(1, stream(seed, clip)) for clip in range(videos)).to(device)


def _say_if_alike(clips: Clips) -> None:
    """Say so where several clips show one thing, and are not independent."""
    videos = len(clips.videos)
    several = videos if clips.item is None else len(clips.item.unique())
    if several < videos:
        said = f"{videos} clips show {several} different things, not {videos}"
        print(f"{said}: intervals over clips are too narrow", file=sys.stderr)


def _write(found: Mapping[str, Sequence[Importance]], path: Path) -> None:
    write_json(path, {guide: [asdict(one) for one in each] for guide, each in found.items()})
