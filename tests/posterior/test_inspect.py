"""`pyro-factor posterior`: a run's file for ArviZ, its importance weights, the figures."""

import io
import json

import pytest
import torch
from rich.console import Console
from small_runs import SIZE, command, small_run, small_vae

from pyro_factor import VideoVAE, gallery, priors
from pyro_factor.data import BouncingDigits
from pyro_factor.errors import InputError
from pyro_factor.inference import load_run
from pyro_factor.posterior.importance import Importance
from pyro_factor.posterior.inference_data import import_arviz
from pyro_factor.posterior.inspect import inspect, unseen_clips
from pyro_factor.posterior.tables import importance_table

FEW = {"videos": 3, "num_samples": 8, "num_images": 4, "num_weights": 30, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posterior") / "run"
    small_run(folder, small_vae(), 3)
    return folder


def test_fewer_clips_are_the_first_of_more(folder):
    run = load_run(folder)
    few, more = (unseen_clips(run, videos, "test", seed=3) for videos in (2, 4))
    assert torch.equal(few.videos, more.videos[:2])
    assert torch.equal(few.temporal, more.temporal[:2])
    assert not torch.equal(few.videos, more.videos[2:])
    assert not torch.equal(few.videos, unseen_clips(run, 2, "test", seed=4).videos)


def test_a_run_is_inspected(folder):
    found = inspect(load_run(folder), **FEW)
    written = json.loads((folder / "posterior" / "importance.json").read_text())
    assert written.keys() == found.keys() == {"own", "smoothed"}
    for guide, each in found.items():
        assert [one["pareto_k"] for one in written[guide]] == [one.pareto_k for one in each]
    data = import_arviz().from_netcdf(folder / "posterior" / "posterior.nc")
    assert data.posterior.sizes["video"] == 3
    assert data.posterior.attrs["run"] == str(folder)
    assert data.posterior.attrs["iteration"] == 3
    # the clips of the file are those that were weighed
    assert found == inspect(load_run(folder), **FEW)


def test_the_command_prints_a_table_and_names_the_files(folder, capsys):
    words = ["--videos", 3, "--samples", 8, "--images", 4, "--weights", 100, "--simulated", 40]
    assert command("posterior", folder, *words) == 0
    out = capsys.readouterr().out
    assert "3 clips, 100 draws each" in out
    assert "40 clips drawn from the model" in out
    names = {path.name for path in (folder / "posterior").iterdir()} - {".lock"}
    names -= {"nuts", "nuts.nc", "nuts.png"}
    figures = {
        "codes.png",
        "prior.png",
        "pareto.png",
        "ranks.png",
        "prediction.png",
        "anomalies.png",
    }
    assert names == figures | {"posterior.nc", "importance.json"}
    for name in figures | {"posterior.nc"}:
        assert name in out


REASONS = {
    "laplace": "smoothed guide, prediction, anomalies: prior: draw 'ht_1' is Laplace",
    "one frame": "codes, prediction, anomalies: they need several frames, and the clips have one",
}


@pytest.mark.parametrize("name", REASONS)
def test_the_command_says_what_it_leaves_out(tmp_path, capsys, name):
    if name == "laplace":
        small_run(tmp_path, small_vae(gallery.laplace_walk), 1)
    else:
        vae = VideoVAE(priors.factored, 1, image_shape=(1, SIZE, SIZE), channels=(4, 8), hidden=16)
        small_run(tmp_path, vae, 1, data=BouncingDigits(num_frames=1, image_size=SIZE))
    words = ["--videos", 2, "--samples", 4, "--images", 4, "--weights", 25, "--simulated", 2]
    assert command("posterior", tmp_path, *words) == 0
    told = capsys.readouterr()
    assert REASONS[name] in told.out
    assert ("smoothed" in told.err) == (name == "one frame")  # no progress of it is shown
    every = {"codes", "prior", "pareto", "ranks", "prediction", "anomalies"}
    drawn = {path.stem for path in (tmp_path / "posterior").glob("*.png")}
    assert all(left in REASONS[name].split(":")[0].split(", ") for left in every - drawn)


def test_nuts_is_refused_before_anything_is_drawn(tmp_path, capsys):
    small_run(tmp_path, small_vae(gallery.laplace_walk), 1)
    assert command("posterior", tmp_path, "--nuts", 1) == 2
    assert "nuts: got 1; give 0 for this prior (draw 'ht_1' is Laplace" in capsys.readouterr().err
    assert not (tmp_path / "posterior").exists()


def test_the_command_draws_from_the_true_posterior(folder, capsys):
    words = ["--videos", 1, "--samples", 4, "--images", 4, "--weights", 25, "--simulated", 2]
    words += ["--nuts", 1, "--chains", 2, "--warmup", 20, "--draws", 20]
    assert command("posterior", folder, *words) == 0
    told = capsys.readouterr().out
    assert "NUTS, 2 chains of 20 draws a clip" in told
    assert "nuts.png" in told
    names = {path.name for path in (folder / "posterior" / "nuts").iterdir()}
    assert names == {"clip-0-chain-0.npz", "clip-0-chain-1.npz"}
    data = import_arviz().from_netcdf(folder / "posterior" / "nuts.nc")
    assert data.posterior["hs"].shape == (2, 20, 1, 4, 2)
    assert command("posterior", folder, "--nuts", 1, "--chains", 1) == 2
    assert "chains: got 1; give 2 or more" in capsys.readouterr().err


def test_a_smoothing_guide_is_its_own_smoothed_one(tmp_path):
    run = small_run(tmp_path, small_vae(guide="smoothing"), 1)
    assert inspect(run, **FEW).keys() == {"own"}


def test_the_table_fits_a_terminal():
    ks = [0.2, 0.9]
    own = [Importance(-3000.0 - i, {1_000: -2980.5}, k, 1_000) for i, k in enumerate(ks)]
    smoothed = [Importance(-2999.0, {1_000: -2979.5}, 0.1, 1_000)] * 2
    text = io.StringIO()
    Console(file=text, width=80).print(importance_table({"own": own, "smoothed": smoothed}))
    told = text.getvalue()
    assert max(map(len, told.splitlines())) <= 80
    # clip by clip: 1 and 2 nats above the own guide's ELBO
    for number in ("-3000.5", "+1.5 ±", "0.55", "1 of 2", "0 of 2"):
        assert number in told


def test_no_row_of_large_bounds_is_wrapped():
    pairs = [(-12_000.0, 1_000.0), (-11_000.0, 1_900.0)] * 5
    own = [Importance(elbo, {1_000: elbo + above}, 5.0, 1_000) for elbo, above in pairs]
    smoothed = [Importance(each.bounds[1_000], each.bounds, 0.1, 1_000) for each in own]
    text = io.StringIO()
    Console(file=text, width=80).print(importance_table({"own": own, "smoothed": smoothed}))
    told = text.getvalue()
    assert told.count("-10050.0 (+1450.0 ± 339.3)") == 3
    rows = [line.split("│")[1].strip() for line in told.splitlines() if line.startswith("│")]
    assert rows == ["ELBO", "1,000 weights", "Pareto k̂, median", "k̂ above 0.7"]


def test_a_prior_that_is_not_gaussian_has_its_own_guide_alone(tmp_path):
    run = small_run(tmp_path, small_vae(gallery.laplace_walk), 1)
    assert inspect(run, **FEW).keys() == {"own"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"videos": 0}, "videos: got 0"),
        ({"num_samples": 9}, "num_samples: got 9"),
        ({"num_weights": 3}, "num_weights: got 3; give 25 or more"),
        ({"seed": 2**64}, "seed: got 18446744073709551616; give 0 or more"),
    ],
)
def test_bad_numbers_are_named_before_anything_is_written(tmp_path, options, message):
    run = small_run(tmp_path, small_vae(), 1)
    with pytest.raises(InputError, match=message):
        inspect(run, **FEW | options)
    assert not (tmp_path / "posterior").exists()


def test_an_absent_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "arviz", None)
    with pytest.raises(InputError, match=r"pip install 'pyro-factor\[posterior\]'"):
        import_arviz()
