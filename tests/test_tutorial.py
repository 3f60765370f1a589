"""The tutorial's cells run, one after the other, and say what the text says."""

import json
from pathlib import Path

import matplotlib as mpl
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    # nothing stored that could go stale
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tutorial"))
        patch.setattr("matplotlib.pyplot.show", lambda: None)
        mpl.use("Agg")
        for number, cell in enumerate(cells):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        yield names
        names["plt"].close("all")


def test_the_prior_is_swapped(names):
    assert names["speeds"].factors == {"slow": [0, 1], "fast": [2, 3]}
    assert len(names["plt"].get_fignums()) >= 4


def test_both_estimators_have_one_expectation_and_the_analytic_one_less_noise(names):
    analytic, trace = names["values"]["AnalyticKL_ELBO"], names["values"]["Trace_ELBO"]
    error = ((analytic.var() + trace.var()) / names["REPEATS"]) ** 0.5
    assert abs(analytic.mean() - trace.mean()) < 5 * error
    assert analytic.std() < trace.std()


def test_the_posterior_is_inspected(names):
    assert names["inference"].posterior.sizes["video"] == len(names["test"].videos)
    assert names["frames"].mean.shape == names["test"].videos[:1].shape
    assert names["smoothing"].guide.name == "smoothing"
