"""The weights of chosen iterations, kept beside the last checkpoint."""

import json
import shutil
import time

import pytest
import torch
from small_runs import SMALL, command, small_run, small_vae

from pyro_factor.checkpoint import read_checkpoint, weights
from pyro_factor.config import fingerprint, read_config
from pyro_factor.errors import InputError, TrainingInterrupted
from pyro_factor.inference import load, load_run, session
from pyro_factor.inference.runs import kept_iterations, kept_path
from pyro_factor.inference.session import Session
from pyro_factor.inference.trainer import Trainer


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)


def started(folder, iterations, **options):
    """A run from weights that are always the same."""
    torch.manual_seed(0)
    return small_run(folder, small_vae(), iterations, **options)


def assert_same_weights(vae, other):
    ours, theirs = weights(vae), weights(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def files(folder):
    return sorted(path.name for path in (folder / "kept").iterdir())


def test_the_kept_weights_are_those_that_a_shorter_run_ends_with(tmp_path):
    run = started(tmp_path / "long", 8, keep=(0, 5))
    shorter = started(tmp_path / "short", 5)
    assert files(tmp_path / "long") == ["0.safetensors", "5.safetensors"]
    assert not (tmp_path / "short/kept").exists()
    fifth = load_run(tmp_path / "long", iteration=5)
    assert fifth.iteration == 5
    assert not fifth.vae.training
    assert_same_weights(fifth.vae, shorter.vae)
    torch.manual_seed(0)
    assert_same_weights(load_run(tmp_path / "long", iteration=0).vae, small_vae())
    # and the last ones are where they always are
    assert_same_weights(load_run(tmp_path / "long").vae, run.vae)
    assert_same_weights(load(tmp_path / "long"), run.vae)


def test_one_iteration_is_kept_by_its_number(tmp_path):
    started(tmp_path, 3, keep=2)
    assert kept_iterations(tmp_path) == [2]


def test_what_it_takes_to_begin_is_not_counted_as_training(tmp_path, monkeypatch):
    make = Trainer.__init__

    def slowly(self, *args):
        time.sleep(2)
        make(self, *args)

    monkeypatch.setattr(Trainer, "__init__", slowly)
    started(tmp_path, 1, keep=(0,))
    assert read_checkpoint(kept_path(tmp_path, 0)).seconds < 1


def test_the_last_iteration_can_be_kept_too(tmp_path):
    run = started(tmp_path, 3, keep=(3, 9))
    assert kept_iterations(tmp_path) == [3]
    assert_same_weights(load_run(tmp_path, iteration=3).vae, run.vae)


def test_keeping_changes_nothing_else(tmp_path):
    with_, without = started(tmp_path / "a", 5, keep=(0, 2, 3)), started(tmp_path / "b", 5)
    assert_same_weights(with_.vae, without.vae)
    a, b = (read_config(tmp_path / name / "config.json") for name in "ab")
    assert a.training.keep == (0, 2, 3)
    assert fingerprint(a) == fingerprint(b)


def test_a_resumed_run_keeps_too(tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    started(whole, 8, keep=(0, 2, 5, 7))
    draw = Trainer.draw

    def stop(self, iteration):
        if iteration == 6:
            raise KeyboardInterrupt
        return draw(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "draw", stop)
        with pytest.raises(TrainingInterrupted):
            started(cut, 8, keep=(0, 2, 5, 7))
    assert kept_iterations(cut) == [0, 2, 5]
    small_run(cut, small_vae(), 8, keep=(0, 2, 5, 7), resume=True)
    assert kept_iterations(cut) == [0, 2, 5, 7]
    for iteration in (0, 2, 5, 7):
        ours, theirs = (load_run(folder, iteration=iteration).vae for folder in (whole, cut))
        assert_same_weights(ours, theirs)


def test_what_is_kept_may_change_when_a_run_goes_on(tmp_path, capsys):
    started(tmp_path / "a", 3, keep=(1,))
    capsys.readouterr()
    small_run(tmp_path / "a", small_vae(), 6, keep=(2, 5), resume=True)
    assert capsys.readouterr().err == "Left out: weights of iterations that are past: 2\n"
    assert kept_iterations(tmp_path / "a") == [1, 5]
    assert read_config(tmp_path / "a/config.json").training.keep == (2, 5)
    assert_same_weights(load_run(tmp_path / "a", iteration=5).vae, started(tmp_path / "b", 5).vae)
    assert load_run(tmp_path / "a", iteration=1).iteration == 1


@pytest.mark.parametrize(
    ("keep", "advice"),
    [((4, 0, 2), "kept are 0, 2, 4; train with keep"), ((), "kept are none; train with keep")],
)
def test_an_iteration_that_was_not_kept_is_refused(tmp_path, keep, advice):
    started(tmp_path, 4, keep=keep)
    with pytest.raises(InputError) as caught:
        load_run(tmp_path, iteration=3)
    assert str(caught.value) == f"iteration: got 3; {advice}"


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    started(tmp_path, 2, keep=(1,))
    for name in ("notes.txt", "best.safetensors", ".1.safetensors.99.tmp"):
        (tmp_path / "kept" / name).write_bytes(b"")
    assert kept_iterations(tmp_path) == [1]


@pytest.mark.parametrize("keep", [(-1,), (1.5,)])
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_iteration_is_refused(tmp_path, keep):
    with pytest.raises(InputError, match=f"keep: got {keep[0]}"):
        small_run(tmp_path / "run", small_vae(), 2, keep=keep)
    assert not (tmp_path / "run").exists()


def test_a_kept_file_of_another_run_is_refused(tmp_path):
    started(tmp_path / "a", 3, keep=(2,))
    started(tmp_path / "b", 3, keep=(2,), seed=1)
    shutil.copy(kept_path(tmp_path / "b", 2), kept_path(tmp_path / "a", 2))
    with pytest.raises(InputError, match=r"a/config\.json: altered, or of another run"):
        load_run(tmp_path / "a", iteration=2)
    assert load_run(tmp_path / "a").iteration == 3


def test_a_kept_file_under_another_iterations_name_is_refused(tmp_path):
    started(tmp_path, 3, keep=(1,))
    shutil.copy(kept_path(tmp_path, 1), kept_path(tmp_path, 2))
    with pytest.raises(InputError, match=r"kept/2\.safetensors: .*iteration 1"):
        load_run(tmp_path, iteration=2)


def test_kept_weights_of_another_model_name_their_own_file(tmp_path):
    started(tmp_path, 2, keep=(1,))
    with pytest.raises(InputError, match=r"kept/1\.safetensors: its weights are not this model's"):
        load_run(tmp_path, small_vae(hidden=8), iteration=1)


def test_a_damaged_kept_file_is_refused_by_name(tmp_path):
    started(tmp_path, 2, keep=(1,))
    path = kept_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"kept/1\.safetensors: damaged"):
        load_run(tmp_path, iteration=1)


def test_kept_weights_do_not_resume_by_themselves(tmp_path):
    started(tmp_path, 2, keep=(1,))
    (tmp_path / "checkpoint.safetensors").unlink()
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: can't read the checkpoint"):
        small_run(tmp_path, small_vae(), 4, resume=True)


def test_a_configuration_without_the_newer_fields_is_the_same(tmp_path):
    started(tmp_path, 2)
    path = tmp_path / "config.json"
    today = fingerprint(read_config(path))
    stored = json.loads(path.read_text())
    for field in ("orthogonality", "keep", "warm_up"):
        del stored["training"][field]
    path.write_text(json.dumps(stored))
    assert fingerprint(read_config(path)) == today
    assert load_run(tmp_path).iteration == 2
    small_run(tmp_path, small_vae(), 3, keep=(3,), resume=True)
    assert kept_iterations(tmp_path) == [3]


def test_the_command_line_keeps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = ["train", "--folder", "a"]
    assert command(*train, *SMALL, "--iterations", 4, "--keep", 0, 3) == 0
    assert kept_iterations(tmp_path / "a") == [0, 3]
    # a resumed run keeps what it was to keep, unless told otherwise
    assert command(*train, "--resume", "--iterations", 5) == 0
    assert read_config(tmp_path / "a/config.json").training.keep == (0, 3)
    assert command(*train, "--resume", "--iterations", 7, "--keep", 6) == 0
    assert kept_iterations(tmp_path / "a") == [0, 3, 6]


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize(("name", "iteration"), [("save", 4), ("write_config", 0)])
def test_a_run_that_is_killed_right_after_writing_keeps_them(
    tmp_path, monkeypatch, name, iteration
):
    holder = Session if name == "save" else session
    real = getattr(holder, name)

    def killed(*arguments):
        real(*arguments)
        if name == "write_config" or arguments[0].saved == iteration:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(holder, name, killed)
        with pytest.raises(Killed):
            started(tmp_path, 6, keep=(0, 4, 6))
    (tmp_path / "kept/.6.safetensors.123.tmp").touch()
    started(tmp_path, 6, keep=(0, 4, 6), resume=True)
    assert kept_iterations(tmp_path) == [0, 4, 6]
    assert files(tmp_path) == ["0.safetensors", "4.safetensors", "6.safetensors"]
    assert_same_weights(load_run(tmp_path, iteration=4).vae, started(tmp_path / "whole", 4).vae)
