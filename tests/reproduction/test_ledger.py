import json
from dataclasses import asdict, replace
from multiprocessing import get_context

import pytest
from example_rows import CELLS, add_some, row
from hypothesis import given
from hypothesis import strategies as st

from pyro_factor.config import Config
from pyro_factor.errors import InputError, InUse
from pyro_factor.files import locked
from pyro_factor.reproduction import pages
from pyro_factor.reproduction.ledger import Ledger
from pyro_factor.reproduction.schedules import SCHEDULES


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.jsonl")


def test_rows_come_back_as_they_were(ledger):
    assert ledger.rows() == []
    rows = [row(cell) for cell in CELLS[:3]]
    assert ledger.add(rows) == 3
    assert ledger.rows() == rows


def test_a_cell_of_a_schedule_is_counted_once(ledger):
    first, again = row(d_score=3.0), row(d_score=4.0)
    assert ledger.add([first, again]) == 1
    assert ledger.add([again, replace(again, schedule="paper")]) == 1
    assert ledger.rows() == [first, replace(again, schedule="paper")]
    with ledger.path.open("a") as file:  # as a merge by git leaves it
        file.write(ledger.path.read_text())
    assert len(ledger.rows()) == 2


@given(parts=st.lists(st.lists(st.sampled_from(range(8)), max_size=5), max_size=4))
def test_rows_from_many_machines_merge_in_any_order(tmp_path_factory, parts):
    folder = tmp_path_factory.mktemp("ledgers")
    whole = Ledger(folder / "whole.jsonl")
    for number, part in enumerate(parts):
        one = Ledger(folder / f"{number}.jsonl")
        one.add(row(CELLS[i]) for i in part)
        whole.add(one.rows())
        whole.add(one.rows())
    found = [r.cell for r in whole.rows()]
    assert sorted(map(CELLS.index, found)) == sorted({i for part in parts for i in part})


def test_concurrent_writers_lose_nothing(ledger):
    context = get_context("forkserver")
    starts = (0, 5, 10, 3)  # two write the same cells
    writers = [context.Process(target=add_some, args=(ledger.path, start)) for start in starts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert sorted(CELLS.index(r.cell) for r in ledger.rows()) == list(range(15))
    assert len(ledger.path.read_text().splitlines()) == 15


def test_a_writer_that_never_ends_is_named(ledger, monkeypatch):
    monkeypatch.setattr("pyro_factor.reproduction.ledger.PATIENCE", 0.1)
    with locked(ledger.path.parent), pytest.raises(InUse, match="another process"):
        ledger.add([row()])


def test_no_row_comes_while_the_pages_are_rendered(ledger, monkeypatch):
    def draw(rows, path):
        with pytest.raises(InUse, match="another process"):
            ledger.add([row(CELLS[1])])
        tried.append(path.name)

    tried = []
    monkeypatch.setattr("pyro_factor.reproduction.ledger.PATIENCE", 0.1)
    monkeypatch.setattr(pages, "draw", draw)
    ledger.add([row(CELLS[0])])
    pages.write_tables(ledger)
    assert tried == ["tables.png"]


@pytest.mark.parametrize("length", [1, 30, -2])
def test_a_row_cut_off_at_the_end_is_dropped(ledger, length):
    ledger.add([row(CELLS[0])])
    whole = ledger.path.read_text()
    with ledger.path.open("a") as file:
        file.write(whole[:length])
    assert len(ledger.rows()) == 1
    ledger.add([row(CELLS[1])])
    assert [r.cell for r in ledger.rows()] == CELLS[:2]


def test_a_last_row_without_a_line_end_counts(ledger):
    ledger.add([row(CELLS[0])])
    ledger.path.write_text(ledger.path.read_text().rstrip("\n"))
    ledger.add([row(CELLS[1])])
    assert [r.cell for r in ledger.rows()] == CELLS[:2]


def line(scores):
    """A row whose scores are others in part."""
    record = asdict(row(CELLS[1]))
    return json.dumps(record | {"version": 1, "scores": record["scores"] | scores})


DAMAGE = {
    "nonsense": ("nonsense", "line 2 is not a row"),
    "number": ("5", "line 2 is not a row"),
    "newer": ('{"version": 9}', "version 9"),
    "without version": ("{}", "version"),
    "other keys": ('{"version": 1, "a": 2}', "its keys are others"),
    "no accuracies": (line({"linear": None}), "line 2 .* no accuracies by the linear SVM"),
    "half the scores": (line({"rbf": {"transfer": 0.5}}), "no accuracies by the RBF SVM"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_line_is_named_and_nothing_is_lost(ledger, case):
    line, message = DAMAGE[case]
    ledger.add([row(CELLS[0])])
    ledger.path.write_text(ledger.path.read_text() + line + "\n" + ledger.path.read_text())
    before = ledger.path.read_bytes()
    with pytest.raises(InputError, match=message):
        ledger.rows()
    with pytest.raises(InputError, match=message):
        ledger.add([row(CELLS[1])])
    assert ledger.path.read_bytes() == before


def test_the_committed_ledger_is_of_todays_schedules(pytestconfig):
    for found in Ledger(pytestconfig.rootpath / "docs/reproduction/ledger.jsonl").rows():
        plan = SCHEDULES[found.schedule]
        assert plan.in_tables
        training = found.config["training"]
        where = {name: training[name] for name in ("device", "cuda_graph") if name in training}
        expected = plan.config(found.cell, **where)
        # a field that is newer than the row has its default
        assert Config.model_validate_json(json.dumps(found.config)) == expected
