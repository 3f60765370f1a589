"""A training killed at any moment and resumed is the training that was never killed."""

import multiprocessing
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import killable
import pytest
from filelock import FileLock
from killable import Moment
from small_runs import rows

from pyro_factor.checkpoint import read_checkpoint
from pyro_factor.inference.metrics import read_rows
from pyro_factor.inference.runs import checkpoint_path, config_path, metrics_path, read_state

ELBOS = ["analytic", "trace"]
CHECKPOINT, CONFIG, METRICS = "checkpoint.safetensors", "config.json", "metrics.jsonl"
SHORT = {"iterations": 8, "videos": 2, "log_every": 3, "checkpoint_every": 2}
LONG = {"iterations": 61, "videos": 2, "log_every": 3}
WHEN = ("before", "after")
ENDLESS = 300  # seconds

# Processes are forked off a server that has imported what is slow to import, and nothing else.
forkserver = multiprocessing.get_context("forkserver")
forkserver.set_forkserver_preload(
    ["pytest", "torch._dynamo", "sklearn.datasets", "filelock", "pyro_factor.inference"]
)


@dataclass
class Deaths:
    """The kills so far: the iteration each fell into, and the files that it left half-written."""

    iterations: list[int] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        left = ", ".join(f"{number} of {name}" for name, number in sorted(self.left.items()))
        return (
            f"{len(self.iterations)} kills at {len(set(self.iterations))} distinct iterations; "
            f"{self.left.total()} temporary files left behind ({left or 'none'})"
        )


def attempt(folder, options, moment=None, seconds=None, writing=False):
    """Train until the end, or until it dies at a moment or is killed after so many seconds.

    With `writing` it is killed when it next writes a file. Returns whether it was killed, and what
    it reported.
    """
    reader, writer = forkserver.Pipe(duplex=False)
    process = forkserver.Process(target=killable.run, args=(folder, moment, options, writer))
    process.start()
    writer.close()
    assert reader.recv() == killable.BEGUN
    process.join(ENDLESS if seconds is None else seconds)
    while writing and process.is_alive() and not temporaries(folder):
        time.sleep(1e-4)
    if process.is_alive():
        process.kill()
        process.join()
    reports = list(iter_reports(reader))
    killed = process.exitcode == -signal.SIGKILL
    assert killed or process.exitcode == 0
    assert not killed or moment is not None or seconds is not None, f"no end in {ENDLESS} s"
    process.close()
    return killed, reports


def iter_reports(reader):
    try:
        while True:
            yield reader.recv()
    except EOFError:
        reader.close()


def check_remains(folder, reports, deaths):
    """What a killed training leaves is unlocked and readable; note where it was killed."""
    deaths.iterations.append(max((r for r in reports if isinstance(r, int)), default=-1))
    if not folder.exists():
        return
    with FileLock(folder / ".lock", timeout=0):
        deaths.left.update(killable.file_of(path.name) for path in temporaries(folder))
        found = [row["iteration"] for row in read_rows(metrics_path(folder))]
        if config_path(folder).exists():
            config, checkpoint = read_state(folder)
            if checkpoint.iteration == config.training.iterations:
                assert found[-1:] == [checkpoint.iteration]  # nothing is left to do


def temporaries(folder):
    return list(folder.glob(".*.tmp"))


def contents(folder):
    """All that must be the same to the bit: everything but the time taken."""
    checkpoint = read_checkpoint(checkpoint_path(folder))
    tensors = {k: (t.dtype, t.shape, t.numpy().tobytes()) for k, t in checkpoint.tensors.items()}
    timeless = [{k: v for k, v in row.items() if k != "seconds"} for row in rows(folder)]
    names = {path.name for path in folder.iterdir()} - {".lock"}
    state = killable.state_path(folder).read_bytes()
    return checkpoint.iteration, tensors, timeless, names, state


def assert_as_if_never_killed(folder, whole):
    assert temporaries(folder) == []
    for ours, theirs in zip(contents(folder), contents(whole), strict=True):
        assert ours == theirs
    assert read_state(folder)[0].training.iterations == read_state(whole)[0].training.iterations


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """Folder and reports of the short run by ELBO, never killed."""

    def short(elbo):
        folder = tmp_path_factory.mktemp(elbo) / "run"
        killed, reports = attempt(folder, SHORT | {"elbo": elbo})
        assert not killed
        assert [row["iteration"] for row in rows(folder)] == [3, 6, 8]
        return folder, reports

    return {elbo: short(elbo) for elbo in ELBOS}


def killed_at(moments, folder, options, deaths):
    """Die at one moment after the other, each in a process of its own, then end."""
    for moment in moments:
        killed, reports = attempt(folder, options, moment)
        assert killed, f"{moment} never came"
        check_remains(folder, reports, deaths)
    assert not attempt(folder, options)[0]


