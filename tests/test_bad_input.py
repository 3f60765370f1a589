"""Bad input gets one message that says what to do, exit code 2, and every file stays as it was."""

import gzip
import json
import re
import shutil
from functools import partial
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from pyro.infer import Trace_ELBO
from safetensors.torch import save_file
from small_runs import FRAMES, SIZE, SMALL, command, small_vae

from pyro_factor.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from pyro_factor.data.digits import load_digits
from pyro_factor.errors import InputError
from pyro_factor.files import locked
from pyro_factor.inference import AnalyticKL_ELBO
from pyro_factor.inference.trainer import Trainer
from pyro_factor.models import VideoVAE

CONFIG, METRICS = Path("a/config.json"), Path("a/metrics.jsonl")
CHECKPOINT, SCORES = Path("a/checkpoint.safetensors"), Path("a/scores.json")
PRIOR = Path("my_prior.py")
MY_PRIOR = """
import pyro, pyro.distributions as dist

def my_prior(num_frames, features=3, scale=1.0):
    return pyro.sample("h", dist.Normal(0.0, scale).expand([num_frames, features]).to_event(2))

def nothing(num_frames):
    my_prior(num_frames)

def transposed(num_frames):
    return my_prior(num_frames).T

def undefined(num_frames):
    return my_prior(num_frames) * float("nan")

def fails(num_frames):
    raise KeyError("h")

answer = 42
"""
ITERATIONS = 4


def write(path, content=b""):
    return lambda: path.write_bytes(content)


def edit(path, old, new):
    """Replace what stands once in a file."""

    def harm():
        content = path.read_bytes()
        assert content.count(old) == 1
        path.write_bytes(content.replace(old, new))

    return harm


def cut(path, size):
    return lambda: path.write_bytes(path.read_bytes()[:size])


def remove(path):
    return path.unlink


def folder(path):
    def harm():
        path.unlink(missing_ok=True)
        path.mkdir()

    return harm


def flip(path, place):
    def harm():
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)

    return harm


def configured(section, key, value):
    """Change a value of config.json, or add it."""

    def harm():
        config = json.loads(CONFIG.read_bytes())
        (config[section] if section else config)[key] = value
        CONFIG.write_text(json.dumps(config))

    return harm


def other_weights():
    """A whole checkpoint of this run, but for a weight that is not there."""
    held = read_checkpoint(CHECKPOINT)
    tensors = {k: t for k, t in held.tensors.items() if not k.endswith("loc.bias")}
    write_checkpoint(CHECKPOINT, Checkpoint(held.run, held.iteration, held.seconds, tensors))


def other_run():
    train("b", "--hidden", "8")
    shutil.copy("b/checkpoint.safetensors", CHECKPOINT)


def other_race():
    Path("race").mkdir()
    Path("race/race.json").write_text("{}")


def measured():
    Path("a/variance").mkdir()
    Path("a/variance/settings.json").write_text("{}")


def train(folder, *flags):
    assert command("train", *SMALL, "--iterations", ITERATIONS, "--folder", folder, *flags) == 0


def mine(harm):
    def harmed():
        train("mine", "--prior", "my_prior.py:my_prior")
        harm()

    return harmed


def idx(array):
    """The idx format: magic number 0, 0, 8 (uint8), dimensions; sizes; data."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def images(count=5_003, size=28):
    return idx(np.zeros((count, size, size), np.uint8))


def labels(count=5_003, last=9):
    return idx(np.append(np.arange(count - 1) % 10, last).astype(np.uint8)[:count])


def digits(first=images(), second=labels(), pack=partial(gzip.compress, compresslevel=1)):  # noqa: B008
    """MNIST's training digits, just more than the 5,000 that are set aside for validation."""

    def harm():
        raw = Path("data/MNIST/raw")
        raw.mkdir(parents=True)
        (raw / "train-images-idx3-ubyte.gz").write_bytes(pack(first))
        (raw / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(second))

    return harm


def lost_digits():
    digits()()
    train("mnist", "--dataset", "mnist", "--data-root", "data")
    shutil.rmtree("data")
    load_digits.cache_clear()


MNIST = "train --dataset mnist --data-root data"
RESUME = "train --folder a --resume --iterations 8"

