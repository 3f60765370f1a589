"""The scripts that the documentation names, cut short."""

import importlib.util
from pathlib import Path

SCRIPTS = Path(__file__).parents[1] / "scripts"


def test_the_cost_of_a_form_is_tabled(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("form_cost", SCRIPTS / "form_cost.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "FRAMES", (4, 8, 16))
    monkeypatch.setattr(script, "REPEATS", 1)
    script.main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()]
    assert [row[0].strip() for row in rows[2:]] == ["4", "8", "16", "exponent"]
    assert rows[-1][3].strip() == "1.00"  # numbers held: linear in the frames
