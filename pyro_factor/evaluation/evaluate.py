"""From a trained run to its scores."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from ..config import Config
from ..errors import InputError, check_seed, require
from ..inference import AnalyticKL_ELBO, RecordedTrace_ELBO
from ..inference.runs import Run
from ..models import NotGaussianPrior, VideoVAE
from ..track import Track, tracking
from .classes import check_classes
from .codes import Split
from .gather import (
    STREAMS,
    Gathered,
    batch_sizes,
    batches,
    evaluating,
    gather,
    stream,
)
from .judgement import judge_all
from .metrics import Disentanglement, measure_disentanglement
from .results import FRAMES, Judgement, Scores, scores_path
from .scores import Accuracies, LabelAccuracies
from .single_label import tell_single
from .tasks import tasks

PAPER_FRAMES = 19_200
LEAST_CLIPS = 100  # long clips too must show every static label


def evaluate(
    run: Run,
    *,
    num_frames: int | None = None,
    clips: int | None = None,
    split: str = "test",
    seed: int = 0,
    progress: bool = True,
    write: bool = True,
) -> Scores:
    """Score a run: accuracies, D-score and ceiling (section 4.1 of the paper), test ELBO.

    Features are the guide's means of single frames. Classifiers are fitted on clips of training
    digits and scored on as many clips of test digits; for chairs, both are of held-out chairs, seen
    at other azimuths, and the D-score asks for the order of frames. Without labels there are no
    accuracies; nor where they can't be asked, as of labels of a single class, or of a prior without
    a split of its own and 1 feature or more than 12, which is said on stderr. The scores are also
    written to the run folder: scores.json, or scores-<N>-frames.json for N frames other than the
    model's own, or scores-of-<FOLDER>.json for a model of generated chairs that is scored on a
    folder's.

    Args:
        run: The run, as `train` and `load_run` return it.
        num_frames: Frames in a clip; the model's own number unless given.
        clips: Clips to fit on, and to score on; unless given, enough for the paper's 19,200
            frames, and 100 at least.
        split: Which part of the data to score on, "test" or "validation".
        seed: Seed of the clips and of the ELBO's draws.
        progress: Whether to show progress.
        write: Whether to write the scores.

    Returns:
        The scores: accuracies in [0, 1], the ELBO at β = 1 and its terms in nats per video, with
        the exact KL where the prior has one, else with one draw for each clip.

    Raises:
        InputError: a number is out of range.
    """
    vae = run.vae
    num_frames = vae.num_frames if num_frames is None else num_frames
    require(num_frames >= 1, "num_frames", num_frames, "give 1 or more")
    clips = max(-(-PAPER_FRAMES // num_frames), LEAST_CLIPS) if clips is None else clips
    require(clips >= 1, "clips", clips, "give 1 or more")
    check_seed(seed)

    with tracking(progress) as track:
        train, test = _encode(
            run, track, split=split, num_frames=num_frames, clips=clips, seed=seed
        )
        own = own_split(vae)
        try:
            found = _asked(train, test, own, run.data.temporal_task, num_frames, seed, track)
        except InputError as reason:
            print(f"Left out: accuracies and D-score: {reason}", file=sys.stderr)
            found = {"split": own}
    scores = Scores(
        data_split=split,
        num_frames=num_frames,
        clips=clips,
        seed=seed,
        own_split=own is not None,
        other_data=other_data(run),
        iteration=run.iteration,
        **found,
        elbo=sum(test.terms.values()),
        terms=test.terms,
    )
    if write:
        scores.write(scores_file(run, split, num_frames))
    return scores


def scores_file(run: Run, split: str, num_frames: int) -> Path:
    """Where the scores of a run lie, of clips of a part of its data."""
    unusual = None if num_frames == run.vae.num_frames else num_frames
    folder, other = Path(run.folder), other_data(run)
    return scores_path(folder, data_split=split, num_frames=unusual, other_data=other)


def _encode(
    run: Run, track: Track, *, split: str, num_frames: int, clips: int, seed: int
) -> list[Gathered]:
    """Codes of clips of two parts of the data; of the second also the ELBO's terms."""
    vae = run.vae
    measures = (None, elbo_terms(vae, num_frames))
    count = len(batch_sizes(clips, num_frames))
    gathered = []
    with evaluating(vae, seed):
        parts = run.data.replace(num_frames=num_frames).scoring(split)
        for data, number, measure in zip(parts, STREAMS, measures, strict=True):
            drawn = batches(data, clips, stream(seed, number))
            shown = track(drawn, count, f"Encoding {data.split} clips")
            gathered.append(gather(vae, shown, measure))
    return gathered


def elbo_terms(vae: VideoVAE, num_frames: int) -> Callable[[Tensor], dict[str, Tensor]]:
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


def other_data(run: Run) -> str | None:
    """The folder of chairs that a model of generated ones is scored on."""
    return foreign(run.config, run.data.settings["root"])


def foreign(config: Config, root: str | Path | None) -> str | None:
    """The same, by the run's description and where its data are taken from."""
    generated = config.data.source == "chairs" and config.data.root is None
    return Path(root).absolute().name if generated and root is not None else None


def own_split(vae: VideoVAE) -> Split | None:
    """The columns of hs and ht, where the prior has these factors."""
    factors = vae.factors
    return Split(factors["hs"], factors["ht"]) if {"hs", "ht"} <= factors.keys() else None


def _asked(
    train: Gathered,
    test: Gathered,
    own: Split | None,
    temporal_task: str,
    num_frames: int,
    seed: int,
    track: Track,
) -> dict[str, Any]:
    """What the scores say of the clips' labels.

    Raises:
        InputError: The classifiers can't be asked.
    """
    check_classes(train, test)
    if not (train.labelled and test.labelled):
        return {"split": own, "single_label": tell_single(train, test, own)}
    given = [own] if own else None
    asked = tasks(temporal_task, train, test, num_frames, seed)
    judged = {name: judge_all(*each, given, track) for name, each in asked.items()}
    return _labelled(judged, train, test, num_frames)


def _labelled(
    judged: dict[str, dict[str, Judgement]], train: Gathered, test: Gathered, num_frames: int
) -> dict[str, Any]:
    """What the scores say of labelled clips: of the first task, of the others, and the metrics."""
    (task, first), *others = judged.items()
    columns, ceiling = cast(Split, first["linear"].split), judged[FRAMES]["linear"].ceiling
    return {
        "split": columns,
        "task": task,
        **first,
        "beside": dict(others),
        "metrics": _metrics(train, test, columns, ceiling, num_frames),
    }


def _metrics(
    train: Gathered, test: Gathered, split: Split, ceiling: Accuracies, num_frames: int
) -> Disentanglement | None:
    """The metrics of today; None where the codes or the clips don't allow them."""
    best = LabelAccuracies(ceiling.static_static, ceiling.temporal_temporal)
    try:
        return measure_disentanglement(train.codes, test.codes, split, num_frames, ceiling=best)
    except InputError as reason:
        print(f"Left out: DCI, MIG, SAP and modularity: {reason}", file=sys.stderr)
        return None
