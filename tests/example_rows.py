"""Rows of a ledger without a training."""

from pyro_factor.reproduction.ledger import Ledger, Row
from pyro_factor.reproduction.paper import Cell, cells

CELLS = cells((0, 1))


def judged(d_score, transfer):
    return {"accuracies": {"d_score": d_score}, "transfer": transfer}


def row(cell=None, schedule="short", d_score=3.0, transfer=0.25, rbf=(2.0, 0.5)):
    return Row(
        schedule=schedule,
        cell=cell or Cell("mnist", "factored", 4, 1),
        config={},
        device="a processor, 2 threads, float32",
        versions={"torch": "2.0"},
        commit="0123456789abcdef",
        source="",
        finished="2020-01-01T00:00:00+00:00",
        seconds=60.0,
        scores={"linear": judged(d_score, transfer), "rbf": judged(*rbf)},
    )


def add_some(path, start):
    """Add five rows, one by one: what a concurrent writer does."""
    for i in range(start, start + 5):
        Ledger(path).add([row(CELLS[i])])
