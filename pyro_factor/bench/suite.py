"""All benchmarks by name, and running them."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch

from ..errors import require
from ..inference.hardware import choose_device, choose_precision, name_precision
from ..reproduction.provenance import commit, describe_device, versions
from ..track import Track, tracking
from .agreement import agreement
from .clips import clips
from .gpu import gpu, gpu_sharing
from .growth import growth
from .judging import judging
from .limit import limit
from .memory import quickstart_memory
from .rows import Result, Row, merge, read_results, write_results
from .sizes import Sizes
from .startup import startup
from .step import estimators, step, tried


class Benchmark(NamedTuple):
    """A benchmark: what it is about, how to read it, and how it is measured."""

    title: str
    note: str
    measure: Callable[[Sizes, Track], list[Row]]


BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        "step": Benchmark(
            "The training step against one written by hand",
            "The same mathematics in plain PyTorch, without Pyro. PyTorch's defaults: NCHW, "
            "float32, eager, its own choice of Adam, memory given back to the system.",
            step,
        ),
        "agreement": Benchmark(
            "What is fast is the same",
            "Short trainings from the same seeds, by hand and in two precisions: the mean loss of "
            "the last fifth, and the accuracies of a linear SVM on digits (static) and places "
            "(temporal). Differences seed by seed.",
            agreement,
        ),
        "estimators": Benchmark(
            "The analytic ELBO against Monte Carlo", "One particle each.", estimators
        ),
        "tried": Benchmark(
            "What each setting gives",
            "A step without one of our settings, or with one that was not kept, over ours: above "
            "1, ours is faster.",
            tried,
        ),
        "limit": Benchmark(
            "How far a step is from the hardware's limits",
            "Operations are those of matrix products and convolutions, counted by PyTorch; bytes "
            "are what each operation reads and writes, without any fusion.",
            limit,
        ),
        "clips": Benchmark("What the clips cost", "Drawn anew for every step.", clips),
        "gpu": Benchmark("One GPU", "The paper's batch. Empty where no GPU was at hand.", gpu),
        "sharing": Benchmark(
            "Several models on one GPU",
            "A process each, clips and all, as `reproduce` trains them. Empty where no GPU was at "
            "hand.",
            gpu_sharing,
        ),
        "evaluation": Benchmark(
            "Evaluation",
            "The search fits a linear SVM to every subset of the features once, in threads. "
            "Encoding draws its clips too.",
            judging,
        ),
        "startup": Benchmark(
            "Start-up", "Whole processes, beyond one that imports torch alone.", startup
        ),
        "growth": Benchmark(
            "Growth",
            "The exponent k of time, and of the memory that steps add to their process, ∝ size^k.",
            growth,
        ),
        "memory": Benchmark(
            "Memory of the quickstart",
            "Training, evaluation and figures, cut short.",
            quickstart_memory,
        ),
    }
)


def bench(
    only: Sequence[str] = (),
    *,
    sizes: Sizes,
    output: Path,
    command: str = "bench",
    progress: bool = True,
) -> list[Result]:
    """Run benchmarks; the file is rewritten after each, and keeps those that aren't run again.

    Args:
        only: Names of benchmarks, also as patterns; all unless given.
        sizes: How large they are.
        output: The file of results, JSON.
        command: The words that run this.
        progress: Whether to show progress.

    Returns:
        What is in the file then.

    Raises:
        InputError: A pattern that fits none; a file that holds something else, or is no JSON.
        StorageError: The file can't be written; nothing is measured then.
    """
    advice = "give a name that ends with .json; a figure of the same name lies beside it"
    require(output.suffix == ".json", "output", str(output), advice)
    wanted, results = chosen(only), read_results(output)
    write_results(results, output)  # what can't be is noticed before minutes of measuring
    for name in wanted:
        with tracking(progress) as track, torch.random.fork_rng():
            results = merge(results, [_run(name, sizes, track, command)], list(BENCHMARKS))
        write_results(results, output)
    return results


def chosen(only: Sequence[str]) -> list[str]:
    """The names of benchmarks that fit one of the patterns.

    Raises:
        InputError: A pattern that fits none.
    """
    for pattern in only:
        known = any(fnmatch(name, pattern) for name in BENCHMARKS)
        require(known, "only", pattern, f"choose from {', '.join(BENCHMARKS)}")
    return [n for n in BENCHMARKS if not only or any(fnmatch(n, pattern) for pattern in only)]


def _run(name: str, sizes: Sizes, track: Track, command: str) -> Result:
    benchmark, began = BENCHMARKS[name], time.perf_counter()
    rows = benchmark.measure(sizes, track)
    return Result(
        name=name,
        title=benchmark.title,
        note=benchmark.note,
        machine=machine(),
        command=command,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began, 1),
        rows=tuple(rows),
    )


def machine() -> dict[str, str]:
    """What numbers hold for: processor, threads and precision, graphics, versions, the commit."""
    cpu = torch.device("cpu")
    found = {"processor": describe_device(cpu, _precision(cpu))}
    if torch.cuda.is_available():
        cuda = choose_device("cuda")
        found["gpu"] = describe_device(cuda, _precision(cuda))
    known = {name: version for name, version in versions().items() if version is not None}
    return found | known | {"commit": commit() or "none"}


def _precision(device: torch.device) -> str:
    return name_precision(choose_precision("auto", device))
