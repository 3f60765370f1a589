from io import StringIO

from rich.console import Console

from pyro_factor.cli import main
from pyro_factor.evaluation.prior_gallery import VIDEOS, draws, is_gaussian, prior_table
from pyro_factor.models import priors
from pyro_factor.models.prior_reference import BUILT_IN


def test_the_table_lists_every_prior_with_its_hyperparameters():
    console = Console(file=StringIO(), width=200)
    console.print(prior_table())
    text = console.file.getvalue()
    for name in BUILT_IN:
        assert name in text
    assert "static_scale=0.1" in text


def test_what_is_gaussian():
    assert is_gaussian("factored")
    assert not is_gaussian("laplace_walk")


def test_draws_are_the_priors():
    h, factors = draws(priors.factored, VIDEOS, 7)
    assert h.shape == (VIDEOS, 7, 4)
    assert factors == {"hs": [0, 1], "ht": [2, 3]}


def test_the_command_draws_the_figure(tmp_path, capsys):
    assert main(["priors", "--figure", str(tmp_path / "priors.png")]) == 0
    assert (tmp_path / "priors.png").stat().st_size > 10_000
    assert "ornstein" in capsys.readouterr().out
