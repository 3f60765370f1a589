"""Train a video VAE into a run folder."""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pyro
import torch
from torch import nn

from ..allocator import keep_freed_memory
from ..checkpoint import Checkpoint, restore
from ..config import Config, TrainingConfig, first_difference
from ..data import VideoData
from ..errors import InputError, require
from ..files import locked
from ..models.described import build_vae
from ..models.thinned import thinned_pairs, thinned_videos
from ..models.video_vae import VideoVAE
from .captured import check_capture
from .conditions import evaluated
from .estimators import make_estimator
from .hardware import choose_device, determinism
from .metrics import read_rows
from .orthogonality import check_orthogonality
from .persistence import check_persistence
from .runs import (
    KEPT,
    Run,
    build_data,
    checkpoint_path,
    config_path,
    describe,
    metrics_path,
    read_state,
)
from .seeds import forked
from .session import Session
from .warm_up import check_warm_up

DEFAULTS = TrainingConfig()


def train(
    vae: VideoVAE,
    data: VideoData,
    iterations: int = DEFAULTS.iterations,
    videos: int = DEFAULTS.videos,
    folder: str | Path = "runs/first",
    *,
    every: int | Sequence[int] = DEFAULTS.every,
    elbo: str = DEFAULTS.elbo,
    particles: int = DEFAULTS.particles,
    learning_rate: float = DEFAULTS.learning_rate,
    decay: float = DEFAULTS.decay,
    decay_every: int = DEFAULTS.decay_every,
    orthogonality: float = DEFAULTS.orthogonality,
    orthogonality_of: str = DEFAULTS.orthogonality_of,
    persistence: float = DEFAULTS.persistence,
    persistence_order: int = DEFAULTS.persistence_order,
    persistence_memory: int = DEFAULTS.persistence_memory,
    persistence_at: str = DEFAULTS.persistence_at,
    warm_up: Mapping[str, int] = MappingProxyType({}),
    seed: int = DEFAULTS.seed,
    device: str = DEFAULTS.device,
    precision: str = DEFAULTS.precision,
    deterministic: bool = DEFAULTS.deterministic,
    cuda_graph: bool = DEFAULTS.cuda_graph,
    checkpoint_every: int = DEFAULTS.checkpoint_every,
    log_every: int = DEFAULTS.log_every,
    keep: int | Sequence[int] = DEFAULTS.keep,
    resume: bool = False,
    progress: bool = True,
    max_minutes: float = math.inf,
) -> Run:
    """Train a model, by default on the paper's schedule (section 4).

    Every iteration's randomness is a function of the seed and its number, so a run that was
    stopped and resumed is the run that was never stopped (on the same CPU, bit for bit).

    Args:
        vae: The model; its weights are trained in place.
        data: The training clips.
        iterations: Steps of Adam in all; a resumed run may be given more.
        videos: Clips in a batch.
        folder: The run folder: configuration, metrics (nats per video) and checkpoint.
        every: Train on every so many-th frame of a clip, under the prior's exact marginal: more
            clips, and so more of what is static, for the same number of frames. Of several
            numbers each has its turn, of as many frames as the largest one leaves.
        elbo: "analytic" (`AnalyticKL_ELBO`), "trace" (`Trace_ELBO`), "path" (its path-derivative
            form), "antithetic" or "sobol" (the exact KL, reconstruction draws that are spread).
        particles: Monte-Carlo samples for each gradient.
        learning_rate: Adam's learning rate at the start.
        decay: Factor on the learning rate ...
        decay_every: ... applied every so many iterations.
        orthogonality: Weight of `orthogonality_penalty` of the guide's means, in nats per video.
        orthogonality_of: Whether it is of "factors", or of all "features", each for itself.
        persistence: Weight of `persistence_penalty` of the temporal factor ht, in nats per video.
        persistence_order: Products of up to so many features count in the penalty, 1 to 6.
        persistence_memory: Steps whose covariances count in it (`inference.Persistence`).
        persistence_at: Of several distances of frames it counts in the turns of the "largest", over
            which what moves is forgotten, or of "all", over all of which what goes round is.
        warm_up: By factor, such as {"hs": 4_000}: iterations in which the weight of its KL rises
            from 0 to β.
        seed: Seed of the clips and the latent draws.
        device: "auto", "cpu", "cuda" or "cuda:1".
        precision: "auto", "float32" or "bfloat16" (autocast).
        deterministic: Whether a GPU is to use only operations that give the same bits every time.
        cuda_graph: Whether a GPU is to launch each step as one CUDA graph: faster, and for models
            whose Python does the same in every step, since it is not run again.
        checkpoint_every: Iterations between checkpoints.
        log_every: Iterations that a row of metrics averages.
        keep: Iterations whose weights are kept beside the last checkpoint's, 0 the fresh ones;
            `load_run(folder, iteration=...)` reads them.
        resume: Whether to go on with the run in the folder.
        progress: Whether to show progress.
        max_minutes: Stop after this time, between two iterations.

    Returns:
        The run, its model in evaluation mode.

    Raises:
        InputError: An argument that is out of range; a folder with a run, unless `resume`, or one
            that another process is training in; a step that can't be captured as a CUDA graph.
        StorageError: The folder can't be written to; the last checkpoint is whole.
        TrainingDiverged: The loss or the weights stopped being finite; the last good checkpoint
            is kept.
        TrainingInterrupted: Ctrl-C; the last iteration is saved.
        TimeUp: `max_minutes` are over; the last iteration is saved.
    """
    training = {key: value for key, value in locals().items() if key in TrainingConfig.model_fields}
    training |= {"warm_up": dict(warm_up) if isinstance(warm_up, Mapping) else warm_up}
    folder, config, where = Path(folder), describe(vae, data, training), choose_device(device)
    require(max_minutes > 0, "max_minutes", max_minutes, "give a positive number of minutes")
    if not resume:
        _check_weights(vae)
    with determinism(deterministic):
        _check_clips(vae, data, config.training)
    check_orthogonality(vae, config.training)
    _check_batch(vae, config.training)
    check_warm_up(vae, config.training.warm_up)
    check_persistence(vae, config.training)
    if cuda_graph and where.type == "cuda":
        check_capture(vae)
    require(not folder.is_file(), "folder", str(folder), "it is a file; name a folder")
    held = config_path(folder).exists()
    require(held or not resume, "folder", str(folder), "it holds no run; leave out resume")
    with locked(folder, parts=[KEPT]):
        checkpoint = None
        if resume:
            config, checkpoint = _resumed(folder, config)
        else:
            _refuse_overwriting(folder)
        vae.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if checkpoint is not None:
            restore(vae, checkpoint.part("weights"), checkpoint_path(folder))
            if checkpoint.iteration >= iterations:
                print(f"{folder}: all {checkpoint.iteration} iterations are done", file=sys.stderr)
                return Run(folder, vae.eval(), data, config, checkpoint.iteration)
        try:
            Session(folder, config, vae, data, checkpoint, 60 * max_minutes).run(progress)
        finally:
            vae.eval()
    return Run(folder, vae, data, config, iterations)


