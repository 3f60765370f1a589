"""`pyro-factor pretrained`: a table, a card, a run folder that the other commands work on."""

import pytest
import torch
from released import NAME
from small_runs import command, small_data, small_run

from pyro_factor import VideoVAE
from pyro_factor.config import read_config
from pyro_factor.inference import load, load_run
from pyro_factor.models.pretrained import pretrained_names, pretrained_path


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(released, tmp_path, capsys):
    folder = tmp_path / "runs/small one"
    assert command("pretrained", NAME, "--folder", folder) == 0
    assert capsys.readouterr().out == f"Next: pyro-factor figures '{folder}'\n"
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_table_fits_a_terminal_and_names_every_model(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert command("pretrained") == 0
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert all(name in shown for name in pretrained_names())


def test_the_table_says_what_the_file_does(released, capsys):
    assert command("pretrained") == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if NAME in line)
    cells = [cell.strip() for cell in row.split("│")[1:-1]]
    assert cells[:3] == [NAME, "2+2", "2"]
    page = pretrained_path(NAME).with_suffix(".md").read_text(encoding="utf-8")
    for cell in cells[3:5]:
        linear, rbf = cell.rstrip(")").split(" (")
        assert f" {linear} [" in page
        assert f" {rbf} [" in page


def test_a_name_alone_shows_the_card(released, capsys):
    assert command("pretrained", NAME) == 0
    page = pretrained_path(NAME).with_suffix(".md")
    assert capsys.readouterr().out == page.read_text(encoding="utf-8")


def test_a_run_folder_holds_the_model_and_its_card(folder):
    assert contents(folder).keys() - {".lock"} == {
        "config.json",
        "checkpoint.safetensors",
        "card.md",
    }
    page = pretrained_path(NAME).with_suffix(".md")
    assert (folder / "card.md").read_bytes() == page.read_bytes()
    videos = small_data().batch(3, torch.Generator().manual_seed(1)).videos
    with torch.no_grad():
        codes, same = (v.encode(videos) for v in (load(folder), VideoVAE.from_pretrained(NAME)))
    assert torch.equal(codes.loc, same.loc)
    assert load_run(folder).iteration == read_config(folder / "config.json").training.iterations


def test_the_other_commands_work_on_it(folder, capsys):
    assert command("evaluate", folder, "--clips", 30) == 0
    assert command("figures", folder) == 0
    assert command("report", folder) == 0
    assert (folder / "figures/swap.png").exists()
    assert "D-score" in capsys.readouterr().out


def test_a_run_is_not_overwritten(released, folder, tmp_path, capsys):
    before = contents(folder)
    for run in (folder, released / "run"):
        assert command("pretrained", NAME, "--folder", run) == 2
        assert "it holds a run; choose another folder" in capsys.readouterr().err
    assert contents(folder) == before
    (tmp_path / "file").touch()
    assert command("pretrained", NAME, "--folder", tmp_path / "file") == 2
    assert "it is a file; name a folder" in capsys.readouterr().err


def test_bad_names_are_refused_before_anything_is_written(released, tmp_path, capsys):
    for name in ("../small-2", "small"):
        assert command("pretrained", name, "--folder", tmp_path / "new") == 2
        assert f"name: got '{name}'; choose from {NAME}" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert command("pretrained", "--folder", tmp_path / "new") == 2
    assert "name a model too" in capsys.readouterr().err


def test_a_model_does_not_go_on_without_its_optimiser(folder, tmp_path, capsys):
    before = contents(folder)
    assert command("train", "--folder", folder, "--resume") == 0
    assert "all 20 iterations are done" in capsys.readouterr().err
    assert command("train", "--folder", folder, "--resume", "--iterations", 22) == 2
    assert "without the optimiser's state; train(load(" in capsys.readouterr().err
    assert contents(folder) == before
    # what the message advises
    run = small_run(tmp_path / "further", load(folder), 1, keep=[0])
    (started, first) = load_run(run.folder, iteration=0).vae.parameters(), load(folder).parameters()
    assert all(map(torch.equal, started, first))
