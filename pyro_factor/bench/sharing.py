"""Several models on one device, a process each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..track import Track
from .apart import contestants
from .rows import Row
from .sizes import Sizes
from .steps import Way
from .timing import Contestant, Work, spread, take_turns, timed


@dataclass(frozen=True)
class Training:
    """A stretch of a training, clips and all.

    Args:
        way: How it does a step.
        steps: How many.
    """

    way: Way
    steps: int

    @property
    def device(self) -> str:
        """Where it computes."""
        return self.way.device

    def build(self) -> Work:
        """Build the model; the work is the stretch."""
        update = self.way.updates(self.way.model())

        def work() -> None:
            for iteration in range(self.steps):
                update(iteration, self.way.draw(iteration))

        return work


def sharing(sizes: Sizes, track: Track, device: str) -> list[Row]:
    """Steps a second of several trainings together, over one alone."""
    training = Training(Way(sizes=sizes, device=device), sizes.process_steps)
    recipes = {str(i): training for i in range(max(sizes.processes))}
    repetitions = max(1, sizes.repetitions // 3)
    with contestants(recipes, apart=True) as found:
        every = list(found.values())
        groups = {str(k): timed(_together(every[:k])) for k in sizes.processes}
        times = take_turns(groups, repetitions, track=track, title="Processes")
    one = times[str(sizes.processes[0])] / sizes.processes[0]
    return [
        row
        for k in sizes.processes
        for row in (
            Row(
                quantity=f"{k} together, steps a second of all",
                value=spread(k * sizes.process_steps / times[str(k)]),
                unit="1/s",
            ),
            Row(quantity=f"{k} together over one alone", value=spread(k * one / times[str(k)])),
        )
    ]


def _together(trainings: Sequence[Contestant]) -> Work:
    def work() -> None:
        with ThreadPoolExecutor(len(trainings)) as pool:
            list(pool.map(lambda training: training(), trainings))

    return work
