"""Every block and command of the README runs."""

import gzip
import re
import shlex
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pyro_factor import InputError
from pyro_factor.cli import main

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(), re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]

# Sizes that make a command of minutes one of seconds; each is a flag of the command itself.
QUICK = "--iterations 2 --videos 2 --image-size 32 --channels 2 --hidden 4"


def test_python_blocks_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in PYTHON:
        exec(compile(block, str(README), "exec"), names)
    assert names["vae"].factors == {"hs": [0, 1], "ht": [2, 3]}
    assert Path("runs/first/scores.json").exists()


def test_the_blocks_of_the_page_on_priors_run_and_raise_what_it_says():
    text = (README.parent / "docs/priors.md").read_text()
    names: dict = {}
    for language, block, said in re.findall(
        r"```(python)\n(.*?)```(?:\n\n```text\n(.*?)\n```)?", text, re.DOTALL
    ):
        code = compile(block, language, "exec")
        if said:
            with pytest.raises(InputError) as caught:
                exec(code, names)
            assert str(caught.value) == said
        else:
            exec(code, names)
    assert names["later"].loc.shape == (2, 20, 2)


def test_the_blocks_of_the_page_on_the_posterior_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (README.parent / "docs/posterior.md").read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "docs/posterior.md", "exec"), names)
    assert len(names["summary"]) == 12
    assert names["data"].posterior.sizes["video"] == 6
    # every group that the page names, and no other
    listed = re.findall(r"^\| (`\w+`.*?) \|", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == set(names["data"].groups())


def test_the_blocks_of_the_page_on_data_run(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    text = (README.parent / "docs/data.md").read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "docs/data.md", "exec"), names)
    assert names["clips"].videos.shape == (8, 16, 1, 32, 32)
    assert names["clips"].static is None
    assert names["test"].split == "test"


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def write_mnist(root):
    """A tiny MNIST in torchvision's layout, with enough digits to set 5,000 aside."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name, number in {"train": 5_100, "t10k": 100}.items():
        images = random.integers(0, 256, (number, 28, 28), dtype=np.uint8)
        labels = np.arange(number, dtype=np.uint8) % 10
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)


def shortened(words, root):
    """The command as printed, but for sizes and the folder of digits."""
    text = shlex.join(words).replace("DIR", str(root))
    if words[0] == "race":
        text = text.replace("--videos 8", "") + f" {QUICK} --seeds 0 --clips 60 --points 0"
    if words[0] == "posterior":
        text += " --videos 2 --samples 4 --images 4 --weights 25 --simulated 4"
    if words[0] == "variance":
        text += " --draws 8 --clips 2 --no-sweeps"
    if words[0] == "train" and "--resume" not in words:
        text = re.sub(r"--(iterations|videos) \d+", "", text) + " " + QUICK
    if "chairs" in words:
        text += " --num-chairs 24 --num-azimuths 12" + " --frames 6" * (words[0] == "train")
    if words[0] == "data":
        text += " --image-size 32"
    if words[0] == "evaluate":
        text += " --clips 60"
    if words[0] == "reproduce" and "--list" not in words:
        text = text.replace("short", "smoke").replace("2+2-*", "2+2-beta1-*")
    return shlex.split(text)


def test_commands_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_mnist(tmp_path / "digits")
    Path("my_prior.py").write_text(
        "import torch, pyro, pyro.distributions as dist\n\n"
        + next(block for block in PYTHON if "def drifting" in block)
        .split("\n\n\n")[1]
        .replace("drifting", "my_prior")
    )
    commands = [shlex.split(line)[1:] for line in SHELL if line.startswith("pyro-factor")]
    assert len(commands) >= 7
    for words in commands:
        assert main(shortened(words, tmp_path / "digits")) == 0, words


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", "\n".join(SHELL), re.MULTILINE))
def test_make_targets_run_what_they_should(target):
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", target]
    shown = subprocess.run(command, cwd=README.parent, check=True, capture_output=True, text=True)
    assert "pip install" in shown.stdout
    last = {"quickstart": "pyro-factor quickstart", "test": "pytest -n 2 --dist loadfile"}[target]
    assert shown.stdout.strip().endswith(last)


def test_files_that_the_readme_names_exist():
    named = re.findall(r"`((?:pyro_factor|tests)/[\w/]+\.py)`", README.read_text())
    assert named
    for name in named:
        assert (README.parent / name).exists(), name
