import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bare import run_bare
from small_runs import command

from pyro_factor.bench.gpu import on_gpu
from pyro_factor.bench.page import BEGIN, END
from pyro_factor.bench.rows import Result, Row, exact, merge, read_results, write_results
from pyro_factor.bench.sharing import sharing
from pyro_factor.bench.sizes import QUICK
from pyro_factor.bench.suite import BENCHMARKS, bench
from pyro_factor.bench.tables import describe, render
from pyro_factor.errors import InputError, StorageError
from pyro_factor.evaluation.intervals import Estimate
from pyro_factor.track import untracked

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # processes of their own find the package as this one does
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_measures_in_its_quick_form(name, tmp_path):
    path = tmp_path / "results.json"
    (result,) = bench([name], sizes=QUICK, output=path, progress=False)
    record = json.loads(path.read_text(), parse_constant=pytest.fail)  # no NaN, no infinity
    assert record["version"] == 1
    (held,) = record["results"]
    assert held["name"] == name
    assert {"processor", "torch", "commit"} <= held["machine"].keys()
    assert held["rows"]
    for row in held["rows"]:
        assert row.keys() == {"quantity", "value", "unit", "at_most", "at_least"}
        if row["value"] is not None:
            value, low, high = row["value"]
            assert low <= value <= high
    assert read_results(path) == [result]
    on_gpu_alone = name in {"gpu", "sharing"} and not torch.cuda.is_available()
    assert result.measured != on_gpu_alone


def test_what_a_gpu_would_measure_is_measured_here_on_the_cpu():
    rows = {row.quantity: row for row in on_gpu(QUICK, untracked, "cpu")}
    assert rows["a step of 64×16 frames"].value.value > 0
    assert all(row.value is not None for row in rows.values())


def test_trainings_share_a_device_in_processes_of_their_own():
    one, single, both, ratio = sharing(QUICK, untracked, "cpu")
    assert single.value.value == pytest.approx(1)
    assert ratio.value.value == pytest.approx(both.value.value / one.value.value)


def test_the_command_prints_writes_and_rewrites_the_page(capsys):
    Path("page.md").write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nWhy.\n")
    assert command("bench", "--quick", "--only", "clips", "--page", "page.md") == 0
    assert "What the clips cost" in capsys.readouterr().out
    page = Path("page.md").read_text()
    assert page.startswith("# Speed\n")
    assert page.endswith("Why.\n")
    assert "| drawing clips over a step" in page
    assert "old" not in page
    assert "pyro-factor bench --quick --only clips" in page
    assert Path("page.png").exists()
    assert Path("runs/bench/quick.json").exists()


def test_the_list_names_every_benchmark(capsys):
    assert command("bench", "--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(BENCHMARKS)


def test_bad_input_is_refused_before_anything_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pyro_factor.bench.suite._run", pytest.fail)
    assert command("bench", "--only", "nothing") == 2
    assert "only: got 'nothing'; choose from step, " in capsys.readouterr().err
    assert command("bench", "--quick", "--only", "clips", "--page", "none.md") == 2
    assert "page: got 'none.md'" in capsys.readouterr().err
    assert command("bench", "--quick", "--only", "clips", "--output", "name.png") == 2
    assert "output: got 'name.png'; give a name that ends with .json" in capsys.readouterr().err
    assert not Path("runs").exists()
    Path("file").touch()
    with pytest.raises(StorageError, match="a part of the path is a file"):
        bench(["clips"], sizes=QUICK, output=Path("file/name.json"), progress=False)
    (tmp_path / "damaged.json").write_text('{"version": 2}')
    with pytest.raises(InputError, match=r"damaged\.json: not the benchmarks' file"):
        read_results(tmp_path / "damaged.json")


def result(name, value):
    row = Row(quantity="q", value=value and exact(value), at_most=2.0)
    given = {"title": "T", "note": "N", "machine": {"processor": "P"}, "command": "c"}
    return Result(name=name, finished="2026-01-01", seconds=1.0, rows=(row,), **given)


def test_new_results_replace_old_ones_but_empty_ones_do_not():
    held = [result("gpu", 1.0), result("step", 1.0)]
    new = [result("gpu", None), result("step", 3.0), result("clips", None)]
    merged = merge(held, new, ["step", "clips", "gpu"])
    assert merged == [result("step", 3.0), result("clips", None), result("gpu", 1.0)]


def test_goals_are_met_missed_or_open():
    row = Row(quantity="q", value=Estimate(1.5, 1.1, 2.0), at_most=1.0)
    assert (row.goal, row.verdict) == ("at most 1", "missed")
    assert Row(quantity="q", value=exact(3.0), at_least=3.0).verdict == "met"
    tied = Row(quantity="q", value=Estimate(1.001, 0.99, 1.01), at_most=1.0)
    assert tied.verdict == "met within the spread"
    assert not Row(quantity="q", value=None, at_least=3.0).verdict
    assert not Row(quantity="q", value=exact(1.0)).verdict


def test_results_are_read_back_and_rendered(tmp_path):
    results = [result("step", 1.5), result("gpu", None)]
    assert read_results(write_results(results, tmp_path / "a.json")) == results
    text = render(results)
    assert "| q        | 1.5                | ×    | at most 2: met |" in text
    assert "| q        |                    | ×    | at most 2 |" in text  # empty, no verdict


def test_a_commit_is_short_and_says_whether_files_differed_from_it():
    machine = {"processor": "P", "commit": "0123456789abcdef01234567-dirty", "torch": "2.14.1"}
    told = describe(replace(result("step", 1.0), machine=machine))
    assert told == "P, commit 0123456789abcdef-dirty, torch 2.14.1"


def test_the_script_needs_torch_pyro_and_scikit_learn_alone(bare):
    done = run_bare(bare, "bench.py", "--quick", "--only", "clips", "gpu")
    assert done.returncode == 0, done.stderr
    assert "| drawing clips over a step " in done.stdout  # a table without rich
    assert Path("runs/bench/quick.json").exists()
