"""The main job, from one command."""

import pytest

from pyro_factor import load
from pyro_factor.cli import main
from pyro_factor.evaluation import Scores


def test_quickstart_does_the_whole_job(tmp_path, capsys):
    folder = tmp_path / "quickstart"
    command = ["quickstart", "--folder", str(folder), "--iterations", "2", "--clips", "40"]
    assert main(command) == 0
    out = capsys.readouterr().out
    for words in ("D-score", "ceiling", "static transfer", "ELBO", str(folder)):
        assert words in out
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"swap.png", "codes.png", "training.png", "scores.png"} <= names
    assert load(folder).factors == {"hs": [0, 1], "ht": [2, 3]}


@pytest.mark.heavy
def test_quickstart_reaches_its_score(tmp_path):
    assert main(["quickstart", "--folder", str(tmp_path)]) == 0
    scores = Scores.read(tmp_path / "scores.json")
    assert 5 <= scores.d_score <= scores.linear.ceiling.d_score
