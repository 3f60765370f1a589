"""What the laboratory found, as tables for the terminal."""

from collections.abc import Callable, Sequence
from functools import partial
from math import isnan
from typing import TYPE_CHECKING

from ..evaluation.intervals import Estimate
from .rows import Row

if TYPE_CHECKING:
    import rich.console
    import rich.table

GROUP = "encoder"


def variance_tables(rows: Sequence[Row]) -> "rich.console.Group":
    """Tables of all studies.

    Args:
        rows: As `variance` returns them.

    Returns:
        Something that rich prints.
    """
    from rich.console import Group

    training = [row for row in rows if row.study == "training"]
    sweeps = [row for row in rows if row.study != "training"]
    studies = (_ratios, _sources, _signals, _costs, _values)
    tables = [study(training) for study in studies]
    return Group(*tables, *([_sweeps(sweeps)] if sweeps else []))


def pick(rows: Sequence[Row], **wanted: str | float) -> list[Row]:
    """The rows whose fields are as wanted."""
    return [row for row in rows if all(getattr(row, k) == v for k, v in wanted.items())]


def _ratios(rows: Sequence[Row]) -> "rich.table.Table":
    title = (
        "Variance of the whole gradient in the encoder over draws of h,\ntimes the analytic one's"
    )
    chosen = pick(rows, part="total", group=GROUP)
    return _by_iteration(
        title, chosen, lambda row: "" if row.ratio is None else interval(row.ratio)
    )


def _sources(rows: Sequence[Row]) -> "rich.table.Table":
    """What the noise is made of, each beside the reconstruction's."""
    from rich.table import Table

    table = Table(
        title="Sources of noise in the encoder's gradient, times the reconstruction's",
        title_justify="left",
    )
    table.add_column("source")
    points = sorted({row.point for row in rows})
    for point in points:
        table.add_column(f"{point:,.0f}", justify="right")
    wholes = {"reconstruction", "kl", "total", "entropy"}
    terms = dict.fromkeys(row.part for row in rows if row.part not in wholes)
    sources: dict[str, Callable[[float], float]] = {
        "KL, Monte Carlo": lambda p: _one(rows, p, "trace", "kl"),
        **{f"... {t} term": partial(_one, rows, estimator="trace", part=t) for t in terms},
        "minibatches": lambda p: _between(rows, p),
    }
    for name, source in sources.items():
        base = {p: _one(rows, p, "analytic", "reconstruction") for p in points}
        values = [source(point) / base[point] for point in points]
        if not all(map(isnan, values)):  # as where Trace_ELBO was not measured
            table.add_row(name, *map(_number, values))
    return table


def _signals(rows: Sequence[Row]) -> "rich.table.Table":
    title = "Norm of the mean gradient in the encoder over one clip's standard deviation"
    chosen = pick(rows, part="total", group=GROUP)
    return _by_iteration(
        title,
        chosen,
        lambda row: "" if row.signal_to_noise is None else interval(row.signal_to_noise),
    )


def _costs(rows: Sequence[Row]) -> "rich.table.Table":
    """Variance times seconds: what a given precision costs."""
    first = {row.point: row for row in pick(rows, estimator="analytic", part="total", group=GROUP)}

    def cost(row: Row) -> str:
        base = first[row.point]
        if row.ratio is None or row.seconds is None or base.seconds is None:
            return ""
        return _number(row.ratio.value * row.seconds / base.seconds)

    title = "Variance × seconds of a gradient, times the analytic one's"
    return _by_iteration(title, pick(rows, part="total", group=GROUP), cost)


def _values(rows: Sequence[Row]) -> "rich.table.Table":
    title = "Mean of the ELBO less the exact one, nats per video"
    # those with an exact KL have nothing to show
    chosen = [row for row in pick(rows, part="kl", group="value") if row.variance.value > 0]
    return _by_iteration(
        title, chosen, lambda row: "" if row.bias is None else interval(row.bias, "+")
    )


def _by_iteration(
    title: str, rows: Sequence[Row], cell: Callable[[Row], str]
) -> "rich.table.Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("estimator", no_wrap=True)
    points = sorted({row.point for row in rows})
    for point in points:
        table.add_column(f"{point:,.0f}", justify="right")
    for name in dict.fromkeys(row.estimator for row in rows):
        mine = {row.point: cell(row) for row in rows if row.estimator == name}
        table.add_row(name, *(mine.get(point, "") for point in points))
    return table


def _sweeps(rows: Sequence[Row]) -> "rich.table.Table":
    from rich.table import Table

    title = "At fresh weights: variance of the whole gradient in the encoder's heads"
    table = Table(title=title, title_justify="left")
    for name in ("varied", "to", "Trace_ELBO / analytic", "path / analytic"):
        table.add_column(name, justify="left" if name == "varied" else "right")
    chosen = pick(rows, part="total", group=GROUP)
    for study in dict.fromkeys(row.study for row in chosen):
        table.add_section()
        for point in dict.fromkeys(row.point for row in pick(chosen, study=study)):
            ratios = [
                interval(row.ratio).replace("\n", " ")
                for row in pick(chosen, study=study, point=point)
                if row.ratio is not None and row.estimator != "analytic"
            ]
            table.add_row(study, f"{point:g}", *ratios)
    return table


def interval(estimate: Estimate, sign: str = "") -> str:
    """A number, and its interval, if it has one, in the line below."""
    value, low, high = (_number(each, sign) for each in estimate)
    return value if isnan(estimate.high) else f"{value}\n[{low}, {high}]"


def _number(value: float, sign: str = "") -> str:
    """Three digits, or two of small numbers, without an exponent where that is readable."""
    if 100 <= abs(value) < 1e5:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.{3 if abs(value) >= 0.1 else 2}g}"


def _one(rows: Sequence[Row], point: float, estimator: str, part: str) -> float:
    found = pick(rows, point=point, estimator=estimator, part=part, group=GROUP)
    return found[0].variance.value if found else float("nan")


def _between(rows: Sequence[Row], point: float) -> float:
    found = pick(rows, point=point, estimator="analytic", part="total", group=GROUP)
    return found[0].between.value if found and found[0].between else float("nan")
