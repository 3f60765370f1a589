"""What each classifier finds in the codes, beside what it finds in the true factors."""

from collections.abc import Sequence

from ..track import Track, untracked
from .bootstrap import bootstrap
from .classifiers import CLASSIFIERS, correct
from .codes import Codes, Split, true_codes
from .gather import Gathered
from .leakage import chance, leakage
from .results import Judgement
from .scores import Accuracies, Hit, Hits, LabelAccuracies, rank, search, split_accuracies

CANDIDATES = 10  # splits that the slow RBF SVM judges, the best of the linear one


def judge_all(
    train: Gathered,
    test: Gathered,
    num_frames: int,
    splits: Sequence[Split] | None = None,
    track: Track = untracked,
) -> dict[str, Judgement]:
    """Judge codes by every classifier.

    Args:
        train: Codes to fit on, clip after clip.
        test: Codes to score on, clip after clip.
        num_frames: Frames in a clip.
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
    train: Gathered,
    test: Gathered,
    num_frames: int,
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
        intervals=bootstrap(hits, told, num_frames),
        split=split,
        leakage=leakage(accuracies, chance(test.codes), best),
    )


def _ceiling(train: Gathered, test: Gathered, classifier: str) -> Accuracies:
    """The accuracies on the true factors."""
    num_classes = 1 + int(max(train.codes.static.max(), test.codes.static.max()))
    (seen, split), (unseen, _) = (
        true_codes(part.codes.static, part.codes.temporal, part.position, num_classes)
        for part in (train, test)
    )
    return split_accuracies(seen, unseen, split, classifier)


def _from_all_features(train: Codes, test: Codes, classifier: str) -> Hit:
    given = (train.features, train.static, test.features, test.static)
    return correct(*given, classifier=classifier)
