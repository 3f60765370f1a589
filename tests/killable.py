"""A training in a process of its own, which dies where it is told to."""

import os
import re
import signal
import sys
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
from small_runs import small_run, small_vae

from pyro_factor.inference.metrics import Metrics
from pyro_factor.inference.runs import config_path
from pyro_factor.inference.trainer import Trainer

BEGUN = "begun"


class Moment(NamedTuple):
    """Where to die: "before", "halfway" through or "after" the nth call about a file.

    A call is "write" (of a temporary file), "fsync", "replace", "unlink" or "row".
    """

    call: str
    file: str
    number: int
    when: str


def run(folder: Path, moment: Moment | None, options: dict, reports: Connection) -> None:
    """Train, or go on where a killed training stopped, as a careful user would."""
    sys.modules["torch.utils.tensorboard"] = None
    torch.set_num_threads(1)
    torch.manual_seed(0)
    vae = small_vae()
    _report(reports)
    _watch(folder, moment, reports)
    reports.send(BEGUN)
    small_run(folder, vae, resume=config_path(folder).exists(), device="cpu", **options)
    state = b"".join(tensor.numpy().tobytes() for tensor in vae.state_dict().values())
    with state_path(folder).open("wb") as file:
        file.write(state)


def state_path(folder: Path) -> Path:
    """Where the model's state is at the end, in the bytes that it had in memory."""
    return folder.with_name(f"{folder.name}.state")


def file_of(temporary: str) -> str:
    """The name of the file that a temporary one is to become."""
    return re.sub(r"^\.(.+)\.\d+\.tmp$", r"\1", temporary)


def _report(reports):
    """Report the number of every iteration as it begins."""
    draw = Trainer.draw

    def reported(self, iteration):
        reports.send(iteration)
        return draw(self, iteration)

    Trainer.draw = reported


def _watch(folder, moment, reports):
    """Report every call that a `Moment` can name, and die at `moment`."""
    calls = Counter()

    def name(file):
        if isinstance(file, int):  # an open one
            same = os.fstat(file).st_ino
            return file_of(next(p.name for p in folder.iterdir() if p.stat().st_ino == same))
        return file_of((file.path if isinstance(file, Metrics) else file).name)

    def watch(owner, function, call, file=0, halfway=None):
        original = getattr(owner, function)

        def watched(*args, **options):
            about = call, name(args[file])
            calls[about] += 1
            reports.send((*about, calls[about], halfway is not None))
            when = moment.when if moment and (*about, calls[about]) == moment[:3] else "never"
            if when == "before":
                _die()
            if when == "halfway":
                halfway(original, *args, **options)
                _die()
            result = original(*args, **options)
            if when == "after":
                _die()
            return result

        setattr(owner, function, watched)

    watch(os, "fsync", "fsync")
    watch(os, "replace", "replace", file=1)
    watch(Path, "unlink", "unlink")
    watch(Path, "write_bytes", "write", halfway=_half)
    watch(Path, "write_text", "write", halfway=_half)
    watch(Metrics, "flush", "row", halfway=_half_a_row)


def _half(write, path, content, **options):
    write(path, content[: len(content) // 2], **options)


def _half_a_row(flush, metrics, **also):
    before = metrics.path.stat().st_size
    flush(metrics, **also)
    os.truncate(metrics.path, (before + metrics.path.stat().st_size) // 2)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)
