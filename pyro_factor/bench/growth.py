"""How time and memory grow with frames, features, videos and the images' size."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..evaluation.intervals import Estimate
from ..track import Track
from .memory import step_memory
from .rows import Row, exact
from .sizes import Sizes
from .steps import Way
from .timing import spread, take_turns, timed

NAMES = {"image_size": "pixels a side", "features": "features a factor"}


def growth(sizes: Sizes, track: Track) -> list[Row]:
    """Exponents of a step's time and memory in each quantity, and the values they are fitted on."""
    rows = []
    for quantity, points in sizes.growth:
        ways = {str(p): Way(sizes=sizes.replace(**{quantity: p})) for p in points}
        name = NAMES.get(quantity, quantity)
        title = f"Growth with {name}"
        works = {key: timed(way.build()) for key, way in ways.items()}
        times = take_turns(works, sizes.repetitions, warmup=sizes.warmup, track=track, title=title)
        seconds = np.stack(list(times.values()))
        memory = np.array(list(track(map(step_memory, ways.values()), len(points), title)))
        rows += [
            Row(quantity=f"time, exponent in {name}", value=exponents(points, seconds), unit=""),
            Row(
                quantity=f"memory, exponent in {name}",
                value=exponents(points, memory[:, None]),
                unit="",
            ),
            *_points(name, points, seconds, memory),
        ]
    return rows


def exponents(points: Sequence[int], values: Float[np.ndarray, "points repetitions"]) -> Estimate:
    """The exponent k of values ∝ points^k, fitted to the logarithms round by round."""
    x = np.log(np.asarray(points, float))
    y = np.log(values)
    centred = x - x.mean()
    return spread(centred @ (y - y.mean(0)) / (centred @ centred))


def _points(
    name: str,
    points: Sequence[int],
    seconds: Float[np.ndarray, "points repetitions"],
    memory: Float[np.ndarray, "points"],
) -> list[Row]:
    return [
        row
        for point, times, peak in zip(points, seconds, memory, strict=True)
        for row in (
            Row(quantity=f"time of a step, {point} {name}", value=spread(times), unit="s"),
            Row(quantity=f"memory of a step, {point} {name}", value=exact(peak), unit="GB"),
        )
    ]
