"""Storage that fails: files stay whole, messages say what to do, locks end with their process."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import SMALL, command, rows, small_run, small_vae

from pyro_factor.checkpoint import read_checkpoint
from pyro_factor.errors import InUse, StorageError
from pyro_factor.files import atomic, explained, locked
from pyro_factor.inference.runs import checkpoint_path, read_state
from pyro_factor.inference.trainer import Trainer

ADVICE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your quota is used up; free some space",
    errno.EFBIG: "files of this size are not allowed here; raise the limit",
    errno.EACCES: "you may not write there; choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EIO: "Input/output error",
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(path, then=lambda: None):
    with atomic(path) as temporary:
        temporary.write_bytes(b"new")
        then()


def failing(number):
    def fail(*args, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", ADVICE, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["mkdir", "write", "fsync", "replace"])
@pytest.mark.parametrize("old", [{}, {"file": b"old"}], ids=["new", "old"])
def test_a_file_that_can_not_be_written_stays_as_it_was(tmp_path, monkeypatch, old, step, number):
    path = tmp_path / "file"
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    owner, method = {"mkdir": (Path, "mkdir"), "write": (Path, "write_bytes")}.get(step, (os, step))
    with monkeypatch.context() as patch:
        patch.setattr(owner, method, failing(number))
        with pytest.raises(StorageError) as caught:
            rewrite(path)
    assert str(caught.value).startswith(f"{path}: can't be written: {ADVICE[number]}")
    assert caught.value.errno == number
    assert contents(tmp_path) == old


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the full device is Linux's")
def test_a_device_that_is_full(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    temporary = tmp_path / f".file.{os.getpid()}.tmp"
    temporary.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="file: can't be written: the disk is full"):
        rewrite(path)
    assert contents(tmp_path) == {"file": b"old"}


def test_an_error_of_the_writer_leaves_the_old_file_too(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        rewrite(path, then=lambda: 1 / 0)
    assert contents(tmp_path) == {"file": b"old"}


def test_an_error_without_a_number_says_what_it_can(tmp_path):
    with pytest.raises(StorageError, match="can't be written: no luck"), explained(tmp_path):
        raise OSError("no luck")


def fill_disk(monkeypatch, iteration, then):
    """From an iteration on, numbered from 0, nothing reaches the disk."""
    draw = Trainer.draw

    def filled(self, i):
        if i == iteration:
            monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
            then()
        return draw(self, i)

    monkeypatch.setattr(Trainer, "draw", filled)


def press_ctrl_c():
    raise KeyboardInterrupt


MOMENTS = {
    "at a checkpoint": (5, lambda: None, {}, 4),
    "after Ctrl-C": (6, press_ctrl_c, {}, 4),
    "after Ctrl-C in a step": (6, lambda: signal.raise_signal(signal.SIGINT), {}, 4),
    "when the time is up": (0, lambda: None, {"max_minutes": 1e-9}, 0),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_full_disk_ends_a_training_with_what_is_saved(tmp_path, monkeypatch, moment):
    iteration, then, options, saved = MOMENTS[moment]
    with monkeypatch.context() as patch:
        fill_disk(patch, iteration, then)
        with pytest.raises(StorageError) as caught:
            small_run(Path("a"), small_vae(), 12, **options)
    file = "a/(checkpoint.safetensors|metrics.jsonl)"
    assert re.fullmatch(
        rf"{file}: can't be written: the disk is full; free some space. {saved} of 12 iterations "
        "are saved in a. Go on with:\n  pyro-factor train --folder a --resume",
        str(caught.value),
    )
    assert read_checkpoint(checkpoint_path(Path("a"))).iteration == saved
    assert not list(tmp_path.rglob("*.tmp"))


LIMITED = """
import resource, sys
from pyro_factor import cli
from pyro_factor.inference.trainer import Trainer

draw = Trainer.draw

def limited(self, iteration):
    if iteration == 5:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    return draw(self, iteration)

Trainer.draw = limited
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("limit", "file"), [(5_000, "checkpoint.safetensors"), (500, "metrics.jsonl")]
)
def test_a_training_that_may_not_write_says_how_to_go_on(tmp_path, limit, file):
    words = ["train", *SMALL, "--iterations", 12, "--checkpoint-every", 4, "--folder", "a"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, [limit, *words])],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 2, done.stderr
    *_, message, again = done.stderr.splitlines()
    assert message == (
        f"a/{file}: can't be written: {ADVICE[errno.EFBIG]} (ulimit -f). "
        "4 of 12 iterations are saved in a. Go on with:"
    )
    assert "Traceback" not in done.stderr
    assert read_state(tmp_path / "a")[1].iteration == 4
    assert not list(tmp_path.rglob("*.tmp"))
    assert command(*again.split()[1:]) == 0
    assert read_state(tmp_path / "a")[1].iteration == 12
    assert [row["iteration"] for row in rows(tmp_path / "a")] == [2, 4, 6, 8, 10, 12]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(tmp_path, capsys):
    assert command("train", *SMALL, "--iterations", 2, "--folder", "held/a") == 0
    folders = [tmp_path / "held", tmp_path / "held/a"]
    before = contents(folders[1])
    for folder in folders:
        folder.chmod(0o500)
    try:
        for words in (
            ["train", *SMALL, "--folder", "held/b"],
            ["train", "--folder", "held/a", "--resume", "--iterations", "4"],
            ["evaluate", "held/a", "--clips", "30"],
            ["figures", "held/a"],
        ):
            capsys.readouterr()
            assert command(*words) == 2
            told = capsys.readouterr().err.splitlines()[-1]
            assert re.fullmatch(rf"held/.*: can't be written: {ADVICE[errno.EACCES]}, .*", told)
        assert contents(folders[1]) == before
    finally:
        for folder in folders:
            folder.chmod(0o700)


HOLD = """
import sys, time
from pathlib import Path
from pyro_factor.files import atomic, locked

folder = Path(sys.argv[1])
with locked(folder), atomic(folder / "file") as temporary:
    temporary.write_text("half")
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_and_what_is_half_written_end_with_the_process(tmp_path):
    folder = tmp_path / "run"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, env=environment
    )
    try:
        assert process.stdout.readline() == b"held\n"
        half = f".file.{process.pid}.tmp"
        assert half in contents(folder)
        with pytest.raises(InUse, match="run'; another process is writing to it"), locked(folder):
            pass
        assert half in contents(folder)
    finally:
        process.kill()
        process.communicate()
    dead = process.pid
    for name in (f".other.{dead}.tmp", ".other.9999999999999.tmp", ".some.other.tmp", "kept.tmp"):
        (folder / name).touch()
    for name in ("own", "another"):
        (folder / name).mkdir()
        (folder / name / f".half.{dead}.tmp").touch()
    with locked(folder, parts=["own"]):
        left = {path.relative_to(folder).as_posix() for path in folder.rglob("*.tmp")}
        assert left == {"kept.tmp", f"another/.half.{dead}.tmp"}


def test_what_is_written_without_the_lock_is_left_to_its_writer(tmp_path):
    path = tmp_path / "page.png"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        with locked(tmp_path):
            pass
    assert path.read_text() == "whole"


def test_a_second_call_is_refused_until_the_first_ends(tmp_path):
    with locked(tmp_path):
        for _ in range(2):  # the refused one doesn't let go of it
            with pytest.raises(InUse), locked(tmp_path):
                pass
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        print(1 / 0)
    with locked(tmp_path), locked(tmp_path / "other"):
        pass
