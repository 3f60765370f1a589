"""How long the search over splits takes: D features, linear SVM, on random codes that tell both.

`python scripts/search_cost.py [features] [frames]`; the machine should be quiet.
"""

import sys
import time

import numpy as np

from pyro_factor.evaluation.codes import Codes
from pyro_factor.evaluation.scores import search
from pyro_factor.track import tracking


def codes(features: int, frames: int, seed: int) -> Codes:
    """Half of the features tell one of ten digits, half a position, with noise."""
    random = np.random.default_rng(seed)
    position = random.uniform(size=(frames, 2))
    row, column = np.minimum((3 * position).astype(int), 2).T
    digit, half = random.integers(10, size=frames), features // 2
    centres = np.random.default_rng(0).normal(size=(10, half))
    mixed = position @ np.random.default_rng(1).normal(size=(2, features - half))
    told = np.hstack([centres[digit], 3 * mixed])
    return Codes(told + random.normal(size=told.shape), digit, 3 * row + column)


def main(features: int = 8, frames: int = 20_000) -> None:
    """Time the search."""
    train, test = codes(features, frames, 2), codes(features, frames, 3)
    start = time.perf_counter()
    with tracking(True) as track:
        (split, hits), *others = search(train, test, track=track)
    seconds = time.perf_counter() - start
    print(f"{len(others) + 1} splits of {features} features, {frames:,} frames: {seconds:.1f} s")
    print(f"best: {split}, D = {hits.accuracies.d_score:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
