"""What the clips cost."""

import torch

from ..track import Track
from .rows import Row
from .sizes import Sizes
from .steps import Way
from .timing import spread, take_turns, timed


def clips(sizes: Sizes, track: Track, device: str = "cpu") -> list[Row]:
    """Drawing the clips of a batch over a training step with them."""
    way, where = Way(sizes=sizes, device=device), torch.device(device)
    draw = timed(lambda: way.draw(0), where)
    step = timed(way.build(), where)
    times = take_turns(
        {"drawing the clips": draw, "a step": step},
        sizes.repetitions,
        warmup=sizes.warmup,
        track=track,
        title="Clips",
    )
    drawn, stepped = times.values()
    share = Row(quantity="drawing clips over a step", value=spread(drawn / stepped), at_most=0.03)
    return [share, Row(quantity="drawing the clips", value=spread(drawn), unit="s")]
