"""The disentanglement score of the paper (section 4.1), as pure functions of arrays."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import sqrt
from os import cpu_count
from typing import Annotated, NamedTuple

from pydantic import Field

from ..errors import require
from .classifiers import accuracy
from .codes import Codes, Split

MAX_SEARCHED_FEATURES = 12  # 4,094 splits

Count = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


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
        """Eq. 19: √( Acc(Hs,ys)/Acc(Hs,yt) · Acc(Ht,yt)/Acc(Ht,ys) ).

        A denominator of 0 counts as one correct test frame, so that the score stays finite.
        """
        least = 1 / self.num_frames
        static = self.static_static / max(self.static_temporal, least)
        temporal = self.temporal_temporal / max(self.temporal_static, least)
        return sqrt(static * temporal)


def label_accuracies(
    train: Codes, test: Codes, columns: Sequence[int], classifier: str = "linear"
) -> LabelAccuracies:
    """How well some columns of the features tell the static and the temporal label.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        columns: Columns of the features that the classifier sees.
        classifier: "linear" or "rbf", see `accuracy`.

    Returns:
        The two test accuracies, in [0, 1].
    """
    chosen = list(columns)
    seen, unseen = train.features[:, chosen], test.features[:, chosen]
    return LabelAccuracies(
        accuracy(seen, train.static, unseen, test.static, classifier=classifier),
        accuracy(seen, train.temporal, unseen, test.temporal, classifier=classifier),
    )


def split_accuracies(
    train: Codes, test: Codes, split: Split, classifier: str = "linear"
) -> Accuracies:
    """The four accuracies of a given split of the features, such as the model's own.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        split: Columns of the static and of the temporal features.
        classifier: "linear" or "rbf", see `accuracy`.

    Returns:
        The four test accuracies; `.d_score` is eq. 19.
    """
    both = _in_threads(lambda columns: label_accuracies(train, test, columns, classifier), split)
    return Accuracies(*both[0], *both[1], len(test.static))


def search(train: Codes, test: Codes, classifier: str = "linear") -> tuple[Split, Accuracies]:
    """The split with the highest D-score among all 2^D − 2 into two non-empty parts (eq. 19).

    The classifiers of each subset of the features are fitted once, since every subset stands in
    two splits: as the static part of one and as the temporal part of the other.

    Args:
        train: Codes to fit on, with D features, 2 ≤ D ≤ 12.
        test: Codes to score on. The maximum is taken on these, as in the paper, which favours
            models without a split of their own.
        classifier: "linear" or "rbf", see `accuracy`.

    Returns:
        The best split (the first of equals) and its four accuracies.

    Raises:
        InputError: fewer than 2 features or more than 12.
    """
    size = train.features.shape[1]
    advice = f"a search over splits needs 2 to {MAX_SEARCHED_FEATURES} features"
    require(2 <= size <= MAX_SEARCHED_FEATURES, "features", size, advice)
    # Subset m holds the columns of m's binary digits; its complement is 2^D − 1 − m.
    everything = 2**size - 1
    subsets = [[j for j in range(size) if m >> j & 1] for m in range(1, everything)]
    fitted = _in_threads(
        lambda columns: label_accuracies(train, test, columns, classifier), subsets
    )
    splits = [
        (Split(static, temporal), Accuracies(*of_static, *of_temporal, len(test.static)))
        for static, temporal, of_static, of_temporal in zip(
            subsets, subsets[::-1], fitted, fitted[::-1], strict=True
        )
    ]
    return max(splits, key=lambda candidate: candidate[1].d_score)


def _in_threads(
    judge: Callable[[Sequence[int]], LabelAccuracies], subsets: Sequence[Sequence[int]]
) -> list[LabelAccuracies]:
    """Judge subsets side by side: scikit-learn's SVMs let go of Python's lock."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(judge, subsets))
