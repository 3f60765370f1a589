"""The metrics of disentanglement in use today, on codes of frames and on codes of clips."""

from dataclasses import dataclass, replace

from ..errors import require
from .classifiers import accuracy
from .codes import Codes, Split
from .disentanglement import by_part, completeness, disentanglement, importance
from .factors import check_parts, factor_labels
from .information import mig, modularity
from .leakage import Leakage, chance, leakage
from .sap import sap
from .scores import Fraction, LabelAccuracies, split_accuracies
from .sequences import clip_means, sequence_codes


@dataclass(frozen=True)
class Metrics:
    """Metrics of one kind of codes, in [0, 1]; for all but `leakage`, the higher the better.

    `part_disentanglement` and `part_completeness` take the static columns as one and the temporal
    columns as one. `sap` is by a linear SVM, `sap_thresholds` as the paper defines it.
    """

    disentanglement: Fraction
    completeness: Fraction
    informativeness: Fraction
    part_disentanglement: Fraction
    part_completeness: Fraction
    mig: Fraction
    modularity: Fraction
    sap: Fraction
    sap_thresholds: Fraction
    leakage: Leakage


@dataclass(frozen=True)
class Disentanglement:
    """Metrics of the codes of single frames, and of the codes of clips (see `sequence_codes`)."""

    frames: Metrics
    clips: Metrics


def measure_disentanglement(
    train: Codes,
    test: Codes,
    split: Split,
    num_frames: int,
    *,
    classifier: str = "linear",
    ceiling: LabelAccuracies | None = None,
    seed: int = 0,
) -> Disentanglement:
    """All metrics, on the codes of single frames and on the codes of clips.

    Codes of clips hold the mean of the static columns over the clip, and the temporal columns of
    one of its frames, with that frame's labels (see `sequence_codes`). What leaks into the
    temporal columns is then judged by their mean over the clip, which shows an identity that the
    noise of single frames hides.

    Args:
        train: Codes to fit on, clip after clip.
        test: Codes to score on, clip after clip. MIG and modularity, which fit nothing, are those
            of these codes.
        split: Columns of the static and of the temporal features.
        num_frames: Number of frames in a clip.
        classifier: The classifier of the leakage, "linear" or "rbf", see `accuracy`.
        ceiling: Accuracies that count as a leakage of 1, see `leakage`.
        seed: Seed of the forests and of the frames that stand for their clips.

    Returns:
        Both sets of metrics.

    Raises:
        InputError: the split does not fit the features; see `check_clips`, `check_parts` and
            `accuracy`.
    """
    check_parts(train.features, factor_labels(train), test.features, factor_labels(test))
    _check_split(split, train.features.shape[1])
    seen = sequence_codes(train, split, num_frames, seed=seed)
    unseen = sequence_codes(test, split, num_frames, seed=seed)
    of_frames = split_accuracies(train, test, split, classifier)
    of_clips = replace(
        split_accuracies(seen, unseen, split, classifier),
        temporal_static=_identity_in_means(train, test, split, num_frames, classifier),
    )
    return Disentanglement(
        _measure(train, test, split, leakage(of_frames, chance(test), ceiling), seed),
        _measure(seen, unseen, split, leakage(of_clips, chance(unseen), ceiling), seed),
    )


def _measure(train: Codes, test: Codes, split: Split, leaked: Leakage, seed: int) -> Metrics:
    """The metrics of one kind of codes."""
    seen, unseen = (train.features, factor_labels(train)), (test.features, factor_labels(test))
    matrix, accuracies = importance(*seen, *unseen, seed=seed)
    parts = by_part(matrix, split)
    return Metrics(
        disentanglement=disentanglement(matrix),
        completeness=completeness(matrix),
        informativeness=float(accuracies.mean()),
        part_disentanglement=disentanglement(parts),
        part_completeness=completeness(parts),
        mig=mig(*unseen),
        modularity=modularity(*unseen),
        sap=sap(*seen, *unseen),
        sap_thresholds=sap(*seen, *unseen, classifier="thresholds"),
        leakage=leaked,
    )


def _identity_in_means(
    train: Codes, test: Codes, split: Split, num_frames: int, classifier: str
) -> float:
    """Accuracy on the static label of the temporal columns' means over clips."""
    columns = list(split.temporal)
    seen, unseen = (
        (clip_means(codes.features[:, columns], num_frames), codes.static[::num_frames])
        for codes in (train, test)
    )
    return accuracy(*seen, *unseen, classifier=classifier)


def _check_split(split: Split, num_features: int) -> None:
    """Both parts hold columns, which exist, and no column twice."""
    columns = [*split.static, *split.temporal]
    sound = len(set(columns)) == len(columns) and set(columns) <= set(range(num_features))
    advice = f"give both parts some of the columns 0 to {num_features - 1}, none of them twice"
    require(all(map(len, split)) and sound, "split", tuple(split), advice)
