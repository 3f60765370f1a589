import json
import signal
import subprocess
import sys

import pytest
import torch
from small_runs import SMALL
from small_runs import command as run

from pyro_factor import cli
from pyro_factor.config import read_config
from pyro_factor.inference import load, load_run
from pyro_factor.inference.trainer import Trainer

MY_PRIOR = """
import pyro, pyro.distributions as dist

def my_prior(num_frames, features=3, scale=1.0):
    return pyro.sample("h", dist.Normal(0.0, scale).expand([num_frames, features]).to_event(2))
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)


def test_help_is_quick_and_names_the_commands():
    done = subprocess.run(
        [sys.executable, "-m", "pyro_factor", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("quickstart", "train", "evaluate", "figures", "variance", "race", "reproduce"):
        assert command in done.stdout


def test_a_reader_that_has_had_enough_is_no_error():
    command = [sys.executable, "-m", "pyro_factor", "reproduce", "--list", "--ledger", "no.jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_prior_from_a_file_trains_evaluates_and_loads(tmp_path, capsys):
    (tmp_path / "my_prior.py").write_text(MY_PRIOR)
    prior = ["--prior", "my_prior.py:my_prior", "--prior-args", "features=2", "scale=0.5"]
    assert run("train", *SMALL, *prior, "--iterations", 4, "--folder", "runs/mine") == 0
    model = read_config(tmp_path / "runs/mine/config.json").model
    assert model.prior == f"{tmp_path}/my_prior.py:my_prior"
    assert model.prior_args == {"features": 2, "scale": 0.5}
    assert load("runs/mine").num_features == 2
    assert "pyro-factor evaluate runs/mine" in capsys.readouterr().out


MADE_PRIOR = """
import functools
from pyro.nn import PyroModule, PyroParam
import torch
from pyro_factor import priors

class Learned(PyroModule):
    def __init__(self):
        super().__init__()
        self.scale = PyroParam(torch.tensor(0.3), torch.distributions.constraints.positive)

    def forward(self, num_frames):
        return priors.factored(num_frames, static_scale=self.scale)

def make(features):
    return lambda num_frames: priors.slow(num_frames, features)

learned, made = Learned(), make(2)
"""


@pytest.mark.parametrize("name", ["learned", "made"])
def test_a_prior_that_a_file_makes_is_found_again(tmp_path, name):
    (tmp_path / "my_prior.py").write_text(MADE_PRIOR)
    command = ["train", *SMALL, "--prior", f"my_prior.py:{name}", "--folder", "runs/made"]
    assert run(*command, "--iterations", 2) == 0
    assert run("train", "--folder", "runs/made", "--resume", "--iterations", 4) == 0
    assert run("evaluate", "runs/made", "--clips", 30) == 0


def test_the_folder_is_named_after_the_run(tmp_path):
    assert run("train", *SMALL, "--iterations", 1, "--prior", "slow", "--elbo", "trace") == 0
    assert (tmp_path / "runs/embedded-slow-trace-0/config.json").exists()


def test_ctrl_c_saves_and_the_command_it_names_goes_on(tmp_path, monkeypatch, capsys):
    draw = Trainer.draw

    def stop(self, iteration):
        if iteration == 3:
            raise KeyboardInterrupt
        return draw(self, iteration)

    train = ["train", *SMALL, "--iterations", 6]
    assert run(*train, "--folder", "whole") == 0
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "draw", stop)
        assert run(*train, "--folder", "cut") == 130
    message = capsys.readouterr().err
    assert "3 of 6 iterations are saved" in message
    assert run(*message.splitlines()[-1].split()[1:]) == 0
    files = [tmp_path / name / "checkpoint.safetensors" for name in ("whole", "cut")]
    whole, cut = (load(file.parent).state_dict() for file in files)
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    rows = (tmp_path / "cut/metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["iteration"] for row in rows] == [2, 4, 6]


def test_a_resumed_run_keeps_its_own_words_for_a_number(tmp_path):
    (tmp_path / "mine.py").write_text(MY_PRIOR)
    made = ["train", *SMALL, "--prior", "mine.py:my_prior", "--folder", "runs/one", "--keep", 0]
    assert run(*made, "--iterations", 2, "--prior-args", "scale=1") == 0
    again = ["--prior-args", "scale=1.0", "--resume"]
    assert run(*made, "--iterations", 4, *again) == 0
    assert load_run("runs/one", iteration=0).vae.num_features == 3  # kept before it went on


def test_a_resumed_run_may_grow_and_no_more(tmp_path, capsys):
    train = ["train", "--folder", "a"]
    assert run(*train, *SMALL, "--iterations", 2) == 0
    assert run(*train, "--resume", "--iterations", 4) == 0
    assert read_config(tmp_path / "a/config.json").training.iterations == 4
    assert run(*train, "--resume", "--beta", 3) == 2
    assert "beta: the run has 1.0, not 3.0" in capsys.readouterr().err
    assert run(*train) == 2
    assert "holds a finished run" in capsys.readouterr().err


def test_a_training_that_diverges_exits_with_1(monkeypatch, capsys):
    def spoil(self, iteration, videos):
        return {"loss": torch.tensor(torch.inf), "gradient": torch.tensor(5.0)}

    monkeypatch.setattr(Trainer, "update", spoil)
    assert run("train", *SMALL, "--iterations", 3) == 1
    error = capsys.readouterr().err
    assert "iteration 1: loss is not finite; stopped. The gradient's largest entry was 5." in error


def test_every_command_keeps_freed_memory(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(cli, "keep_freed_memory", lambda: asked.append(True))
    assert cli.main(["priors"]) == 0
    assert asked == [True]


AS_WRITTEN = {
    "a number": (["train", *SMALL, "--every", 9], "--every: got 9; give less than the 4 frames"),
    "a range": (["train", *SMALL, "--frames", 0], "--frames: got 0; input should be greater"),
    "a root": (["train", *SMALL, "--dataset", "mnist", "--data-root", "no"], "--data-root: got"),
    "a place": (["pretrained", "nobody"], "name: got 'nobody'; choose from"),
    "another's": (["train", *SMALL, "--prior-args", "static=0"], "static: got 0; give a whole"),
}


@pytest.mark.parametrize(("arguments", "message"), AS_WRITTEN.values(), ids=AS_WRITTEN)
def test_errors_name_what_was_written(arguments, message, capsys):
    assert run(*arguments) == 2
    assert capsys.readouterr().err.startswith(message)
