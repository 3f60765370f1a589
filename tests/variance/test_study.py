"""`pyro-factor variance`: along a training and at fresh weights, kept and not measured twice."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from own_clips import moving
from rich.console import Console
from small_runs import FRAMES, SIZE, command, small_run, small_vae

from pyro_factor import priors
from pyro_factor.data import VideoClips
from pyro_factor.errors import InputError
from pyro_factor.evaluation.intervals import Estimate
from pyro_factor.evaluation.tables import tables
from pyro_factor.inference import load_run
from pyro_factor.models.networks import Encoder
from pyro_factor.variance import study, sweep
from pyro_factor.variance.figure import variance_figures
from pyro_factor.variance.rows import Row, read_rows, write_csv, write_rows
from pyro_factor.variance.tables import variance_listings

NAMES = ("trace", "antithetic:2")
SETTINGS = {"draws": 8, "clips": 2, "progress": False}


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Two points of every sweep."""
    monkeypatch.setattr(sweep, "VARIANCES", (0.1, 0.01))
    monkeypatch.setattr(sweep, "BETAS", (1.0, 2.0))
    monkeypatch.setattr(sweep, "PARTICLES", (1, 2))
    monkeypatch.setattr(sweep, "SIZES", {"frames": (4, 6), "features": (1, 2)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    small_run(folder, small_vae(), 3, keep=(0, 2))
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, without what was measured."""
    folder = tmp_path / "run"
    (folder / "kept").mkdir(parents=True)
    for path in trained.rglob("*.*"):
        if path.is_file() and "tensorboard" not in path.parts:
            (folder / path.relative_to(trained)).write_bytes(path.read_bytes())
    return load_run(folder)


def points(rows, name):
    return sorted({row.point for row in rows if row.study == name})


def test_every_kept_iteration_and_every_sweep(run):
    rows = study.variance(run, NAMES, **SETTINGS)
    assert points(rows, "training") == [0, 2, 3]
    assert {row.study for row in rows} == {"training", *sweep.SWEEPS}
    for name in sweep.SCALES:
        assert points(rows, name) == [0.01, 0.1]
    assert points(rows, "frames") == [4, 6]
    assert points(rows, "particles") == [1, 2]
    # NaN, for no interval, isn't equal to itself
    assert repr(read_rows(run.folder / "variance" / "rows.jsonl")) == repr(rows)
    # the sweeps cross where nothing is varied
    here = {"β": 1.0, "σs²": 0.01, "σt²": 0.01, "frames": 4, "features": 2, "particles": 1}
    variances = [
        row.variance.value
        for row in rows
        if here.get(row.study) == row.point
        and (row.estimator, row.part, row.group) == ("trace", "total", "encoder")
    ]
    assert len(variances) == len(here)
    assert variances == pytest.approx([variances[0]] * len(here), rel=1e-4)


def test_lengths_that_the_clips_do_not_have_are_left_out(tmp_path, capsys):
    np.save(tmp_path / "clips.npy", np.stack([moving(5, SIZE, SIZE, n)[..., 0] for n in range(4)]))
    data = VideoClips(tmp_path / "clips.npy", num_frames=FRAMES, image_size=SIZE)
    run = small_run(tmp_path / "run", small_vae(), 2, data=data)
    rows = study.variance(run, ("trace",), **SETTINGS)
    assert points(rows, "frames") == [4]
    told = capsys.readouterr().err
    assert "Left out: 6 frames of a clip: num_frames: got 6; the longest clip has 5" in told
    without = [row for row in rows if row.study != "frames"]  # clips of 3 frames
    assert len(variance_figures(rows, tmp_path)) == len(variance_figures(without, tmp_path)) == 4


def test_what_is_there_is_not_measured_again(run, monkeypatch):
    original, measured = study.measure, []

    def once(*args, **kwargs):
        if measured:
            raise KeyboardInterrupt
        measured.append(kwargs["point"])
        return original(*args, **kwargs)

    monkeypatch.setattr(study, "measure", once)
    with pytest.raises(KeyboardInterrupt):
        study.variance(run, NAMES, sweeps=False, **SETTINGS)
    monkeypatch.setattr(study, "measure", original)
    begun = read_rows(run.folder / "variance" / "rows.jsonl")
    assert points(begun, "training") == [0]
    rows = study.variance(run, NAMES, sweeps=False, **SETTINGS)
    assert repr(rows[: len(begun)]) == repr(begun)
    assert points(rows, "training") == [0, 2, 3]
    monkeypatch.setattr(study, "measure", once)
    assert repr(study.variance(run, NAMES, sweeps=False, **SETTINGS)) == repr(rows)


def test_the_same_seed_gives_the_same_numbers(run):
    rows = study.variance(run, NAMES, sweeps=False, **SETTINGS)
    for path in (run.folder / "variance").iterdir():
        path.unlink()
    again = study.variance(run, NAMES, sweeps=False, **SETTINGS)
    timeless = [{**vars(row), "seconds": None} for row in rows]
    assert timeless == [{**vars(row), "seconds": None} for row in again]


def test_other_settings_are_refused(run):
    study.variance(run, NAMES, sweeps=False, **SETTINGS)
    with pytest.raises(InputError, match=r"folder: got .*variance.*made with other settings"):
        study.variance(run, NAMES, sweeps=False, **SETTINGS | {"draws": 10})


def test_another_prior_is_followed_along_its_training_only(tmp_path, capsys):
    run = small_run(tmp_path, small_vae(priors.slow), 2)
    rows = study.variance(run, ("trace",), **SETTINGS)
    said = capsys.readouterr().err
    assert "Left out: what varies at fresh weights: the run's prior isn't factored" in said
    assert {row.study for row in rows} == {"training"}
    assert "At fresh weights" not in printed(rows)
    assert "nan" not in printed(rows)
    assert len(variance_figures(rows, tmp_path)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 3}, "draws: got 3; give 4 or more, twice the particles"),
        ({"clips": 1}, "clips: got 1; give 2 or more"),
        ({"seed": -1}, "seed: got -1"),
        ({"contestants": ("nonsense",)}, "estimators: got 'nonsense'"),
        ({"contestants": ("antithetic:3",)}, "particles: got 3; antithetic draws need an even"),
    ],
)
def test_bad_input_is_named_before_anything_is_written(run, options, message):
    given = {"contestants": NAMES, **SETTINGS} | options
    with pytest.raises(InputError, match=message):
        study.variance(run, given.pop("contestants"), **given)
    assert not (run.folder / "variance").exists()


def test_damaged_rows_are_named(run):
    study.variance(run, NAMES, sweeps=False, **SETTINGS)
    path = run.folder / "variance" / "rows.jsonl"
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(InputError, match=r"rows\.jsonl: damaged"):
        study.variance(run, NAMES, sweeps=False, **SETTINGS)


def printed(rows, width=80):
    text = io.StringIO()
    Console(file=text, width=width).print(tables(variance_listings(rows)))
    return text.getvalue()


def test_the_command_prints_tables_and_writes_files(run, capsys):
    words = ["variance", run.folder, "--estimators", *NAMES, "--draws", 8, "--clips", 2]
    assert command(*words) == 0
    out = capsys.readouterr().out
    for title in (
        "Variance of the whole gradient",
        "Sources of noise",
        "× seconds",
        "less the exact",
    ):
        assert title in out
    assert max(map(len, out.split("\n"))) <= 80 or "/" in max(out.split("\n"), key=len)
    folder = run.folder / "variance"
    found = {path.name for path in folder.iterdir()} - {".lock"}
    figures = {f"{name}.{suffix}" for name in ("training", "sweeps") for suffix in ("png", "svg")}
    assert found == figures | {"rows.jsonl", "rows.csv", "settings.json", "tables.md"}
    with (folder / "rows.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    rows = read_rows(folder / "rows.jsonl")
    assert len(table) == len(rows)
    assert float(table[0]["variance"]) == rows[0].variance.value
    assert json.loads((folder / "settings.json").read_text())["draws"] == 8


def test_the_analytic_estimator_alone_is_drawn(run, tmp_path):
    rows = study.variance(run, ("analytic",), sweeps=False, **SETTINGS)
    drawn = variance_figures(rows, tmp_path)  # warnings are errors
    assert all(path.exists() for path in drawn)


def test_rows_come_back_as_they_were(tmp_path):
    row = Row(
        study="training",
        point=3.0,
        estimator="trace",
        part="kl",
        group="value",
        draws=5,
        variance=Estimate(1.0, 0.5, 2.0),
        signal_to_noise=Estimate(1.0, 0.5, 2.0),
        bias=Estimate(0.1, -0.2, 0.4),
    )
    path = write_rows([row], tmp_path / "rows.jsonl")
    assert read_rows(path) == [row]
    write_csv([row], tmp_path / "rows.csv")
    assert "0.1,-0.2,0.4" in (tmp_path / "rows.csv").read_text()


def test_sweeps_leave_the_random_state(trained):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    study.variance(load_run(trained), NAMES, **SETTINGS)
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_of_ones_own(tmp_path, capsys):
    class Own(Encoder):
        pass

    def model():
        return small_vae(encoder=Own(4, (1, SIZE, SIZE), channels=(4, 8), hidden=16))

    run = small_run(tmp_path / "run", model(), 2, keep=(0, 1))
    rows = study.variance(run, ("trace", "trace"), **SETTINGS)
    assert points(rows, "training") == [0, 1, 2]
    assert {row.study for row in rows} == {"training"}
    assert "Left out: what varies at fresh weights: the run's networks" in capsys.readouterr().err
    assert len(rows) == len({(r.point, r.estimator, r.part, r.group) for r in rows})
