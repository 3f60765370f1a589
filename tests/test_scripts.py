"""The scripts that the documentation names, cut short."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pyro_factor import BouncingDigits
from pyro_factor.inference import load_run
from pyro_factor.models import Decoder, Encoder
from pyro_factor.reproduction.schedules import SCHEDULES

SCRIPTS = Path(__file__).parents[1] / "scripts"


def load(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_cost_of_a_form_is_tabled(monkeypatch, capsys):
    script = load("form_cost")
    monkeypatch.setattr(script, "FRAMES", (4, 8, 16))
    monkeypatch.setattr(script, "REPEATS", 1)
    script.main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()]
    assert [row[0].strip() for row in rows[2:]] == ["4", "8", "16", "exponent"]
    assert rows[-1][3].strip() == "1.00"  # numbers held: linear in the frames


def test_the_halves_learn_what_they_are_given(monkeypatch):
    script = load("halves")
    monkeypatch.setattr(script, "SHOWN", 5)
    data = BouncingDigits(num_frames=1, image_size=32)
    network = Decoder(4, data.image_shape, (8, 16), 32)
    first, *_, last = script.learn(network, script.decode(True), data, 40)
    assert last < first - 10
    encoder = Encoder(10, data.image_shape, (8, 16), 32)
    *_, accuracy = script.learn(encoder, script.recognise, data, 80)
    assert accuracy > 0.3  # chance: 0.1


def test_parts_are_left_out_and_tabled(monkeypatch, tmp_path, capsys):
    script = load("ablations")
    short = {"iterations": 2, "videos": 8, "source": "embedded", "model": {"channels": (4,)}}
    smaller = {name: replace(part, **short) for name, part in script.PARTS.items()}
    monkeypatch.setattr(script, "PARTS", {name: smaller[name] for name in ("nothing", "warm-up")})
    monkeypatch.setattr(script, "CLIPS", 40)
    tables = []
    for _ in range(2):
        script.main(None, str(tmp_path))
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
    left_out = [line.split("|")[1].strip() for line in tables[0].splitlines() if line]
    assert left_out[-2:] == ["nothing", "warm-up"]
    trained = [load_run(tmp_path / name).config.training for name in left_out[-2:]]
    assert [dict(one.warm_up) for one in trained] == [{"hs": 1_000}, {}]


def test_no_part_of_the_schedule_is_forgotten():
    script = load("ablations")
    whole, paper = (SCHEDULES[name].config(script.CELL) for name in ("glimpse", "paper"))

    def changed(config):
        return {
            name
            for room in ("model", "training")
            for name, value in getattr(config, room)
            if value != getattr(getattr(whole, room), name)
        }

    left_out = {name: changed(part.config(script.CELL)) for name, part in script.PARTS.items()}
    assert [name for name, options in left_out.items() if not options] == ["nothing"]
    assert set.union(*left_out.values()) == changed(paper) - {"iterations"}


def test_true_codes_tell_place_and_digit_on_a_unit_scale(monkeypatch):
    script = load("halves")
    monkeypatch.setattr(script, "NOISE", 0.0)
    clips = BouncingDigits(num_frames=2).batch(2_000, torch.Generator().manual_seed(0))
    codes = script.true_codes(clips, with_digit=True)
    assert codes.shape == (4_000, 4)
    assert codes.std(0) == pytest.approx(1, abs=0.05)
    without = script.true_codes(clips, with_digit=False)
    assert (without[:, :2] == 0).all()
    assert torch.equal(without[:, 2:], codes[:, 2:])
    angle = torch.atan2(codes[::2, 1], codes[::2, 0])
    assert torch.equal((10 * angle / (2 * torch.pi)).round().long() % 10, clips.static)


def test_a_run_is_released(released, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])  # put back, as scripts add to it
    script, ledger = load("release"), str(released / "ledger.jsonl")
    assert script.main([str(released / "run"), "another", "--ledger", ledger]) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    folder = released / "weights"
    assert made == [folder / "another.safetensors", folder / "another.md"]
    assert all(path.is_file() for path in made)
    assert script.main([str(released), "another", "--ledger", ledger]) == 2
    assert "no run's configuration here" in capsys.readouterr().err
