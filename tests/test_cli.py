import json
import shlex
import subprocess
import sys

import pytest
import torch

from pyro_factor import cli
from pyro_factor.config import read_config
from pyro_factor.inference import load
from pyro_factor.inference.trainer import Trainer

SMALL = shlex.split(
    "--frames 4 --image-size 32 --channels 4 8 --hidden 16 --videos 4 --log-every 2"
)
MY_PRIOR = """
import pyro, pyro.distributions as dist

def my_prior(num_frames, features=3, scale=1.0):
    return pyro.sample("h", dist.Normal(0.0, scale).expand([num_frames, features]).to_event(2))
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    """The exit code of a command."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def test_help_is_quick_and_names_the_commands():
    done = subprocess.run(
        [sys.executable, "-m", "pyro_factor", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("quickstart", "train", "evaluate", "figures"):
        assert command in done.stdout


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


BAD = {
    "no command": ("", "subcommand"),
    "unknown command": ("trian", "trian"),
    "unknown flag": ("train --itertions 5", "--itertions"),
    "data root": ("train --dataset mnist --data-root nowhere", "data-root: got"),
    "data set": ("train --dataset cifar", "cifar"),
    "prior": ("train --prior facotred", "choose factored, slow, independent"),
    "prior file": ("train --prior nowhere.py:f", "can't read the file 'nowhere.py'"),
    "prior function": ("train --prior my_prior.py:wrong", "it has my_prior"),
    "prior without function": ("train --prior my_prior.py", "my_prior.py:my_prior"),
    "prior argument": ("train --prior-args sttaic=3", "knows static, temporal, static_scale"),
    "prior argument form": ("train --prior-args static", "NAME=VALUE"),
    "prior argument type": ("train --prior-args static=many", "static"),
    "negative scale": ("train --prior-args static_scale=-0.1", "static_scale: got -0.1"),
    "zero scale": ("train --prior slow --prior-args temporal_scale=0.0", "temporal_scale: got 0.0"),
    "negative scale of mine": ("train --prior my_prior.py:my_prior --prior-args scale=-1", "scale"),
    "no features": ("train --prior slow --prior-args features=0", "features: got 0"),
    "zero iterations": ("train --iterations 0", "--iterations: got 0"),
    "fractional iterations": ("train --iterations 1.5", "1.5"),
    "zero videos": ("train --videos 0", "--videos: got 0"),
    "zero frames": ("train --frames 0", "--frames: got 0"),
    "zero particles": ("train --particles 0", "--particles: got 0"),
    "small images": ("train --image-size 27", "--image-size: got 27"),
    "zero channels": ("train --channels 4 0", "--channels: got 0"),
    "zero beta": ("train --beta 0", "--beta: got 0"),
    "nan beta": ("train --beta nan", "--beta: got nan"),
    "step": ("train --step 2", "--step: got 2.0"),
    "seed": ("train --seed -1", "--seed: got -1"),
    "elbo": ("train --elbo exact", "exact"),
    "precision": ("train --precision half", "half"),
    "device": ("train --device tpu9", "device: got 'tpu9'"),
    "resume nothing": ("train --folder new --resume", "new/config.json: no run"),
    "folder is a file": ("train --folder my_prior.py", "folder: got 'my_prior.py'; it is a file"),
    "evaluate nothing": ("evaluate nowhere", "nowhere/config.json: no run"),
    "figures of nothing": ("figures nowhere", "nowhere/config.json: no run"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_gets_a_message_and_exit_code_2(tmp_path, capsys, case):
    (tmp_path / "my_prior.py").write_text(MY_PRIOR)
    command, message = BAD[case]
    assert run(*command.split()) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.replace("│", " ").split())
    assert "Traceback" not in error
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["my_prior.py"]
