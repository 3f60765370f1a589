"""What the classes of the clips to score on must be, for classifiers to be asked about them."""

import sys

import numpy as np

from ..errors import require
from .gather import Gathered

LABELS = ("static", "temporal")


def check_classes(train: Gathered, test: Gathered) -> None:
    """Raise unless the clips to score on have several classes, that those to fit on have too.

    How many classes are in no clip to fit on, so that they can't be told, is said.

    Args:
        train: Codes to fit on.
        test: Codes to score on.

    Raises:
        InputError: One class of a label to score on, or none that is fitted on.
    """
    for label in LABELS:
        seen, unseen = getattr(train, label), getattr(test, label)
        if seen is not None and unseen is not None:
            _check(label, np.unique(seen), np.unique(unseen))


def _check(label: str, seen: np.ndarray, unseen: np.ndarray) -> None:
    advice = f"the clips to score on show one {label} class; score on more, or on data with several"
    require(len(unseen) > 1, "labels", unseen.tolist(), advice)
    new = np.setdiff1d(unseen, seen)
    advice = f"no {label} class to score on is in clips to fit on; let each be in both parts"
    require(len(new) < len(unseen), "labels", unseen.tolist(), advice)
    if len(new) > 0:
        told = f"{len(new)} of {len(unseen)} {label} classes to score on are in no clip to fit on"
        print(f"{told}: their frames count as wrong, also in the ceiling", file=sys.stderr)
