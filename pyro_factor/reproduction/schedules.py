"""How long a cell is trained, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..config import Config, make_config
from ..errors import require
from .paper import VARIANCE, Cell

NUM_FRAMES = 16
OF_FACTORS = {
    "orthogonality",
    "orthogonality_of",
    "persistence",
    "persistence_order",
    "persistence_memory",
    "persistence_at",
    "warm_up",
}  # what a prior of one has no use for


@dataclass(frozen=True)
class Schedule:
    """A schedule; unless a recipe says otherwise, all else is the paper's.

    Args:
        iterations: Steps of Adam.
        videos: Clips of 16 frames in a batch; the VAE, which knows no clips, gets as many frames.
        clips: Clips to fit the classifiers on, and to score on.
        judge_iterations: Steps that the judge of decoded clips is trained for.
        judged_clips: Decoded clips that it judges.
        source: Stands in for the cell's digits.
        chairs: How many chairs are generated for cells of chairs.
        in_tables: Whether its scores are results.
        model: What a recipe changes of the model.
        training: What it changes of the training.
        every: Training is on every so many-th frame of the clips.
        guide: The guide of the factored model.
        keep: Iterations whose weights stay in the run folder, for curves through the training.
        for_chairs: What is done for cells of chairs, where it is something else.
    """

    iterations: int
    videos: int
    clips: int = 1_200  # the paper's 19,200 frames
    judge_iterations: int = 1_000
    judged_clips: int = 256
    source: str | None = None
    chairs: int = 2_000
    in_tables: bool = True
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    every: int = 1
    guide: str = "independent"
    keep: tuple[int, ...] = ()
    for_chairs: "Schedule | None" = None

    @property
    def words(self) -> str:
        """How long it is, in words."""
        changed = {**self.model, **self.training}
        recipe = [f"every {self.every}th frame"] if self.every > 1 else []
        recipe += [f"a {self.guide} guide"] if self.guide != "independent" else []
        recipe += [f"{name.replace('_', ' ')} {_written(value)}" for name, value in changed.items()]
        told = f"{self.iterations:,} iterations of {self.videos} clips"
        chairs = f"; chairs: {self.for_chairs.words}" if self.for_chairs else ""
        return ", ".join([told, *recipe]) + chairs

    def config(
        self, cell: Cell, names: Mapping[str, str] = MappingProxyType({}), **training: Any
    ) -> Config:
        """Describe a cell's run.

        Args:
            cell: The cell.
            names: How the user knows a field, as in `make_config`.
            training: More of the training's fields, such as the device.

        Returns:
            The description; the data's root is left to the default.
        """
        if cell.dataset == "chairs" and self.for_chairs is not None:
            return self.for_chairs.config(cell, names, **training)
        single, several = cell.prior == "independent", cell.prior == "factored"
        arguments: dict[str, int | float] = {"features": cell.features}
        if several:
            arguments = dict.fromkeys(("static", "temporal"), cell.features // 2)
        if cell.variance != VARIANCE:
            arguments |= dict.fromkeys(("static_scale", "temporal_scale"), cell.variance**0.5)
        frames = {"num_frames": 1 if single else NUM_FRAMES}
        chairs = {"source": "chairs", "num_chairs": self.chairs}
        digits = {"source": self.source or cell.dataset}
        return make_config(
            (chairs if cell.dataset == "chairs" else digits) | frames,
            {
                "prior": cell.prior,
                "prior_args": arguments,
                "beta": float(cell.beta),
                "guide": self.guide if several else "independent",
                **self.model,
            },
            {
                "iterations": self.iterations,
                "videos": self.videos * (-(-NUM_FRAMES // self.every) if single else 1),
                "every": 1 if single else self.every,
                "seed": cell.seed,
                "checkpoint_every": 250,
                "keep": self.keep,
                **{
                    name: value
                    for name, value in self.training.items()
                    if several or name not in OF_FACTORS
                },
                **training,
            },
            names,
        )


def _written(value: Any) -> str:
    pairs = value.items() if isinstance(value, Mapping) else ()
    return " ".join(f"{name}={each}" for name, each in pairs) or str(value)


_RECIPE: dict[str, Any] = {"model": {"frequencies": 5}, "every": 8, "guide": "shuffling"}
_KEPT = (500, 1_000, 2_000, 4_000, 8_000, 12_000)


def _rate(decay_every: int) -> dict[str, Any]:
    """A learning rate that halves six times or more within the schedule."""
    return {"learning_rate": 3e-3, "decay": 0.5, "decay_every": decay_every}


def glimpse(iterations: int, videos: int = 128, **options: Any) -> Schedule:
    """A moving window, and factors kept apart; rate and warm-up are in proportion to its length.

    A chair fills its frame, so that cells of chairs have no window; and since it turns back, they
    are trained on frames of which any two lie a sixth, a third or half of a turn apart.

    Args:
        iterations: Steps of Adam.
        videos: Clips of digits in a batch, 2 frames of each; of chairs half as many, 4 frames.
        options: More of the schedule's fields.
    """
    apart = {"orthogonality": 50.0, "persistence": 50.0, "warm_up": {"hs": iterations // 2}}
    training = _rate(max(1, iterations * 3 // 20)) | apart
    window = {"frequencies": 5, "glimpse": 28, "channels": (16, 32, 64)}
    shared: dict[str, Any] = {"iterations": iterations, "guide": "shuffling", **options}
    turning = training | {"persistence_order": 4, "persistence_memory": 30}
    return Schedule(
        videos=videos,
        every=8,
        model=window,
        training=training,
        for_chairs=Schedule(videos=videos // 2, every=5, training=turning, **shared),
        **shared,
    )


SCHEDULES = {
    "paper": Schedule(iterations=30_000, videos=64),
    "quarter": Schedule(iterations=7_500, videos=64),  # `paper`, stopped early
    "short": Schedule(iterations=2_000, videos=16),
    "recipe": Schedule(2_000, 128, training=_rate(300), **_RECIPE),
    "recipe-long": Schedule(16_000, 64, training=_rate(2_000), keep=_KEPT, **_RECIPE),
    "glimpse": glimpse(2_000),
    "glimpse-long": glimpse(8_000, keep=_KEPT),
    "glimpse-full": glimpse(30_000, 512, keep=(4_000, 8_000, 16_000)),  # the paper's frames
    "smoke": Schedule(2, 2, 40, 2, 4, source="embedded", chairs=30, in_tables=False),
}


def check_schedule(name: str) -> None:
    """Raise `InputError` unless there is such a schedule."""
    require(name in SCHEDULES, "schedule", name, f"choose from {', '.join(SCHEDULES)}")
