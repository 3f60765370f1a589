"""The disentanglement score of the paper (section 4.1), as pure functions of arrays."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from os import cpu_count
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from pydantic import Field

from ..errors import require
from ..track import Track, untracked
from .classifiers import correct
from .codes import Codes, Split

MAX_SEARCHED_FEATURES = 12  # 4,094 splits

Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Hit = Bool[np.ndarray, "_examples"]


class LabelAccuracies(NamedTuple):
    """Test accuracy of one set of features on each label."""

    static: float
    temporal: float


@dataclass(frozen=True)
class Accuracies:
    """The four accuracies of eq. 19, named `features_labels`, and the number of test frames.

    `static_temporal` is Acc(Hs, yt): how well the static features tell the temporal label.
    """

    static_static: Fraction
    static_temporal: Fraction
    temporal_static: Fraction
    temporal_temporal: Fraction
    num_frames: Count

    @property
    def d_score(self) -> float:
        """Eq. 19; a denominator of 0 counts as one correct test frame, so that it stays finite."""
        four = astuple(self)[:4]
        return float(d_score(np.array(four), self.num_frames))


class Hits(NamedTuple):
    """Which test frames are told right, named as the accuracies that are their means.

    Where the temporal label is one of several frames, which of these examples are told right.
    """

    static_static: Hit
    static_temporal: Hit
    temporal_static: Hit
    temporal_temporal: Hit

    @property
    def accuracies(self) -> Accuracies:
        """The four accuracies of eq. 19."""
        means = {name: float(hit.mean()) for name, hit in self._asdict().items()}
        return Accuracies(**means, num_frames=len(self.static_static))


def d_score(accuracies: Float[np.ndarray, "4 *shape"], num_frames: int) -> np.ndarray:
    """Eq. 19, √( Acc(Hs,ys)/Acc(Hs,yt) · Acc(Ht,yt)/Acc(Ht,ys) ), in the order of `Accuracies`."""
    static_static, static_temporal, temporal_static, temporal_temporal = accuracies
    # The accuracy of one correct frame keeps D finite. It is no measure of how finely accuracies
    # can be told apart: frames of one item are right and wrong together.
    least = 1 / num_frames
    static = static_static / np.maximum(static_temporal, least)
    temporal = temporal_temporal / np.maximum(temporal_static, least)
    return np.asarray(np.sqrt(static * temporal))


def split_accuracies(
    train: Codes, test: Codes, split: Split, classifier: str = "linear"
) -> Accuracies:
    """The four accuracies of a given split of the features, such as the model's own.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        split: Columns of the static and of the temporal features.
        classifier: "linear" or "rbf", see `correct`.

    Returns:
        The four test accuracies; `.d_score` is eq. 19.
    """
    return split_hits(train, test, split, classifier).accuracies


def split_hits(train: Codes, test: Codes, split: Split, classifier: str = "linear") -> Hits:
    """Which test frames a given split of the features tells right, see `split_accuracies`."""
    return rank(train, test, [split], classifier)[0][1]


def search(
    train: Codes,
    test: Codes,
    classifier: str = "linear",
    *,
    track: Track = untracked,
) -> list[tuple[Split, Hits]]:
    """Every split into two non-empty parts, 2^D − 2 of them, the highest D-score first (eq. 19).

    Args:
        train: Codes to fit on, with D features, 2 ≤ D ≤ 12.
        test: Codes to score on. The maximum is taken on these, as in the paper, which favours
            models without a split of their own.
        classifier: "linear" or "rbf", see `correct`.
        track: Shows progress, subset by subset.

    Returns:
        The splits, and which test frames are told right under each.

    Raises:
        InputError: fewer than 2 features or more than 12.
    """
    size = train.features.shape[1]
    advice = f"a search over splits needs 2 to {MAX_SEARCHED_FEATURES} features"
    require(2 <= size <= MAX_SEARCHED_FEATURES, "features", size, advice)
    # Subset m holds the columns of m's binary digits; its complement is 2^D − 1 − m.
    everything = 2**size - 1
    subsets = [[j for j in range(size) if m >> j & 1] for m in range(1, everything)]
    splits = [Split(static, rest) for static, rest in zip(subsets, subsets[::-1], strict=True)]
    return rank(train, test, splits, classifier, track=track)


def rank(
    train: Codes,
    test: Codes,
    splits: Sequence[Split],
    classifier: str = "linear",
    *,
    track: Track = untracked,
) -> list[tuple[Split, Hits]]:
    """Order splits by their D-score, the highest first.

    The classifiers of each subset of the features are fitted once, though it may stand in two
    splits: as the static part of one and as the temporal part of the other.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        splits: Splits of the features.
        classifier: "linear" or "rbf", see `correct`.
        track: Shows progress, subset by subset.

    Returns:
        The splits, and which test frames are told right under each.
    """
    subsets = list(dict.fromkeys(tuple(part) for split in splits for part in split))

    def judge(columns: tuple[int, ...]) -> tuple[Hit, Hit]:
        static, temporal = (
            correct(
                *train.told_from(columns, label),
                *test.told_from(columns, label),
                classifier=classifier,
            )
            for label in ("static", "temporal")
        )
        return static, temporal

    title = f"Fitting {classifier} SVMs"
    judged = track(_in_threads(judge, subsets), len(subsets), title)
    found = dict(zip(subsets, judged, strict=True))
    ranked = [(split, Hits(*found[tuple(split[0])], *found[tuple(split[1])])) for split in splits]
    return sorted(ranked, key=lambda candidate: -candidate[1].accuracies.d_score)


def _in_threads(
    judge: Callable[[tuple[int, ...]], tuple[Hit, Hit]], subsets: Sequence[tuple[int, ...]]
) -> Iterable[tuple[Hit, Hit]]:
    """Judge subsets side by side: scikit-learn's SVMs let go of Python's lock."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        yield from pool.map(judge, subsets)
