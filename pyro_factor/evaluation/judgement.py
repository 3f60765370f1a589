"""What each classifier finds in the codes, beside what it finds in the true factors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..track import Track, untracked
from .bootstrap import bootstrap
from .classifiers import CLASSIFIERS, correct
from .codes import Codes, Split, true_codes
from .leakage import chance, leakage
from .results import Judgement
from .scores import Accuracies, Hit, Hits, LabelAccuracies, rank, search, split_accuracies


class Labelled(NamedTuple):
    """Codes of frames, and what moves in each frame: its true position, where it is known.

    `item` is what each clip shows, see `Clips`, where it is known and frames are in whole clips.
    """

    codes: Codes
    position: Float[np.ndarray, "frames places"] | None
    item: Int[np.ndarray, "clips"] | None = None


CANDIDATES = 10  # splits that the slow RBF SVM judges, the best of the linear one


def judge_all(
    train: Labelled,
    test: Labelled,
    num_frames: int | None,
    splits: Sequence[Split] | None = None,
    track: Track = untracked,
) -> dict[str, Judgement]:
    """Judge codes by every classifier.

    Args:
        train: Codes to fit on, clip after clip.
        test: Codes to score on, clip after clip.
        num_frames: Frames in a clip; None where frames are not in whole clips, and then there
            are no intervals.
        splits: The model's own split. Without one, the linear classifier gets the best of all
            splits, and the RBF one the best of the linear one's 10 best.
        track: Shows progress.

    Returns:
        A judgement by the name of each classifier.
    """
    own, found = splits is not None, dict[str, Judgement]()
    for name in CLASSIFIERS:
        if splits is None:
            ranked = search(train.codes, test.codes, name, track=track)
            splits = [split for split, _ in ranked[:CANDIDATES]]
        else:
            ranked = rank(train.codes, test.codes, splits, name, track=track)
        found[name] = _judge(train, test, num_frames, own, name, *ranked[0])
    return found


def _judge(
    train: Labelled,
    test: Labelled,
    num_frames: int | None,
    own: bool,
    classifier: str,
    split: Split,
    hits: Hits,
) -> Judgement:
    accuracies, ceiling = hits.accuracies, _ceiling(train, test, classifier)
    told = hits.static_static if own else _from_all_features(train.codes, test.codes, classifier)
    best = LabelAccuracies(ceiling.static_static, ceiling.temporal_temporal)
    return Judgement(
        accuracies,
        ceiling,
        float(told.mean()),
        intervals=None if num_frames is None else bootstrap(hits, told, num_frames, test.item),
        split=split,
        leakage=leakage(accuracies, chance(test.codes), best),
        items=None if test.item is None else len(np.unique(test.item)),
    )


def _ceiling(train: Labelled, test: Labelled, classifier: str) -> Accuracies:
    """The accuracies on the true factors; the label itself stands for an unknown position."""
    parts = (train, test)
    static, temporal = (
        1 + max(int(getattr(part.codes, label).max()) for part in parts)
        for label in ("static", "temporal")
    )

    def truth(part: Labelled) -> tuple[Codes, Split]:
        codes, position = part.codes, part.position
        place = np.eye(temporal)[codes.temporal] if position is None else position
        true, split = true_codes(codes.static, codes.temporal, place, static)
        return replace(true, triples=codes.triples), split

    (seen, split), (unseen, _) = map(truth, parts)
    return split_accuracies(seen, unseen, split, classifier)


def _from_all_features(train: Codes, test: Codes, classifier: str) -> Hit:
    given = (train.features, train.static, test.features, test.static)
    return correct(*given, classifier=classifier)