# What is typed, what the message has to say ("..." is anything), and what is wrong besides.
COMMAND_LINE = {
    "no command": ("", "...{quickstart, train, evaluate, figures"),
    "unknown command": ("trian", "trian"),
    "unknown flag": ("train --itertions 5", "--itertions"),
    "value left out": ("train --iterations", "--iterations"),
    "not a number": ("train --iterations many", "many"),
    "fractional iterations": ("train --iterations 1.5", "1.5"),
    "data set": ("train --dataset cifar", "cifar"),
    "elbo": ("train --elbo exact", "exact"),
    "precision": ("train --precision half", "half"),
    "split": ("evaluate a --split train", "train"),
    "no run named": ("evaluate", "run"),
    "zero iterations": ("train --iterations 0", "--iterations: got 0; ...greater than 0"),
    "zero videos": ("train --videos 0", "--videos: got 0; ...greater than 0"),
    "zero frames": ("train --frames 0", "--frames: got 0; ...greater than 0"),
    "zero particles": ("train --particles 0", "--particles: got 0; ...greater than 0"),
    "small images": ("train --image-size 27", "--image-size: got 27; ...28"),
    "zero channels": ("train --channels 4 0", "--channels: got 0; ...greater than 0"),
    "zero hidden": ("train --hidden 0", "--hidden: got 0; ...greater than 0"),
    "zero beta": ("train --beta 0", "--beta: got 0"),
    "nan beta": ("train --beta nan", "--beta: got nan; ...finite"),
    "infinite rate": ("train --learning-rate inf", "--learning-rate: got inf; ...finite"),
    "decay": ("train --decay 1.5", "--decay: got 1.5; ...less than or equal to 1"),
    "step": ("train --step 2", "--step: got 2.0; ...less than or equal to 1"),
    "nan step": ("train --step nan", "--step: got nan; ...finite"),
    "negative seed": ("train --seed -1", "--seed: got -1; ...0"),
    "huge seed": (
        "train --seed 99999999999999999999999",
        "--seed: got 99999999999999999999999; ...",
    ),
    "device": ("train --device tpu9", "--device: got 'tpu9'; ...choose auto, cpu"),
    "device of another kind": ("train --device meta", "--device: got 'meta'; ...choose auto, cpu"),
    "no time": ("train --max-minutes 0", "--max-minutes: got 0.0; ...positive"),
    "negative time": ("train --max-minutes -1", "--max-minutes: got -1.0; ...positive"),
    "nan time": ("train --max-minutes nan", "--max-minutes: got nan; ...positive"),
    "zero clips": ("evaluate a --clips 0", "clips: got 0; ...1 or more"),
    "zero clips to come": ("quickstart --clips 0", "--clips: got 0; ...1 or more"),
    "zero frames to score": ("evaluate a --frames 0", "frames: got 0; ...1 or more"),
    "device to score on": ("evaluate a --device tpu9", "device: got 'tpu9'; ...choose auto"),
    "device to draw on": ("figures a --device tpu9", "device: got 'tpu9'; ...choose auto"),
    "quickstart's number": ("quickstart --iterations 0", "--iterations: got 0; ...greater than 0"),
    "quickstart's seed": ("quickstart --seed -1", "--seed: got -1; ...equal to 0"),
    "schedule": ("reproduce --schedule long", "schedule: got 'long'; choose from "),
    "cell": ("reproduce --only nowhere", "only: got 'nowhere'; no cell has such a name"),
    "nothing kept before the start": ("train --keep 0 -1", "--keep: got -1; ...equal to 0"),
    "half an iteration to keep": ("train --keep 0.5", "0.5"),
    "negative orthogonality": ("train --orthogonality -1", "--orthogonality: got -1.0; ...to 0"),
    "negative persistence": ("train --persistence -1", "--persistence: got -1.0; ...to 0"),
    "persistence of no walk": (
        "train --persistence 1 --prior independent",
        "persistence: got 1.0; it is of ht, the prior's factors are h; leave it 0",
    ),
    "nan orthogonality": ("train --orthogonality nan", "--orthogonality: got nan; ...finite"),
    "orthogonal to nothing": (
        "train --orthogonality 1 --prior slow",
        "orthogonality: got 1.0; the prior has one factor, ht; leave it 0, or choose",
    ),
    "odd pairs": (
        "train --elbo antithetic --particles 3",
        "particles: got 3; antithetic draws need an even number of them",
    ),
    "half a pair": (
        "train --elbo antithetic",
        "particles: got 1; antithetic draws need an even number of them",
    ),
    "one point": ("train --elbo sobol", "particles: got 1; sobol draws need 2 or more"),
    "no particles to race": ("race --estimators trace:0", "estimators: got 'trace:0'; choose from"),
    "estimator to race": (
        "race --estimators trace nonsense:2",
        "estimators: got 'nonsense:2'; choose from analytic, ..., with a number of particles",
    ),
    "one point to race": ("race --estimators sobol", "particles: got 1; sobol draws need 2"),
    "seed to race": ("race --seeds 0 -1", "seeds: got -1; give 0 or more, below 2**64"),
    "point to race to": ("race --points -1", "points: got (-1,); give 0 or more"),
    "no clips to race on": ("race --clips 0", "clips: got 0; give 20 or more"),
    "no time to race": ("race --max-minutes 0", "--max-minutes: got 0.0; ...positive"),
    "no iterations to race": ("race --iterations 0", "--iterations: got 0; ...greater than 0"),
    "elbo of a race": ("race --elbo trace", "--elbo"),
    "device to race on": ("race --device tpu9", "device: got 'tpu9'; ...choose auto, cpu"),
    "no particles to measure": ("variance a --estimators path:0", "estimators: got 'path:0'; cho"),
    "estimator to measure": (
        "variance a --estimators nonsense:2",
        "estimators: got 'nonsense:2'; choose from analytic, trace, ",
    ),
    "one draw": ("variance a --draws 1", "draws: got 1; give 8 or more, twice the particles"),
    "one clip": ("variance a --clips 1", "clips: got 1; give 2 or more"),
    "seed to measure": ("variance a --seed -1", "seed: got -1; give 0 or more"),
    "huge seed to measure": (f"variance a --seed {2**64}", f"seed: got {2**64}; give 0 or more"),
    "huge seed of cells": (f"reproduce --list --seeds {2**64}", f"seeds: got {2**64}; give 0"),
    "no run to measure": ("variance", "run"),
    "setting of another data set": (
        "train --num-chairs 30",
        "--num-chairs: got 30; the data set embedded has no such setting; leave it out",
    ),
    "too few chairs": ("train --dataset chairs --num-chairs 11", "--num-chairs: got 11; ...12"),
    "no azimuths": ("data --dataset chairs --num-azimuths 0", "--num-azimuths: got 0; ...than 0"),
    "elevation": ("data --dataset chairs --elevation 90", "--elevation: got 90.0; ...less than 90"),
    "axis": ("data --dataset chairs --up w", "up: got 'w'; "),
    "no meshes": ("train --dataset chairs --chairs-root nowhere", "chairs_root: got '...nowhere'"),
    "no clips": ("train --dataset clips", "--data-root: got None; "),
    "clips nowhere": (
        "data --dataset clips --data-root nowhere",
        "--data-root: got '...nowhere'; ",
    ),
    "two channels": ("data --dataset clips --image-channels 2", "2"),
    "no stride": ("data --dataset clips --stride 0", "--stride: got 0; ...greater than 0"),
    "seed to look": ("data --seed -1", "--seed: got -1; give 0 or more"),
    "huge seed to look": (
        "data --seed 99999999999999999999999 --sheet a.png",
        "--seed: got 99999999999999999999999; give 0 or more, below 2**64",
    ),
    "huge seed of draws": (
        "priors --seed 99999999999999999999999 --figure p.png",
        "--seed: got 99999999999999999999999; give 0 or more, below 2**64",
    ),
    "part to look at": ("data --split all", "all"),
    "sheet of no format": ("data --sheet a.xyz", "--sheet: got 'a.xyz'; give a file that ends in"),
    "sheet as a folder": ("data --sheet sheets", "--sheet: got 'sheets'; give a file that ends in"),
    "figure of no format": (
        "priors --figure p",
        "--figure: got 'p'; give a file that ends in .png",
    ),
    "ledger": ("reproduce --merge nowhere", "merge: got 'nowhere'; no such file"),
}
PRIORS = {
    "unknown": ("train --prior facotred", "prior: got 'facotred'; choose factored, slow, indep"),
    "no file": ("train --prior nowhere.py:f", "prior: can't read the file 'nowhere.py': No such"),
    "not in file": ("train --prior my_prior.py:wrong", "no such function; it has my_prior, "),
    "no function": ("train --prior my_prior.py", "prior: got 'my_prior.py'; ...my_prior.py:my_"),
    "not callable": ("train --prior my_prior.py:answer", "my_prior.py:answer'; it is 42, so name"),
    "syntax": (
        "train --prior my_prior.py:my_prior",
        "prior: '...my_prior.py' fails to import: SyntaxError",
        write(PRIOR, b"def my_prior("),
    ),
    "not text": (
        "train --prior my_prior.py:my_prior",
        "prior: '...my_prior.py' fails to import: ",
        write(PRIOR, b"\0\xff"),
    ),
    "raises at import": (
        "train --prior my_prior.py:my_prior",
        "prior: '...my_prior.py' fails to import: ZeroDivisionError",
        write(PRIOR, b"1 / 0"),
    ),
    "raises": ("train --prior my_prior.py:fails", "prior: run for 16 frames it failed (KeyError"),
    "returns None": ("train --prior my_prior.py:nothing", "prior: returned NoneType ...return the"),
    "wrong shape": (
        "train --prior my_prior.py:transposed",
        "prior: returned (3, 16) ...return the",
    ),
    "NaN": (
        "train --prior my_prior.py:undefined",
        "prior: returned nan or inf for num_frames=16; mend it",
    ),
    "unknown to race": ("race --prior facotred", "prior: got 'facotred'; choose factored, slow, "),
    "failing in a race": (
        "race --prior factored_by_frame --prior-args static_scale=0.0",
        "static_scale: got 0.0; ...posit",
    ),
    "keyword": ("train --prior-args sttaic=3", "prior-args: got 'sttaic'; the prior knows static"),
    "no pair": ("train --prior-args static", "NAME=VALUE"),
    "type": ("train --prior-args static=many", "static"),
    "negative scale": ("train --prior-args static_scale=-0.1", "static_scale: got -0.1; ...posit"),
    "zero scale": ("train --prior slow --prior-args temporal_scale=0.0", "temporal_scale: got 0.0"),
    "nan scale": ("train --prior-args static_scale=nan", "--prior-args: got nan; ...finite"),
    "infinite scale": ("train --prior-args static_scale=inf", "--prior-args: got inf; ...finite"),
    "scale of mine": (
        "train --prior my_prior.py:my_prior --prior-args scale=-1",
        "prior: ...scale",
    ),
    "no features": ("train --prior slow --prior-args features=0", "features: got 0; ..."),
    "no features of mine": (
        "train --prior my_prior.py:my_prior --prior-args features=0",
        "prior: returned (16, 0) ...return the",
    ),
    "changed": (
        "evaluate mine",
        "my_prior.py' has changed since the run was made; bring the file back",
        mine(edit(PRIOR, b"answer = 42", b"answer = 43")),
    ),
    "gone": ("figures mine", "can't read the file '...my_prior.py'", mine(remove(PRIOR))),
    "gone before more": (
        "train --folder mine --resume --iterations 8",
        "can't read the file '...my_prior.py'",
        mine(remove(PRIOR)),
    ),
}
FOLDERS = {
    "resume nothing": ("train --folder new --resume", "new/config.json: no run's configuration"),
    "resume nowhere": ("train --resume", "runs/embedded-factored-analytic-0/config.json: no run"),
    "evaluate nothing": ("evaluate nowhere", "nowhere/config.json: no run's configuration"),
    "figures of nothing": ("figures nowhere", "nowhere/config.json: no run's configuration"),
    "measure nothing": ("variance nowhere", "nowhere/config.json: no run's configuration"),
    "race in a file": (
        "race --folder my_prior.py",
        "my_prior.py/race.json: can't be written: a part of the path is a file; choose another",
    ),
    "another race": (
        "race --folder race",
        "folder: got 'race'; it holds a race of another model, schedule or data; choose another",
        other_race,
    ),
    "a race that is not text": (
        "race --folder a",
        "folder: got 'a'; it holds a race of another model, schedule or data; choose another",
        write(Path("a/race.json"), b"\xff"),
    ),
    "a race that is a folder": ("race --folder a", "a/race.json: ", folder(Path("a/race.json"))),
    "measured otherwise": (
        "variance a --draws 16",
        "folder: got 'a/variance'; its rows were made with other settings; remove the folder, or",
        measured,
    ),
    "measurements in a file": (
        "variance a",
        "a/variance: can't be written: a part of the path is a file; choose another",
        write(Path("a/variance")),
    ),
    "evaluate a file": ("evaluate my_prior.py", "my_prior.py/config.json: no run's configuration"),
    "file": ("train --folder my_prior.py", "folder: got 'my_prior.py'; it is a file; name a"),
    "file in the path": (
        "train --folder my_prior.py/runs/a",
        "my_prior.py/runs/a: can't be written: a part of the path is a file; choose another",
    ),
    "finished run": (
        "train --folder a",
        "folder: got 'a'; it holds a finished run; ..., or choose",
    ),
    "unfinished run": (
        "train --folder a",
        "folder: got 'a'; it holds a run, 4 of 9 iterations done; go on with it (resume), or",
        configured("training", "iterations", 9),
    ),
    "another value": (RESUME + " --beta 3", "a: can't go on ...beta: the run has 1.0, not 3.0"),
    "another prior": (RESUME + " --prior slow", "a: can't go on ...prior: the run has 'factored'"),
    "fewer iterations": ("train --folder a --resume --iterations 2", "iterations: ...4, ... to 2"),
    "quickstart in another run": ("quickstart --folder a", "a: can't go on ...: the run has 4"),
    "figures' folder": ("figures a", "a part of the path is a file", write(Path("a/figures"))),
    "scores' file": ("evaluate a --clips 100", "a/scores.json: can't be written", folder(SCORES)),
}
CONFIGURATIONS = {
    "missing": ("evaluate a", "a/config.json: no run's configuration", remove(CONFIG)),
    "truncated": ("evaluate a", "a/config.json: ", cut(CONFIG, 200)),
    "empty": ("train --folder a --resume", "a/config.json: ", write(CONFIG)),
    "not JSON": ("figures a", "a/config.json: ", write(CONFIG, b"version = 1")),
    "not text": ("figures a", "a/config.json: ", write(CONFIG, b"\xff\xfe\0{")),
    "foreign": ("evaluate a", "a/config.json: version: ", write(CONFIG, b'{"name": "x"}')),
    "a list": ("evaluate a", "a/config.json: ", write(CONFIG, b"[1]")),
    "deep": ("evaluate a", "a/config.json: ", write(CONFIG, b"[" * 100_000)),
    "unknown key": (
        "evaluate a",
        "a/config.json: training.itertions: got 5; unknown key",
        configured("training", "itertions", 5),
    ),
    "unknown key of two lines": (
        "evaluate a",
        "a/config.json: training.two\\nlines: got 5; unknown key",
        configured("training", "two\nlines", 5),
    ),
    "wrong type": (
        "train --folder a --resume",
        "a/config.json: training.videos: got '64'; ",
        configured("training", "videos", "64"),
    ),
    "out of range": (
        "train --folder a",
        "a/config.json: data.num_frames: got -1; ",
        configured("data", "num_frames", -1),
    ),
    "newer": (
        "evaluate a",
        "a/config.json: version: got 9, this pyro-factor reads 1; update",
        configured(None, "version", 9),
    ),
    "edited": (
        "evaluate a",
        "a/config.json: altered, or of another run than the checkpoint",
        configured("model", "beta", 2.0),
    ),
    "edited before more": (
        RESUME,
        "a/config.json: altered, or of another run than the checkpoint",
        configured("model", "beta", 2.0),
    ),
    "prior nowhere": (
        RESUME,
        "prior: can't read the file 'a",
        configured("model", "prior", "a\0b.py:f"),
    ),
    "folder": ("evaluate a", "a/config.json: no run's configuration ", folder(CONFIG)),
}
DATA = {
    "no root": (MNIST, "--data-root: got '...data'; no such folder; make it"),
    "file as root": (MNIST, "--data-root: got '...data'; no such folder", write(Path("data"))),
    "no digits there": (
        MNIST,
        "--data-root: got '...data'; it has no MNIST/raw ...failed (...no network...); give a",
        lambda: Path("data").mkdir(),
    ),
    "digits lost": ("evaluate mnist", "--data-root: got '...data'; no such folder", lost_digits),
    "images truncated": (MNIST, "--data-root: got '...images-idx3...", digits(images()[:-1])),
    "images too long": (MNIST, "--data-root: got '...images-idx3...", digits(images() + b"0")),
    "labels truncated": (
        MNIST,
        "--data-root: got '...labels-idx1...",
        digits(second=labels()[:-1]),
    ),
    "half a header": (MNIST, "--data-root: got '...images-idx3...", digits(images()[:9])),
    "images empty": (MNIST, "--data-root: got '...images-idx3...", digits(b"")),
    "labels empty": (MNIST, "--data-root: got '...labels-idx1...", digits(second=b"")),
    "file empty": (MNIST, "--data-root: got '...images-idx3...", digits(pack=lambda data: b"")),
    "damaged": (
        MNIST,
        "--data-root: got '...images-idx3-ubyte.gz'; this file can't be read (",
        digits(pack=lambda data: gzip.compress(data)[:-20]),
    ),
    "not packed": (
        MNIST,
        "--data-root: got '...images-idx3-ubyte.gz'; this file can't be read (",
        digits(pack=bytes),
    ),
    "another kind": (MNIST, "images-idx3...", digits(b"\0\0\x0d" + images()[3:])),
    "labels for images": (MNIST, "images-idx3...", digits(labels())),
    "images for labels": (MNIST, "labels-idx1...", digits(second=images())),
    "foreign": (MNIST, "images-idx3...", digits(b"<html>not found</html>")),
    "other counts": (
        MNIST,
        "--data-root: got '...MNIST/raw'; ...5003 images ...5002 labels",
        digits(second=labels(5_002)),
    ),
    "other images": (MNIST, "images-idx3...28, 28)", digits(images(size=20))),
    "label 10": (
        MNIST,
        "--data-root: got '...MNIST/raw'; it has a label 10, where they are 0",
        digits(second=labels(last=10)),
    ),
    "none": (MNIST, "--data-root: ...0 digits", digits(images(0), labels(0))),
    "too few": (MNIST, "--data-root: ...5000 digits", digits(images(5_000), labels(5_000))),
}
CHECKPOINTS = {
    "missing": ("evaluate a", "a/checkpoint.safetensors: can't read the", remove(CHECKPOINT)),
    "truncated": ("evaluate a", "a/checkpoint.safetensors: damaged", cut(CHECKPOINT, -1)),
    "cut in the header": (RESUME, "a/checkpoint.safetensors: damaged", cut(CHECKPOINT, 100)),
    "empty": ("figures a", "a/checkpoint.safetensors: damaged or not", write(CHECKPOINT)),
    "pickle": (
        RESUME,
        "a/checkpoint.safetensors: damaged or not a checkpoint",
        lambda: torch.save({"weights": torch.zeros(3)}, CHECKPOINT),
    ),
    "foreign": (
        "evaluate a",
        "a/checkpoint.safetensors: not a checkpoint of pyro-factor",
        lambda: save_file({"x": torch.zeros(1)}, CHECKPOINT),
    ),
    "flipped": ("evaluate a", "a/checkpoint.safetensors: damaged or altered", flip(CHECKPOINT, -9)),
    "flipped before more": (
        RESUME,
        "a/checkpoint.safetensors: damaged or altered",
        flip(CHECKPOINT, -9),
    ),
    "flipped under a new run": (
        "train --folder a",
        "a/checkpoint.safetensors: damaged or altered",
        flip(CHECKPOINT, -9),
    ),
    "edited": (
        "evaluate a",
        "a/checkpoint.safetensors: damaged or altered",
        edit(CHECKPOINT, b'"iteration":"4"', b'"iteration":"9"'),
    ),
    "newer": (
        "evaluate a",
        "a/checkpoint.safetensors: version 9, this pyro-factor reads 1; update",
        edit(CHECKPOINT, b'"version":"1"', b'"version":"9"'),
    ),
    "another run's": ("evaluate a", "a/config.json: altered, or of another run", other_run),
    "another run's before more": (RESUME, "a/config.json: altered, or of another run", other_run),
    "another network's": (
        "evaluate a",
        "a/checkpoint.safetensors: its weights are not this model's: ...loc.bias has shape None",
        other_weights,
    ),
    "folder": ("evaluate a", "a/checkpoint.safetensors: ", folder(CHECKPOINT)),
}
ROWS = {
    "damaged": (
        RESUME,
        "a/metrics.jsonl: damaged; ...not a row",
        edit(METRICS, b'{"iteration": 2,', b"{"),
    ),
    "damaged under figures": (
        "figures a",
        "a/metrics.jsonl: damaged; ...not a row",
        write(METRICS, b"{\n"),
    ),
    "not text": (RESUME, "a/metrics.jsonl: damaged; ...not a row", write(METRICS, b"\xff\n")),
    "foreign": (
        "figures a",
        "a/metrics.jsonl: damaged; ...not a row",
        write(METRICS, b'{"iteration": 2}\n'),
    ),
    "folder": (RESUME, "a/metrics.jsonl: ", folder(METRICS)),
    "folder under figures": ("figures a", "a/metrics.jsonl: ", folder(METRICS)),
    "scores truncated": (
        "figures a",
        "a/scores.json: damaged; evaluate the run again",
        cut(SCORES, 99),
    ),
    "scores empty": ("figures a", "a/scores.json: damaged; evaluate the run again", write(SCORES)),
    "scores foreign": ("figures a", "a/scores.json: damaged; evaluate", write(SCORES, b"[]")),
    "scores not text": ("figures a", "a/scores.json: damaged; evaluate", write(SCORES, b"\xff")),
    "scores of another type": (
        "figures a",
        "a/scores.json: damaged; evaluate",
        edit(SCORES, b'"num_frames": 4,\n', b'"num_frames": "4",\n'),
    ),
    "scores in a folder": ("figures a", "a/scores.json: ", folder(SCORES)),
}
TABLES = {
    "command line": COMMAND_LINE,
    "prior": PRIORS,
    "folder": FOLDERS,
    "config.json": CONFIGURATIONS,
    "data": DATA,
    "checkpoint": CHECKPOINTS,
    "rows": ROWS,
}
BAD = {
    f"{kind}: {name}": (*case, None)[:3]
    for kind, cases in TABLES.items()
    for name, case in cases.items()
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a prior and a small run, trained and evaluated."""
    where = tmp_path_factory.mktemp("trained")
    (where / PRIOR).write_text(MY_PRIOR)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(where)
        train("a")
        assert command("evaluate", "a", "--clips", 30) == 0
    return where


@pytest.fixture
def here(tmp_path, trained, monkeypatch):
    """The working folder, with a copy of the run, and no network."""

    def unreachable(url, *args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr("torchvision.datasets.mnist.download_and_extract_archive", unreachable)
    load_digits.cache_clear()
    monkeypatch.chdir(shutil.copytree(trained, tmp_path, dirs_exist_ok=True))
    return tmp_path


def contents(folder):
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name not in {"__pycache__", ".lock"} and path.suffix != ".pyc"
    }


def refuse(typed, words, folder, capsys):
    """Check that a command is refused in these words ("..." is anything), and changes nothing."""
    before = contents(folder)
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "update", None)  # no long training where it isn't refused
        assert command(*typed.split()) == 2
    error = capsys.readouterr().err.strip()
    told = " ".join(error.replace("│", " ").split())
    assert re.search(".*".join(map(re.escape, words.split("..."))), told), told
    assert "Traceback" not in error
    assert "Errno" not in error
    lines = [line for line in error.splitlines() if not re.search(r"\d+% [-\d]", line)]
    # without bars of progress; the command line's own errors come in a box and say where help is
    assert len(lines) == 1 or "--help" in error
    assert contents(folder) == before


@pytest.mark.parametrize("case", BAD)
@pytest.mark.usefixtures("unchecked")
def test_bad_input_gets_a_message_and_exit_code_2(here, capsys, case):
    typed, words, harm = BAD[case]
    if harm is not None:
        harm()
    refuse(typed, words, here, capsys)


def test_a_folder_in_use_is_refused(here, capsys):
    with locked(Path("a")):
        words = "folder: got 'a'; another process is writing to it; wait for it to end, or choose"
        refuse(RESUME, words, here, capsys)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for what isn't there")
@pytest.mark.parametrize("typed", ["train", "evaluate a", "figures a", RESUME])
def test_an_absent_gpu_is_refused(here, capsys, typed):
    words = "device: got 'cuda'; no such device here; choose auto, cpu"
    refuse(f"{typed} --device cuda", words, here, capsys)


SHAPE = (2, FRAMES, 1, SIZE, SIZE)
WANTED = f"give clips (videos, frames, 1, {SIZE}, {SIZE})"


def clips(*shape, pixel=0.5):
    """Grey clips with one other pixel."""
    videos = torch.full(shape, 0.5)
    videos.view(-1)[-1:] = pixel
    return videos


CLIPS = {
    "nan": (clips(*SHAPE, pixel=torch.nan), "values from nan to nan; scale pixels to [0, 1]"),
    "inf": (clips(*SHAPE, pixel=torch.inf), "values from 0.5 to inf; scale pixels to [0, 1]"),
    "-inf": (clips(*SHAPE, pixel=-torch.inf), "values from -inf to 0.5; scale pixels to [0, 1]"),
    "negative": (clips(*SHAPE, pixel=-1e-3), "values from -0.00"),
    "above 1": (clips(*SHAPE, pixel=255.0), "values from 0.5 to 255.0; scale pixels to [0, 1]"),
    "bytes": (clips(*SHAPE).byte(), "got torch.uint8; give floats in [0, 1]"),
    "booleans": (clips(*SHAPE).bool(), "got torch.bool; give floats in [0, 1]"),
    "complex": (clips(*SHAPE) + 0j, "got torch.complex64; give floats in [0, 1]"),
    "a number": (torch.tensor(0.5), f"got (); {WANTED}"),
    "a row": (clips(5), f"got (5,); {WANTED}"),
    "one clip": (clips(*SHAPE[1:]), f"got {SHAPE[1:]}; {WANTED}"),
    "rank 6": (clips(1, *SHAPE), f"got {(1, *SHAPE)}; {WANTED}"),
    "size": (clips(*SHAPE[:3], 28, 28), f"got (2, {FRAMES}, 1, 28, 28); {WANTED}"),
    "colour": (clips(2, FRAMES, 3, SIZE, SIZE), f"got (2, {FRAMES}, 3, {SIZE}, {SIZE}); {WANTED}"),
    "no frames": (clips(2, 0, *SHAPE[2:]), f"got (2, 0, 1, {SIZE}, {SIZE}); {WANTED}"),
    "no videos": (clips(0, *SHAPE[1:]), f"got (0, {FRAMES}, 1, {SIZE}, {SIZE}); {WANTED}"),
    "array": (np.zeros(SHAPE, np.float32), f"got 'ndarray'; {WANTED}"),
    "nothing": (None, f"got 'NoneType'; {WANTED}"),
}
USES = {
    "encode": lambda vae, videos: vae.encode(videos),
    "model": lambda vae, videos: vae.model(videos),
    "guide": lambda vae, videos: vae.guide(videos),
    "analytic": lambda vae, videos: AnalyticKL_ELBO()(vae.model, vae.guide)(videos),
    "terms": lambda vae, videos: AnalyticKL_ELBO().terms(vae.model, vae.guide, videos),
    "trace": lambda vae, videos: Trace_ELBO()(vae.model, vae.guide)(videos),
}
WANTED_CODES = "give codes (..., frames, 4)"
CODES = {
    "fewer features": (torch.zeros(2, FRAMES, 3), f"got (2, {FRAMES}, 3); {WANTED_CODES}"),
    "more features": (torch.zeros(2, FRAMES, 5), f"got (2, {FRAMES}, 5); {WANTED_CODES}"),
    "no features": (torch.zeros(2, FRAMES, 0), f"got (2, {FRAMES}, 0); {WANTED_CODES}"),
    "no frames": (torch.zeros(2, 0, 4), f"got (2, 0, 4); {WANTED_CODES}"),
    "one code": (torch.zeros(4), f"got (4,); {WANTED_CODES}"),
    "a number": (torch.tensor(0.0), f"got (); {WANTED_CODES}"),
    "integers": (torch.zeros(2, FRAMES, 4, dtype=torch.long), "got torch.int64; give floats"),
}


@pytest.fixture(scope="module")
def vae():
    return small_vae()


def refuses(use, vae, given, message):
    with pytest.raises(InputError) as caught:
        use(vae, given)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("case", CLIPS)
@pytest.mark.usefixtures("unchecked")
def test_bad_clips_are_refused_wherever_they_go(vae, case, use):
    videos, message = CLIPS[case]
    refuses(USES[use], vae, videos, f"videos: {message}")


@pytest.mark.parametrize("case", CODES)
@pytest.mark.usefixtures("unchecked")
def test_bad_codes_are_not_decoded(vae, case):
    h, message = CODES[case]
    refuses(VideoVAE.decode, vae, h, f"h: {message}")
