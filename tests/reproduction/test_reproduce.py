import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bare import run_bare
from example_rows import row as some_row
from safetensors.torch import load_file, save

from pyro_factor import cli, load
from pyro_factor.checkpoint import read_checkpoint
from pyro_factor.errors import InputError, TimeUp, TrainingDiverged
from pyro_factor.files import locked
from pyro_factor.inference.trainer import Trainer
from pyro_factor.reproduction import pages, work
from pyro_factor.reproduction.ledger import Ledger
from pyro_factor.reproduction.paper import Cell
from pyro_factor.reproduction.reproduce import LEDGER, RUNS, chosen, reproduce
from pyro_factor.reproduction.schedules import SCHEDULES
from pyro_factor.reproduction.side_by_side import side_by_side
from pyro_factor.reproduction.work import run_folder

CELL = Cell("mnist", "factored", 4, 1)
SLOW = Cell("mnist", "slow", 2, 1)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)


def run(*arguments):
    """The exit code of `reproduce --schedule smoke`."""
    return cli.main(["reproduce", "--schedule", "smoke", *map(str, arguments)])


def test_what_is_missing_is_done_and_no_more(tmp_path, capsys):
    assert run("--only", CELL.name, SLOW.name) == 0
    (first, second) = Ledger(LEDGER).rows()
    assert [first.cell, second.cell] == [CELL, SLOW]
    folder = run_folder(RUNS, "smoke", CELL)
    written = [json.loads((folder / f"{name}.json").read_text()) for name in ("scores", "decoded")]
    assert first.scores == written[0] | {"decoded": written[1]}
    assert "decoded" not in second.scores
    assert first.versions["torch"] == torch.__version__.partition("+")[0]
    assert first.config["data"]["root"] is None
    pages = ("tables.md", "tables.png", "claims.md")
    tables = [Path("docs/reproduction", name) for name in pages]
    assert all(path.exists() for path in tables)
    assert load(run_folder(RUNS, "smoke", CELL)).factors.keys() == {"hs", "ht"}
    capsys.readouterr()
    assert run("--only", CELL.name, SLOW.name) == 0
    assert "0 cells added" in capsys.readouterr().out
    assert run("--list", "--only", "mnist-*-beta1-*") == 0
    listed = capsys.readouterr().out
    assert "2 of 6 cells of the schedule smoke are done" in listed
    assert f"{first.scores['linear']['accuracies']['d_score']:.2f}" in listed


