"""The pages beside a ledger."""

from importlib.util import find_spec
from pathlib import Path

from ..files import write_text
from .claims_page import render_claims
from .figure import draw
from .ledger import Ledger
from .tables import render


def write_tables(ledger: Ledger) -> Path:
    """Render tables.md and claims.md, and a figure if matplotlib is there, beside the ledger.

    One process at a time does, so that the pages hold all rows, whichever of several renders last.
    """
    path = ledger.path.with_name("tables.md")
    with ledger.alone():
        rows = ledger.rows()
        for name, page in (("tables.md", render(rows)), ("claims.md", render_claims(rows))):
            write_text(path.with_name(name), page)
        if can_draw():
            draw(rows, path.with_name("tables.png"))
    return path


def can_draw() -> bool:
    """Whether the libraries that figures need are there."""
    # what a stand-in of pydantic lacks is needed for a run's figures
    return all(find_spec(name) for name in ("matplotlib", "pydantic_core"))
