"""Chairs and one's own clips through the commands: train, evaluate, draw."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from own_clips import moving
from small_runs import command

from pyro_factor.evaluation import Scores
from pyro_factor.evaluation.decoded import Decoded, measure_decoded
from pyro_factor.evaluation.results import FRAMES
from pyro_factor.evaluation.tasks import MIXED, ORDER
from pyro_factor.evaluation.through_training import kept_scores_path
from pyro_factor.inference import load_run

TINY = shlex.split("--image-size 16 --channels 2 --hidden 4 --iterations 2 --videos 2")
CHAIRS = shlex.split("--num-chairs 24 --num-azimuths 12 --frames 6")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def train(*words):
    assert command("train", *words, *TINY, "--folder", "run") == 0


def evaluate(*words):
    assert command("evaluate", "run", "--clips", 40, *words) == 0


def write_meshes(folder, count=12):
    import trimesh

    folder.mkdir()
    for number in range(count):
        trimesh.creation.box((1, 1 + number / 4, 2)).export(folder / f"{number}.ply")


def test_chairs_are_trained_on_scored_and_drawn(tmp_path):
    train("--dataset", "chairs", *CHAIRS)
    evaluate()
    scores = Scores.read(Path("run/scores.json"))
    assert scores.task == ORDER
    assert list(scores.beside) == [FRAMES, MIXED]
    # told from the same chairs, seen from other sides
    assert scores.linear.ceiling.static_static == 1
    assert scores.linear.intervals.keys() == scores.rbf.intervals.keys()
    assert scores.beside[MIXED]["rbf"].intervals is None
    found = measure_decoded(load_run("run"), [0, 1], clips=4, iterations=2, progress=False)
    assert found.swaps["real"].static is not None
    assert command("figures", "run") == 0
    assert Path("run/figures/swap-clips.gif").exists()
    written = [Path("run", name) for name in ("scores.json", "decoded.json")]
    before = [path.read_bytes() for path in written]

    write_meshes(tmp_path / "meshes", 10)  # enough to test on, too few to train on
    evaluate("--chairs-root", "meshes")
    other = Scores.read(Path("run/scores-of-meshes.json"))
    assert other.other_data == "meshes"
    judged = load_run("run", data_root="meshes")
    measure_decoded(judged, [0, 1], clips=4, iterations=2, progress=False)
    assert Path("run/decoded-of-meshes.json").exists()
    assert kept_scores_path(Path("run"), "test", None, "meshes").name == "kept-of-meshes.json"
    assert kept_scores_path(Path("run"), data_root=".").name == f"kept-of-{tmp_path.name}.json"
    assert [path.read_bytes() for path in written] == before
    assert command("report", "run") == 0


def test_generated_chairs_don_t_become_a_folders(tmp_path, capsys):
    train("--dataset", "chairs", *CHAIRS)
    write_meshes(tmp_path / "meshes")
    words = ["--folder", "run", "--resume", "--iterations", 4, "--data-root", "meshes"]
    assert command("train", *words) == 2
    assert "root: the run has None" in capsys.readouterr().err


def write_clips(folder, labels):
    """Nine colour clips in parts; who is in them, and where, as a CSV of some columns."""
    folder.mkdir(parents=True)
    parts = {"train": range(5), "validation": range(5, 7), "test": range(7, 9)}
    for part, seeds in parts.items():
        np.save(folder / f"{part}.npy", np.stack([moving(frames=12, seed=n) for n in seeds]))
    known = {
        "static": lambda n, t: "AB"[n % 2],
        "temporal": lambda n, t: ["left", "right"][t % 2],
    }
    rows = [
        ",".join([f"{part}.npy/{n}", str(t), *(known[label](n, t) for label in labels)])
        for part, seeds in parts.items()
        for n in range(len(seeds))
        for t in range(12)
    ]
    if labels:
        header = ",".join(["clip", "frame", *labels])
        (folder / "labels.csv").write_text("\n".join([header, *rows]))


@pytest.mark.parametrize("labels", [(), ("static",), ("temporal",), ("static", "temporal")])
@pytest.mark.parametrize("pixels", ["bernoulli", "gaussian"])
def test_clips_are_scored_by_the_labels_they_have(tmp_path, capsys, labels, pixels):
    write_clips(tmp_path / "clips", labels)
    colour = ["--image-channels", 3, "--frames", 4, "--pixels", pixels]
    train("--dataset", "clips", "--data-root", "clips", *colour)
    evaluate()
    scores = Scores.read(Path("run/scores.json"))
    assert np.isfinite(scores.elbo)
    assert (len(scores.judged) == 2) == (len(labels) == 2)
    assert {one.label for one in scores.single_label.values()} == (
        set(labels) if len(labels) == 1 else set()
    )
    said = capsys.readouterr().out
    assert "ELBO" in said
    assert ("Accuracy on the" in said) == (len(labels) == 1)
    if pixels == "bernoulli" and len(labels) != 1:
        assert command("figures", "run") == 0
        assert Path("run/figures/reconstruction.png").exists()
        assert Path("run/figures/scores.png").exists() == (len(labels) == 2)
        assert Path("run/figures/labels.png").exists() == (len(labels) > 0)
        assert command("report", "run") == 0


def test_a_baseline_without_labels_has_no_split(tmp_path, capsys):
    write_clips(tmp_path / "clips", ())
    given = ["--prior", "slow", "--prior-args", "features=2", "--frames", 4]
    train("--dataset", "clips", "--data-root", "clips", *given)
    evaluate("--images")
    assert Scores.read(Path("run/scores.json")).split is None
    assert Decoded.read(Path("run/decoded.json")).swaps == {}
    assert command("figures", "run") == 0
    assert "swap: the prior has no static and temporal part" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        (["--dataset", "chairs", *CHAIRS[:4], "--image-size", 16], ["│ test       │     10 │"]),
        (["--image-size", 32], ["│ validation │    200 │"]),
    ],
)
def test_the_contents_are_tabled_and_drawn(capsys, words, rows):
    assert command("data", *words, "--sheet", "sheet.png") == 0
    said = capsys.readouterr().out
    assert all(row in said for row in rows)
    assert Path("sheet.png").stat().st_size > 1000


def test_an_empty_part_is_listed_but_not_drawn(tmp_path, capsys):
    write_clips(tmp_path / "clips/test", ())
    words = [
        "data",
        "--dataset",
        "clips",
        "--data-root",
        "clips",
        "--image-size",
        16,
        "--frames",
        4,
    ]
    assert command(*words, "--sheet", "sheet.png") == 0
    said = capsys.readouterr().out
    assert all(row in said for row in ("│ train      │     0 │", "│ test       │     9 │"))
    assert command(*words, "--sheet", "sheet.png", "--split", "validation") == 2
    assert "split: got 'validation'; it has no such clip" in capsys.readouterr().err