def test_a_row_is_kept_before_figures_can_fail(monkeypatch):
    shown = replace(SCHEDULES["smoke"], in_tables=True)
    monkeypatch.setitem(SCHEDULES, "smoke", shown)
    monkeypatch.setattr(work, "figures", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reproduce("smoke", [CELL.name], progress=False)
    (row,) = Ledger(LEDGER).rows()
    assert row.cell == CELL


def test_no_figures_with_a_stand_in_of_what_they_need(monkeypatch):
    monkeypatch.setattr(pages, "find_spec", lambda name: name != "pydantic_core")
    monkeypatch.setattr(work, "figures", lambda run: 1 / 0)
    shown = replace(SCHEDULES["smoke"], in_tables=True)
    monkeypatch.setitem(SCHEDULES, "smoke", shown)
    assert len(reproduce("smoke", [CELL.name], progress=False)) == 1
    assert not list(Path("docs").rglob("*.png"))


def test_cells_side_by_side_are_those_one_by_one():
    names = ["mnist-slow-2-beta[12]", CELL.name]
    assert run("--only", *names, "--jobs", "2", "--runs", "two") == 0
    rows = {row.cell: row.scores for row in Ledger(LEDGER).rows()}
    assert len(rows) == 3
    tables = Path("docs/reproduction/tables.md").read_text()
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, os.cpu_count() // 2))  # more of them would round otherwise
    for row in reproduce("smoke", names, ledger="one.jsonl", progress=False):
        check_alike(row.scores, rows[row.cell])
    torch.set_num_threads(threads)
    assert Path("tables.md").read_text().splitlines()[0] == tables.splitlines()[0]


def test_side_by_side_stops_in_time():
    with pytest.raises(TimeUp, match="call again to go on"):
        reproduce("smoke", ["mnist-slow-*"], jobs=2, max_minutes=1e-9, progress=False)


def die(cell):
    os._exit(1)


def test_a_process_that_dies_is_told_of():
    with pytest.raises(InputError, match="jobs: got 2; one of the processes died"):
        list(side_by_side(die, [CELL, SLOW], 2))


def fail(cell):
    Path(f"begun-{cell.name}").touch()
    time.sleep(0.1)
    raise TrainingDiverged(cell.name)


def test_no_cell_is_begun_after_an_error():
    with pytest.raises(TrainingDiverged):
        list(side_by_side(fail, chosen((), [0])[:12], 2))
    time.sleep(1)  # for what would go on
    assert len(list(Path().glob("begun-*"))) <= 2


@pytest.mark.parametrize(
    ("pattern", "seeds", "expected"),
    [
        ("mnist-slow-2-beta1", (0,), [SLOW]),
        ("mnist-slow-2-beta1", (2, 5), [replace(SLOW, seed=2), replace(SLOW, seed=5)]),
        ("mnist-slow-2-beta1", (0, 0), [SLOW]),
        ("mnist-slow-2-beta1-seed5", (2, 5), [replace(SLOW, seed=5)]),
        ("mnist-factored-?+?-beta1", (0,), [CELL, replace(CELL, features=8)]),
    ],
)
def test_cells_by_name(pattern, seeds, expected):
    assert chosen([pattern], seeds) == expected


def stop_after_an_iteration(monkeypatch):
    """Call `reproduce` with less time than the cell's first iteration takes."""
    update = Trainer.update

    def slowly(self, iteration, videos):
        time.sleep(6)
        return update(self, iteration, videos)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", slowly)
        with pytest.raises(TimeUp, match="1 of 2 iterations are saved"):
            reproduce("smoke", [CELL.name], max_minutes=0.1, progress=False)


def test_a_stopped_reproduction_goes_on(monkeypatch, capsys):
    stop_after_an_iteration(monkeypatch)
    assert run("--list", "--only", CELL.name) == 0
    assert "1 of 2 iterations" in capsys.readouterr().out
    folder = run_folder(RUNS, "smoke", CELL)
    seconds = read_checkpoint(folder / "checkpoint.safetensors").seconds
    assert seconds > 6
    (stopped,) = reproduce("smoke", [CELL.name], progress=False)
    assert stopped.seconds >= round(seconds, 1)
    (whole,) = reproduce("smoke", [CELL.name], runs="whole", ledger="whole.jsonl", progress=False)
    assert stopped.scores == whole.scores
    with pytest.raises(TimeUp, match=f"before {SLOW.name}"):
        reproduce("smoke", [SLOW.name], max_minutes=1e-9, progress=False)


def test_a_row_lost_before_it_was_written_costs_no_training(monkeypatch):
    def stop(self, rows):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            reproduce("smoke", [CELL.name], progress=False)

    def train_no_more(self, iteration, videos):
        raise AssertionError

    monkeypatch.setattr(Trainer, "update", train_no_more)
    assert [row.cell for row in reproduce("smoke", [CELL.name], progress=False)] == [CELL]


def test_a_cell_that_another_process_trains_is_left_to_it(capsys):
    with locked(run_folder(RUNS, "smoke", CELL)):
        rows = reproduce("smoke", [CELL.name, SLOW.name], progress=False)
    assert [row.cell for row in rows] == [SLOW]
    assert "another process" in capsys.readouterr().err


def test_cells_that_another_process_scores_or_has_added_are_left_to_it(monkeypatch):
    def meanwhile(run, **options):
        monkeypatch.setattr(work, "evaluate", evaluate)
        others.extend(reproduce("smoke", [CELL.name, SLOW.name], progress=False))
        return evaluate(run, **options)

    others, evaluate = [], work.evaluate
    monkeypatch.setattr(work, "evaluate", meanwhile)
    rows = reproduce("smoke", [CELL.name, SLOW.name], progress=False)
    assert [[row.cell for row in each] for each in (rows, others)] == [[CELL], [SLOW]]


def test_the_cells_after_one_that_diverges_are_done(monkeypatch):
    update = Trainer.update

    def spoil(self, iteration, videos):
        values = update(self, iteration, videos)
        factored = "hs0" in str(self.names) or "static" in values
        return values | {"loss": torch.tensor(torch.nan)} if factored else values

    monkeypatch.setattr(Trainer, "update", spoil)
    with pytest.raises(TrainingDiverged, match=rf"{CELL.name.replace('+', '[+]')}: iteration 1"):
        reproduce("smoke", [CELL.name, SLOW.name], progress=False)
    assert [row.cell for row in Ledger(LEDGER).rows()] == [SLOW]


def test_ledgers_merge(tmp_path, capsys):
    reproduce("smoke", [SLOW.name], ledger="elsewhere/ledger.jsonl", progress=False)
    for added in (1, 0):
        assert run("--merge", "elsewhere/ledger.jsonl") == 0
        assert f"{added} rows added" in capsys.readouterr().out
    assert [row.cell for row in Ledger(LEDGER).rows()] == [SLOW]


def test_nothing_of_a_merge_is_added_if_a_ledger_is_damaged(capsys):
    Ledger(Path("good.jsonl")).add([some_row(CELL)])
    Path("broken.jsonl").write_text("nonsense\n")
    assert run("--merge", "good.jsonl", "broken.jsonl") == 2
    assert "broken.jsonl: line 1 is not a row" in capsys.readouterr().err
    assert not LEDGER.exists()


BAD = {
    "schedule": ({"schedule": "long"}, "schedule: got 'long'; choose from paper, quarter, short,"),
    "cell": ({"only": ["mnist-facotred-*"]}, "only: got 'mnist-facotred-*'; no cell has"),
    "seed": ({"seeds": [-1]}, "seeds: got -1; give 0 or more, below 2**64"),
    "no seed": ({"only": [CELL.name], "seeds": []}, "seeds: got (); give one or more"),
    "jobs": ({"jobs": 0}, "jobs: got 0; give 1 or more"),
    "minutes": ({"max_minutes": 0.0}, "max_minutes: got 0.0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    options, message = BAD[case]
    with pytest.raises(ValueError, match="got") as caught:
        reproduce(**{"schedule": "smoke", **options})
    assert message in str(caught.value)
    assert not Path("docs").exists()


def leaves(record, name=""):
    """What stands in a record, by the path to it."""
    if not isinstance(record, dict | list):
        return {name: record}
    inner = record.items() if isinstance(record, dict) else enumerate(record)
    return {
        path: leaf for key, each in inner for path, leaf in leaves(each, f"{name}/{key}").items()
    }


def check_alike(ours, theirs):
    """Compare two records of scores, up to rounding."""
    ours, theirs = leaves(ours), leaves(theirs)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        measured = isinstance(value, float)
        assert theirs[path] == (pytest.approx(value, 1e-4, 0.01) if measured else value), path


def test_the_script_needs_torch_pyro_and_scikit_learn_alone(bare, tmp_path):
    def script(*arguments):
        return run_bare(bare, "reproduce.py", "--schedule", "smoke", *arguments)

    missing = script("--only", "nothing")
    assert (missing.returncode, "only: got 'nothing'" in missing.stderr) == (2, True)
    done = script("--only", CELL.name, SLOW.name, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    row, _ = sorted(Ledger(LEDGER).rows(), key=lambda row: row.cell.prior)
    assert row.versions["pyro-factor"] is None
    # the libraries read what their stand-ins wrote, and find the same
    (again,) = reproduce("smoke", [CELL.name], ledger="again.jsonl", progress=False)
    assert again.seconds == row.seconds
    # networks round as the memory lies that they are in, and a tree splits elsewhere
    check_alike(again.scores, row.scores)


def test_the_stand_in_writes_and_reads_the_format(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import safetensors, safetensors.torch\n"
        "assert 'standins' in safetensors.__file__\n"
        "with safetensors.safe_open(sys.argv[2], framework='pt') as file:\n"
        "    tensors = {name: file.get_tensor(name) for name in file.keys()}\n"
        "    metadata = file.metadata()\n"
        "open(sys.argv[3], 'wb').write(safetensors.torch.save(tensors, metadata))\n"
    )
    standins = Path(__file__).parents[2] / "scripts/standins"
    tensors = {"a": torch.randn(2, 3), "b": torch.tensor(5), "c": torch.randn(4).double()}
    Path("ours").write_bytes(save(tensors, {"key": "value"}))
    subprocess.run([sys.executable, "-c", code, standins, "ours", "theirs"], check=True)
    assert all(torch.equal(found, tensors[name]) for name, found in load_file("theirs").items())
