"""From a trained run to its scores."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError, require
from ..inference import AnalyticKL_ELBO, RecordedTrace_ELBO
from ..inference.runs import Run
from ..models import NotGaussianPrior, VideoVAE
from ..track import Track, tracking
from .codes import Split
from .gather import (
    STREAMS,
    Gathered,
    batches,
    evaluating,
    gather,
    stream,
)
from .judgement import judge_all
from .metrics import Disentanglement, measure_disentanglement
from .results import Scores, scores_path
from .scores import Accuracies, LabelAccuracies

PAPER_FRAMES = 19_200
LEAST_CLIPS = 100  # long clips too must show every static label


def evaluate(
    run: Run,
    *,
    num_frames: int | None = None,
    clips: int | None = None,
    split: str = "test",
    seed: int = 0,
    batch_size: int = 256,
    progress: bool = True,
    write: bool = True,
) -> Scores:
    """Score a run: accuracies, D-score and ceiling (section 4.1 of the paper), test ELBO.

    Features are the guide's means of single frames. Classifiers are fitted on clips of training
    digits and scored on as many clips of test digits. The scores are also written to the run
    folder: scores.json, or scores-<N>-frames.json for N frames other than the model's own.

    Args:
        run: The run, as `train` and `load_run` return it.
        num_frames: Frames in a clip; the model's own number unless given.
        clips: Clips to fit on, and to score on; unless given, enough for the paper's 19,200
            frames, and 100 at least.
        split: Which digits to score on, "test" or "validation".
        seed: Seed of the clips and of the ELBO's draws.
        batch_size: Frames that go through the networks at a time; one clip at least.
        progress: Whether to show progress.
        write: Whether to write the scores.

    Returns:
        The scores: accuracies in [0, 1], the ELBO at β = 1 and its terms in nats per video, with
        the exact KL where the prior has one, else with one draw for each clip.

    Raises:
        InputError: a number is out of range, or the clips show only one label.
    """
    vae = run.vae
    num_frames = vae.num_frames if num_frames is None else num_frames
    require(num_frames >= 1, "num_frames", num_frames, "give 1 or more")
    clips = max(-(-PAPER_FRAMES // num_frames), LEAST_CLIPS) if clips is None else clips
    require(clips >= 1, "clips", clips, "give 1 or more")
    require(seed >= 0, "seed", seed, "give 0 or more")
    require(batch_size >= 1, "batch_size", batch_size, "give 1 or more")

    with tracking(progress) as track:
        train, test = _encode(
            run,
            track,
            parts=("train", split),
            num_frames=num_frames,
            clips=clips,
            per_batch=max(1, batch_size // num_frames),
            seed=seed,
        )
        own = {"hs", "ht"} <= vae.factors.keys()
        splits = [Split(vae.factors["hs"], vae.factors["ht"])] if own else None
        judged = judge_all(train, test, num_frames, splits, track)
        columns = cast(Split, judged["linear"].split)
        metrics = _metrics(train, test, columns, judged["linear"].ceiling, num_frames)
    scores = Scores(
        data_split=split,
        num_frames=num_frames,
        clips=clips,
        seed=seed,
        split=columns,
        own_split=own,
        **judged,
        elbo=sum(test.terms.values()),
        terms=test.terms,
        metrics=metrics,
    )
    if write:
        unusual = None if num_frames == vae.num_frames else num_frames
        scores.write(scores_path(Path(run.folder), data_split=split, num_frames=unusual))
    return scores


def _encode(
    run: Run,
    track: Track,
    *,
    parts: tuple[str, str],
    num_frames: int,
    clips: int,
    per_batch: int,
    seed: int,
) -> list[Gathered]:
    """Codes of clips of two parts of the data; of the second also the ELBO's terms."""
    vae = run.vae
    measures = (None, _elbo_terms(vae, num_frames))
    gathered = []
    with evaluating(vae, seed) as device:
        for part, number, measure in zip(parts, STREAMS, measures, strict=True):
            data = run.data.replace(split=part, num_frames=num_frames)
            drawn = batches(data, clips, per_batch, stream(seed, number, device))
            shown = track(drawn, -(-clips // per_batch), f"Encoding {part} clips")
            gathered.append(gather(vae, shown, measure))
    return gathered


def _elbo_terms(vae: VideoVAE, num_frames: int) -> Callable[[Tensor], dict[str, Tensor]]:
    """The ELBO's terms of clips: with the exact KL where the prior has one, else estimated."""
    codes = torch.zeros(1, num_frames, vae.num_features)
    try:
        vae.model.reader.expected_log_prior(codes, torch.ones_like(codes))
    except NotGaussianPrior:
        estimator = RecordedTrace_ELBO(max_plate_nesting=vae.max_plate_nesting)

        def estimated(videos: Tensor) -> dict[str, Tensor]:
            estimator.loss(vae.model, vae.guide, videos)
            return estimator.last_terms

        return estimated
    exact = AnalyticKL_ELBO(max_plate_nesting=vae.max_plate_nesting)
    return partial(exact.terms, vae.model, vae.guide)


def _metrics(
    train: Gathered, test: Gathered, split: Split, ceiling: Accuracies, num_frames: int
) -> Disentanglement | None:
    """The metrics of today; None where codes or clips are too few for them."""
    best = LabelAccuracies(ceiling.static_static, ceiling.temporal_temporal)
    try:
        return measure_disentanglement(train.codes, test.codes, split, num_frames, ceiling=best)
    except InputError:
        return None