# The checkpoints are of iterations 0, 2, 4, 6 and 8, the rows of 3, 6 and 8.
IN_THE_THIRD_CHECKPOINT = Moment("write", CHECKPOINT, 3, "halfway")
MOMENTS = {
    "before there is anything": [Moment("write", METRICS, 1, "before")],
    "in the first checkpoint": [Moment("write", CHECKPOINT, 1, "halfway")],
    "before the first checkpoint has its name": [Moment("replace", CHECKPOINT, 1, "before")],
    "between checkpoint and configuration": [Moment("replace", CHECKPOINT, 1, "after")],
    "in the configuration": [Moment("write", CONFIG, 1, "halfway")],
    "before the configuration has its name": [Moment("replace", CONFIG, 1, "before")],
    "in a checkpoint": [IN_THE_THIRD_CHECKPOINT],
    "before a checkpoint is on the disk": [Moment("fsync", CHECKPOINT, 3, "before")],
    "before a checkpoint has its name": [Moment("replace", CHECKPOINT, 3, "before")],
    "once a checkpoint has its name": [Moment("replace", CHECKPOINT, 3, "after")],
    "in a row": [Moment("row", METRICS, 2, "halfway")],
    "between row and checkpoint": [Moment("row", METRICS, 2, "after")],
    "in the last row": [Moment("row", METRICS, 3, "halfway")],
    "before the last checkpoint has its name": [Moment("replace", CHECKPOINT, 5, "before")],
    "after the last checkpoint": [Moment("replace", CHECKPOINT, 5, "after")],
    "while it clears up": [IN_THE_THIRD_CHECKPOINT, Moment("unlink", CHECKPOINT, 1, "before")],
    "while the rows are written again": [
        Moment("row", METRICS, 2, "halfway"),
        Moment("write", METRICS, 1, "halfway"),
        Moment("replace", METRICS, 1, "before"),
        Moment("replace", METRICS, 1, "after"),
        Moment("replace", CONFIG, 1, "before"),
    ],
}


@pytest.mark.parametrize("elbo", ELBOS)
@pytest.mark.parametrize("name", MOMENTS)
def test_killed_at_a_hard_moment_it_ends_as_if_never_killed(tmp_path, never_killed, name, elbo):
    folder, deaths = tmp_path / "run", Deaths()
    killed_at(MOMENTS[name], folder, SHORT | {"elbo": elbo}, deaths)
    print(f"{name}, {elbo}: {deaths}")
    assert_as_if_never_killed(folder, never_killed[elbo][0])
    cut_off = [m.file for m in MOMENTS[name] if (m.call, m.when) == ("write", "halfway")]
    assert Counter(cut_off) <= deaths.left


def test_killed_while_it_is_made_longer_it_ends_as_if_never_killed(tmp_path):
    longer, deaths = SHORT | {"iterations": 10}, Deaths()
    assert not attempt(tmp_path / "whole", longer)[0]
    assert not attempt(tmp_path / "cut", SHORT)[0]
    moments = [Moment("replace", file, 1, when) for file in (METRICS, CONFIG) for when in WHEN]
    killed_at(moments, tmp_path / "cut", longer, deaths)
    print(f"made longer: {deaths}")
    assert_as_if_never_killed(tmp_path / "cut", tmp_path / "whole")


@pytest.mark.heavy
@pytest.mark.parametrize("elbo", ELBOS)
def test_killed_at_every_call_it_ends_as_if_never_killed(tmp_path, never_killed, elbo):
    whole, reports = never_killed[elbo]
    deaths, began = Deaths(), time.monotonic()
    for *call, divisible in [report for report in reports if isinstance(report, tuple)]:
        for when in (*WHEN, "halfway") if divisible else WHEN:
            moment = Moment(*call, when)
            folder = tmp_path / "-".join(map(str, moment))
            killed_at([moment], folder, SHORT | {"elbo": elbo}, deaths)
            assert_as_if_never_killed(folder, whole)
    print(f"every call, {elbo}: {deaths}; {time.monotonic() - began:.0f} s")
    assert deaths.left[CHECKPOINT]


@pytest.mark.parametrize("elbo", ELBOS)
@pytest.mark.parametrize("kills", [13, pytest.param(150, marks=pytest.mark.heavy)])
def test_killed_at_random_it_ends_as_if_never_killed(tmp_path, kills, elbo):
    options, whole, began = LONG | {"elbo": elbo}, tmp_path / "whole", time.monotonic()
    assert not attempt(whole, options | {"checkpoint_every": 1})[0]
    length = read_checkpoint(checkpoint_path(whole)).seconds
    assert [row["iteration"] for row in rows(whole)] == [*range(3, 61, 3), 61]
    chance, deaths, run = random.Random(kills), Deaths(), 0
    while len(deaths.iterations) < kills:
        run += 1
        folder, killed, patience = tmp_path / str(run), True, length / 4
        while killed:
            often = options | {"checkpoint_every": 2 - run % 2}
            if len(deaths.iterations) == kills:
                seconds, writing = None, False
            else:
                seconds, writing = chance.uniform(0, patience), chance.random() < 0.5
            killed, reports = attempt(folder, often, None, seconds, writing)
            if killed:
                check_remains(folder, reports, deaths)
            patience *= 1.1  # it ends sometime, however slow the machine
        assert_as_if_never_killed(folder, whole)
    print(f"{run} runs, {elbo}: {deaths}; {time.monotonic() - began:.0f} s")
