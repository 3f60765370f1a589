"""Whether what is fast is also the same: by hand and ours, bfloat16 and float32, and reruns."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from ..data import VideoData
from ..evaluation.codes import Split
from ..evaluation.gather import batches, evaluating, gather, stream
from ..evaluation.scores import split_accuracies
from ..models import VideoVAE
from ..track import Track
from .rows import Row, exact
from .sizes import Sizes
from .steps import Way
from .timing import spread

BY_SEED = Float[np.ndarray, "seeds"]
TAIL = 5  # a fifth of the iterations, the last, are averaged


@dataclass(frozen=True)
class Trained:
    """A short training: its loss in nats per video, and the accuracies of its own split."""

    loss: float
    static: float
    temporal: float


def agreement(sizes: Sizes, track: Track) -> list[Row]:
    """Short trainings from the same seeds, by hand and in two precisions."""
    ours = Way(sizes=sizes.replace(videos=max(2, sizes.videos // 2)), precision="float32")
    ways = {
        "ours": ours,
        "again": ours,
        "by hand": replace(ours, by_hand=True),
        "bfloat16": replace(ours, precision="bfloat16"),
    }
    jobs = [(name, seed) for name in ways for seed in sizes.seeds]
    done = [
        _train(replace(ways[name], seed=seed))
        for name, seed in track(jobs, len(jobs), "Trainings that should agree")
    ]
    found = {name: done[i * len(sizes.seeds) :][: len(sizes.seeds)] for i, name in enumerate(ways)}
    return [
        _same(found["again"], found["ours"]),
        *_compare("by hand − ours", found["by hand"], found["ours"]),
        *_compare("bfloat16 − float32", found["bfloat16"], found["ours"]),
        *(
            Row(
                quantity=f"between seeds, standard deviation: {name}",
                value=exact(float(np.std(_values(found["ours"], name), ddof=1))),
                unit=unit,
            )
            for name, unit in UNITS.items()
        ),
    ]


UNITS = {"loss": "nats per video", "static": "accuracy", "temporal": "accuracy"}


def _same(again: list[Trained], first: list[Trained]) -> Row:
    changed = [float(a != b) for a, b in zip(again, first, strict=True)]
    title = "reruns in float32 that differ, in loss or accuracies, in any bit"
    return Row(quantity=title, value=exact(sum(changed)), unit="", at_most=0.0)


def _compare(title: str, ones: list[Trained], others: list[Trained]) -> list[Row]:
    """Differences seed by seed, and their mean over what seeds differ by."""
    rows = []
    for name, unit in UNITS.items():
        difference = _values(ones, name) - _values(others, name)
        deviation = float(np.std(_values(others, name), ddof=1))
        size = abs(float(difference.mean())) / deviation if deviation else float(difference.any())
        rows.append(Row(quantity=f"{title}: {name}", value=spread(difference), unit=unit))
        rows.append(
            Row(quantity=f"... mean over the seeds' spread: {name}", value=exact(size), at_most=1.0)
        )
    return rows


def _values(trained: list[Trained], name: str) -> BY_SEED:
    return np.array([getattr(each, name) for each in trained])


def _train(way: Way) -> Trained:
    vae = way.model()
    update = way.updates(vae)
    losses = torch.stack([update(i, way.draw(i)) for i in range(way.sizes.curve)])
    tail = losses[-max(1, way.sizes.curve // TAIL) :].double()
    return Trained(float(tail.mean()), *_score(vae, way.data, way.sizes.judged_frames // 4))


def _score(vae: VideoVAE, data: VideoData, frames: int) -> tuple[float, float]:
    """Accuracies of the static features on digits and of the temporal ones on places."""
    with evaluating(vae, 0):
        parts = [data.replace(split=part) for part in ("train", "test")]
        count = max(1, frames // data.num_frames)
        train, test = (
            gather(vae, batches(part, count, stream(0, i))).codes for i, part in enumerate(parts)
        )
    split = Split(vae.factors["hs"], vae.factors["ht"])
    found = split_accuracies(train, test, split)
    return found.static_static, found.temporal_temporal
