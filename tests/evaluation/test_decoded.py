"""From a run to what its decoded frames are worth."""

from dataclasses import replace

import pytest
import torch
from small_runs import command, small_data, small_run, small_vae

from pyro_factor.data import BouncingDigits
from pyro_factor.errors import InputError
from pyro_factor.evaluation.decoded import (
    Decoded,
    decoded_listings,
    decoded_path,
    measure_decoded,
)
from pyro_factor.evaluation.judge import train_judge
from pyro_factor.evaluation.results import scores_path
from pyro_factor.inference import load_run

FEW = {"clips": 6, "iterations": 3, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoded") / "run"
    small_run(folder, small_vae(), 6)
    return folder


def test_a_judge_learns_what_frames_show():
    data = BouncingDigits(num_frames=8, image_size=32)
    judge = train_judge(data, iterations=150)
    clips = data.replace(split="test").batch(100, torch.Generator().manual_seed(1))
    static, temporal = judge.judge(clips.videos)
    assert static.exp().sum(-1).numpy() == pytest.approx(1, abs=1e-4)
    assert (static.argmax(-1) == clips.static).float().mean() > 0.6  # chance: 0.1
    assert (temporal.argmax(-1) == clips.temporal).float().mean() > 0.6


def test_a_seed_fixes_a_judge_and_leaves_the_random_state():
    before = torch.get_rng_state()
    first, again, other = (train_judge(small_data(), iterations=2, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [judge.static.weight for judge in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


class Rare(BouncingDigits):
    """Digits 0 to 8, but for a 9 among the frames that are drawn for the training."""

    def batch(self, num_videos, generator):
        clips = super().batch(num_videos, generator)
        static = clips.static.clamp(max=8)
        if num_videos < 5_000:
            static[0] = 9
        return replace(clips, static=static)


def test_a_judge_learns_of_a_class_that_only_its_training_shows():
    judge = train_judge(small_data(Rare), iterations=2)
    assert judge.static.out_features == 10
    assert judge.temporal.out_features == 9


def test_measures_of_a_run_read_back(folder):
    run = load_run(folder)
    found = measure_decoded(run, [0, 1], **FEW)
    assert Decoded.read(folder / "decoded.json") == found
    assert found == measure_decoded(run, [0, 1], **FEW)
    assert found.num_frames == 4
    made = {f"{part} {how}" for part in ("static", "temporal") for how in ("drawn", "gliding")}
    assert found.swaps.keys() == {"real", "decoded", "swapped", *made}


def test_single_frames_have_nothing_unseen(folder):
    assert measure_decoded(load_run(folder), [0, 1], num_frames=1, **FEW).unseen == {}


def few(run, columns, **given):
    """The measures with a judge that is trained for a moment."""
    return measure_decoded(run, columns, **FEW | given)


def test_the_command_prints_the_tables(folder, capsys, monkeypatch):
    import pyro_factor.evaluation.decoded as module

    monkeypatch.setattr(module, "measure_decoded", few)
    assert command("evaluate", folder, "--clips", 100, "--images") == 0
    out = capsys.readouterr().out
    assert "swapped" in out
    assert "PSNR" in out
    assert command("report", folder) == 0
    assert "static drawn" in (folder / "report.html").read_text()


def test_the_clips_that_are_scored_are_judged_and_have_their_own_file(tmp_path, monkeypatch):
    import pyro_factor.evaluation.decoded as module

    monkeypatch.setattr(module, "measure_decoded", few)
    monkeypatch.setattr(module, "CLIPS", 44)
    small_run(tmp_path, small_vae(), 2)
    words = ("evaluate", tmp_path, "--images", "--clips")
    assert command(*words, 42, "--split", "validation", "--frames", 6) == 0
    found = Decoded.read(tmp_path / "decoded-validation-6-frames.json")
    assert (found.data_split, found.num_frames, found.clips) == ("validation", 6, 42)
    assert "42 validation clips" in decoded_listings(found)[0].title
    assert not (tmp_path / "decoded.json").exists()
    assert command(*words, 61, "--frames", 5) == 0  # more than are judged
    assert Decoded.read(tmp_path / "decoded-5-frames.json").clips == 44
    # the page has the scores of 5 frames, and what was decoded of the same clips
    assert command("report", tmp_path) == 0
    assert "44 test clips" in (tmp_path / "report.html").read_text()


def test_words_that_do_not_go_together_are_refused_before_anything_is_scored(folder, capsys):
    before = sorted(folder.iterdir())
    assert command("evaluate", folder, "--images", "--kept") == 2
    assert "--images: got True; with --kept nothing is decoded" in capsys.readouterr().err
    assert command("evaluate", folder, "--images", "--clips", 41) == 2
    assert "--clips: got 41; give an even number" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_bad_input_is_named(folder):
    run = load_run(folder)
    with pytest.raises(InputError, match="clips: got 3"):
        measure_decoded(run, [0, 1], clips=3)
    with pytest.raises(InputError, match="num_frames: got 0"):
        measure_decoded(run, [0, 1], num_frames=0)
    with pytest.raises(InputError, match="iterations: got 0"):
        measure_decoded(run, [0, 1], **FEW | {"iterations": 0})
    path = decoded_path(scores_path(folder))
    path.write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Decoded.read(path)
