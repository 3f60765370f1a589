"""The part of a page that the benchmarks write themselves."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import require
from ..files import write_text
from .rows import Result
from .tables import render

BEGIN = "<!-- written by `pyro-factor bench --page`; don't edit -->"
END = "<!-- end of what `pyro-factor bench` wrote -->"


def check_page(page: Path) -> None:
    """Raise `InputError` unless there is such a page, with the marks."""
    require(page.is_file(), "page", str(page), "no such file; name a page with the marks")
    _, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    advice = f"it lacks the marks {BEGIN} and {END}"
    require(bool(begin) and END in rest, "page", str(page), advice)


def write_page(results: Sequence[Result], page: Path) -> Path:
    """Put the tables between a page's two marks, and leave the rest as it is.

    Raises:
        InputError: No such page, or one without the marks.
    """
    check_page(page)
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = f"{before}{BEGIN}\n\n{render(results)}\n{END}{after}"
    write_text(page, text)
    return page
