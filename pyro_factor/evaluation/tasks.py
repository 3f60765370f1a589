"""What is asked of codes: the tasks of a data set's D-score, and what is shown beside them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from .codes import Codes
from .gather import Gathered
from .judgement import Labelled
from .order import in_order
from .results import FRAMES

ORDER = "order of three frames"
MIXED = "labels of single frames, split at random"


class Task(NamedTuple):
    """Codes to fit on and to score on, and the frames of a clip where they are in whole clips."""

    train: Labelled
    test: Labelled
    num_frames: int | None


def tasks(
    temporal_task: str, train: Gathered, test: Gathered, num_frames: int, seed: int
) -> dict[str, Task]:
    """The tasks of a data set by name; the first is that of its D-score.

    Args:
        temporal_task: "frame" or "order", see `VideoData`.
        train: Codes to fit on, clip after clip.
        test: Codes to score on, clip after clip.
        num_frames: Frames in a clip.
        seed: Seed of the order and of the random split.

    Returns:
        For "order", beside it the labels of single frames, and these with all frames split at
        random into halves, as the authors do: frames to score on are then like ones fitted on.

    Raises:
        InputError: Clips too short for the order.
    """
    seen, unseen = (Labelled(part.codes, part.position, part.item) for part in (train, test))
    frames = Task(seen, unseen, num_frames)
    if temporal_task == "frame":
        return {FRAMES: frames}
    ordered = Task(
        seen._replace(codes=in_order(seen.codes, num_frames, seed=seed)),
        unseen._replace(codes=in_order(unseen.codes, num_frames, seed=seed + 1)),
        num_frames,
    )
    return {ORDER: ordered, FRAMES: frames, MIXED: _mixed(seen, unseen, seed)}


def _mixed(train: Labelled, test: Labelled, seed: int) -> Task:
    """All frames, split at random into halves."""
    count = len(train.codes.static) + len(test.codes.static)
    shuffled = np.random.default_rng(seed).permutation(count)
    first, second = np.array_split(shuffled, 2)
    return Task(_chosen(train, test, first), _chosen(train, test, second), None)


def _chosen(train: Labelled, test: Labelled, rows: Int[np.ndarray, "rows"]) -> Labelled:
    features, static, temporal = (
        np.concatenate([getattr(part.codes, name) for part in (train, test)])[rows]
        for name in ("features", "static", "temporal")
    )
    known = [part.position for part in (train, test) if part.position is not None]
    position = np.concatenate(known)[rows] if len(known) == 2 else None
    return Labelled(Codes(features, static, temporal), position)
