"""The scripts that the documentation names, cut short."""

import importlib.util
import sys
from pathlib import Path

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