def train_described(
    config: Config,
    folder: str | Path,
    *,
    data: VideoData | None = None,
    resume: bool | None = None,
    max_minutes: float = math.inf,
    progress: bool = True,
) -> Run:
    """Train what a description says, from fresh weights or, if it was begun, from where it is.

    Args:
        config: The description.
        folder: The run folder.
        data: The training clips, if they are already there.
        resume: Whether to go on with the run in the folder; unless given, whether it holds one.
        max_minutes: As in `train`.
        progress: As in `train`.

    Returns:
        The run.

    Raises:
        As `train` does.
    """
    keep_freed_memory()
    folder = Path(folder)
    resume = config_path(folder).exists() if resume is None else resume
    with forked(config.training.seed):
        vae: VideoVAE = build_vae(config)
    if resume and config_path(folder).exists():  # before data are downloaded or rendered
        _check_optimiser(folder, read_state(folder)[1], config.training.iterations)
    return train(
        vae,
        data or build_data(config),
        folder=folder,
        resume=resume,
        max_minutes=max_minutes,
        progress=progress,
        **config.training.model_dump(),
    )


def _check_weights(vae: VideoVAE) -> None:
    for name, parameter in vae.named_parameters():
        finite = bool(parameter.isfinite().all())
        require(finite, "vae", name, "it holds values that are not finite; give a model without")


def _check_clips(vae: VideoVAE, data: VideoData, training: TrainingConfig) -> None:
    """Take the loss of one clip before anything is written."""
    advice = f"give clips of {vae.num_frames} frames, as the model has"
    require(data.num_frames == vae.num_frames, "data.num_frames", data.num_frames, advice)
    device = next(vae.parameters()).device
    clips = data.batch(1, torch.Generator(device).manual_seed(0))
    for every, pair in thinned_pairs(vae, training.every).items():
        local = pyro.settings.context(module_local_params=True)
        with local, forked(), evaluated(pair):
            elbo = make_estimator(training.elbo, training.particles, pair.max_plate_nesting)
            videos = thinned_videos(clips.videos, every, pair.num_frames)
            elbo.loss(pair.model, pair.guide, videos)


def _check_batch(vae: VideoVAE, training: TrainingConfig) -> None:
    """Raise if batch normalisation would have one frame to take statistics of."""
    one = training.videos * -(-vae.num_frames // max(training.every)) == 1
    normalised = any(isinstance(module, nn.BatchNorm1d) for module in vae.modules())
    advice = "batch normalisation needs two frames or more in a batch; give 2"
    require(not (one and normalised), "videos", training.videos, advice)


def _refuse_overwriting(folder: Path) -> None:
    if config_path(folder).exists():
        stored, checkpoint = read_state(folder)
        done, planned = checkpoint.iteration, stored.training.iterations
        finished = "it holds a finished run; evaluate it, train it longer (resume, iterations)"
        unfinished = f"it holds a run, {done} of {planned} iterations done; go on with it (resume)"
        advice = (finished if done >= planned else unfinished) + ", or choose another folder"
        require(False, "folder", str(folder), advice)


def _resumed(folder: Path, config: Config) -> tuple[Config, Checkpoint]:
    """Give the description that a run goes on by, and where it is."""
    stored, checkpoint = read_state(folder)
    difference = first_difference(stored, config)
    if difference is not None:
        raise InputError(f"{folder}: can't go on with another configuration: {difference}")
    _check_optimiser(folder, checkpoint, config.training.iterations)
    asked = set(config.training.keep) - set(stored.training.keep)
    done = checkpoint.iteration + (checkpoint.iteration == config.training.iterations)
    past = ", ".join(str(each) for each in sorted(asked) if each < done)
    if past:
        print(f"Left out: weights of iterations that are past: {past}", file=sys.stderr)
    read_rows(metrics_path(folder))  # refused, if they are damaged, before anything is written
    # in its own words: 1 and 1.0 are one number, and two fingerprints
    return config.model_copy(update={"model": stored.model}), checkpoint


def _check_optimiser(folder: Path, checkpoint: Checkpoint, iterations: int) -> None:
    left = checkpoint.iteration < iterations
    if left and checkpoint.iteration > 0 and not checkpoint.part("optimiser"):
        raise InputError(
            f"{folder}: can't go on: it holds a trained model without the optimiser's state; "
            f"train(load({str(folder)!r}), ...) into another folder starts from its weights"
        )
