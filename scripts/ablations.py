"""What each part of the schedule `glimpse` is worth: it is trained with one part left out.

Bouncing MNIST, 4+4 features, β = 4, seed 0, scored on 400 validation clips. Six minutes a part on
one thread, 25 without the window; what was stopped goes on.

`python scripts/ablations.py DATA_ROOT [FOLDER [PART ...]]`
"""

import sys
from dataclasses import replace
from pathlib import Path

from pyro_factor.evaluation import Scores, evaluate
from pyro_factor.evaluation.results import scores_path
from pyro_factor.inference.runs import build_data
from pyro_factor.inference.training import train_described
from pyro_factor.reproduction.paper import Cell
from pyro_factor.reproduction.schedules import SCHEDULES, Schedule
from pyro_factor.reproduction.tables import markdown

CELL, CLIPS, SPLIT = Cell("mnist", "factored", 8, 4), 400, "validation"
WHOLE = SCHEDULES["glimpse"]


def without(*names: str) -> Schedule:
    """The schedule less some options of the training and of the model."""
    training, model = (
        {name: value for name, value in part.items() if name not in names}
        for part in (WHOLE.training, WHOLE.model)
    )
    return replace(WHOLE, training=training, model=model)


PARTS = {
    "nothing": WHOLE,
    "persistence": without("persistence"),
    "orthogonality": without("orthogonality"),
    "warm-up": without("warm_up"),
    "shuffling": replace(WHOLE, guide="independent"),
    "every": replace(WHOLE, every=1, videos=WHOLE.videos // WHOLE.every),
    "rate": without("learning_rate", "decay", "decay_every"),
    "frequencies": without("frequencies"),
    "window": without("glimpse", "channels"),
}
TOLD = ("static_static", "static_temporal", "temporal_temporal", "temporal_static", "d_score")
HEADER = ("static → digit", "static → cell", "temporal → cell", "temporal → digit", "D-score")


def score(schedule: Schedule, folder: Path, root: str) -> Scores:
    """Train and score the cell, unless it is done."""
    path = scores_path(folder, data_split=SPLIT)
    if path.exists():
        return Scores.read(path)
    config = schedule.config(CELL)
    run = train_described(config, folder, data=build_data(config, root))
    return evaluate(run, clips=CLIPS, split=SPLIT)


def line(left_out: str, scores: Scores) -> list[str]:
    """A row of the table: the linear SVM's numbers, and the RBF one's in brackets."""
    linear, rbf = (scores.judged[name].accuracies for name in ("linear", "rbf"))
    told = [f"{getattr(linear, name):.3f} ({getattr(rbf, name):.3f})" for name in TOLD]
    return [left_out, f"{scores.elbo:.0f}", *told]


def main(root: str, folder: str = "runs/ablations", *parts: str) -> None:
    """Train and score what is missing of some parts, all unless given, and print the table."""
    lines = []
    for left_out in parts or PARTS:
        lines.append(line(left_out, score(PARTS[left_out], Path(folder, left_out), root)))
        print(markdown(["left out", "ELBO, nats per video", *HEADER], lines), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
