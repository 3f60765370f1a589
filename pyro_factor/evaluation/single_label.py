"""What features tell of clips that have one kind of label only."""

from dataclasses import dataclass

from .classifiers import CLASSIFIERS, accuracy
from .codes import Split
from .gather import Gathered
from .leakage import most_frequent
from .scores import Fraction


@dataclass(frozen=True)
class Told:
    """Test accuracy of the static, the temporal and all features on the one label there is.

    `static` and `temporal` are None where the model has no split of its own.
    """

    label: str
    chance: Fraction
    everything: Fraction
    static: Fraction | None = None
    temporal: Fraction | None = None


def tell_single(train: Gathered, test: Gathered, split: Split | None) -> dict[str, Told]:
    """Judge codes by the one label, static or temporal, that their clips have.

    Args:
        train: Codes to fit on.
        test: Codes to score on.
        split: The model's own split, if it has one.

    Returns:
        By the name of each classifier; empty where the clips have no label.

    Raises:
        InputError: The label has one class only.
    """
    label = "static" if test.static is not None else "temporal"
    seen, unseen = getattr(train, label), getattr(test, label)
    if seen is None or unseen is None:
        return {}
    parts = {"everything": list(range(train.features.shape[1]))}
    parts |= {} if split is None else split._asdict()
    return {
        name: Told(
            label,
            most_frequent(unseen),
            **{
                part: accuracy(
                    train.features[:, columns],
                    seen,
                    test.features[:, columns],
                    unseen,
                    classifier=name,
                )
                for part, columns in parts.items()
            },
        )
        for name in CLASSIFIERS
    }
