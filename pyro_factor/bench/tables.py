"""What the benchmarks found, as tables for the terminal and in markdown."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from ..evaluation.tables import markdown
from .rows import Result, Row

HEADER = ("quantity", "median [quartiles]", "unit", "goal")


def show(results: Sequence[Result]) -> None:
    """Print the tables; as markdown where rich is absent."""
    if find_spec("rich") is None:
        print(render(results))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for result in results:
        table = Table(title=result.title, title_justify="left")
        for number, name in enumerate(HEADER):
            table.add_column(name, justify="right" if number == 1 else "left")
        for row in result.rows:
            table.add_row(*_cells(row), style="red" if row.verdict == "missed" else "")
        console.print(table)
    for machine in dict.fromkeys(map(describe, results)):
        console.print(f"Measured on {machine}.")


def render(results: Sequence[Result]) -> str:
    """The tables in markdown: a section for each benchmark."""
    return "\n".join(part for result in results for part in _section(result))


def _section(result: Result) -> Iterator[str]:
    yield f"### {result.title}\n"
    yield f"{result.note}\n"
    yield markdown(HEADER, map(_cells, result.rows))
    yield (
        f"`{result.command}`; {result.seconds:.0f} s, {result.finished[:10]}. {describe(result)}.\n"
    )


def _cells(row: Row) -> tuple[str, str, str, str]:
    said = ": ".join(filter(None, (row.goal, row.verdict)))
    return row.quantity, _number(row), row.unit, said


def _number(row: Row) -> str:
    if row.value is None:
        return ""
    value, low, high = row.value
    return f"{value:.3g}" if low == high else f"{value:.3g} [{low:.3g}, {high:.3g}]"


def describe(result: Result) -> str:
    """The machine, and what ran on it, in words."""
    named = {"processor", "gpu"}
    parts = [text for name, text in result.machine.items() if name in named]
    parts += [f"{n} {_short(text)}" for n, text in result.machine.items() if n not in named]
    return ", ".join(parts)


def _short(text: str) -> str:
    """A version, or the start of a commit and what is said of it: 0123456789abcdef-dirty."""
    head, dash, rest = text.partition("-")
    return head[:16] + dash + rest
