"""The training step against the same mathematics by hand, and against itself."""

from dataclasses import replace
from typing import Any

import torch

from ..inference.hardware import choose_precision
from ..track import Track
from .apart import contestants
from .rows import Row
from .sizes import Sizes
from .steps import Way
from .timing import Times, spread, take_turns


def step(sizes: Sizes, track: Track) -> list[Row]:
    """Our step, and the step by hand in PyTorch's default form and with our settings."""
    times = step_times(sizes, track)
    ours, float32, same, default = (times[name] for name in times)
    low = choose_precision("auto", torch.device("cpu")) is torch.bfloat16
    return [
        Row(
            quantity="by hand, PyTorch's defaults, over ours",
            value=spread(default / ours),
            at_least=3.0 if low else 1.5,
        ),
        Row(
            quantity="by hand, PyTorch's defaults, over ours in float32",
            value=spread(default / float32),
            at_least=1.5,
        ),
        Row(
            quantity="ours over by hand with our settings",
            value=spread(ours / same),
            at_most=1.03,
        ),
        *seconds(times),
    ]


def estimators(sizes: Sizes, track: Track) -> list[Row]:
    """The analytic ELBO's step over `Trace_ELBO`'s with one particle."""
    ways = {f"{name}, a step": Way(sizes=sizes, elbo=name) for name in ("analytic", "trace")}
    times = turns(ways, sizes, track, "Estimators")
    analytic, trace = times.values()
    ratio = Row(quantity="analytic over Trace_ELBO", value=spread(analytic / trace), at_most=1.0)
    return [ratio, *seconds(times)]


DEFAULTS: dict[str, Any] = {
    "precision": "float32",
    "channels_last": False,
    "fused": False,
    "keeps_memory": False,
    "kernels": "guessed",
}
CHANGES: dict[str, dict[str, Any]] = {
    "without channels_last": {"channels_last": False},
    "in float32": {"precision": "float32"},
    "without fused Adam": {"fused": False},
    "memory given back to the system": {"keeps_memory": False},
    "every step validated by Pyro": {"validates": True},
}
COMPILED: dict[str, dict[str, Any]] = {
    "convolutions compiled by torch.compile": {"compiled": True}
}  # takes minutes


def tried(sizes: Sizes, track: Track) -> list[Row]:
    """What our step takes without each of its settings, over what it takes with all."""
    rows = []
    changes = CHANGES | (COMPILED if sizes.apart else {})
    for name, change in changes.items():
        ours = Way(sizes=sizes)
        times = turns({"ours": ours, "other": replace(ours, **change)}, sizes, track, name)
        ratio = spread(times["other"] / times["ours"])
        rows.append(Row(quantity=f"{name}, over ours", value=ratio))
    return rows


def step_times(sizes: Sizes, track: Track, device: str = "cpu") -> Times:
    """Seconds of our step, ours in float32, and by hand with our settings and the defaults."""
    ours = Way(sizes=sizes, device=device)
    by_hand = replace(ours, by_hand=True)
    ways = {
        "ours, a step": ours,
        "ours in float32, a step": replace(ours, precision="float32"),
        "by hand with our settings, a step": by_hand,
        "by hand, PyTorch's defaults, a step": replace(by_hand, **DEFAULTS),
    }
    return turns(ways, sizes, track, "Steps")


def turns(ways: dict[str, Way], sizes: Sizes, track: Track, title: str) -> Times:
    """Time ways to do a step in turns."""
    with contestants(ways, sizes.apart) as found:
        return take_turns(found, sizes.repetitions, warmup=sizes.warmup, track=track, title=title)


def seconds(times: Times) -> list[Row]:
    """The times themselves."""
    return [Row(quantity=name, value=spread(t), unit="s") for name, t in times.items()]
