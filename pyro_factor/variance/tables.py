"""What the laboratory found, as tables of words."""

from collections.abc import Callable, Sequence
from functools import partial
from math import isnan

from ..evaluation.intervals import Estimate
from ..evaluation.tables import Listing
from .rows import Row

GROUP = "encoder"


def variance_listings(rows: Sequence[Row]) -> list[Listing]:
    """Tables of all studies.

    Args:
        rows: As `variance` returns them.
    """
    training = [row for row in rows if row.study == "training"]
    sweeps = [row for row in rows if row.study != "training"]
    studies = (_ratios, _sources, _signals, _costs, _values)
    return [study(training) for study in studies] + ([_sweeps(sweeps)] if sweeps else [])


def pick(rows: Sequence[Row], **wanted: str | float) -> list[Row]:
    """The rows whose fields are as wanted."""
    return [row for row in rows if all(getattr(row, k) == v for k, v in wanted.items())]


def _ratios(rows: Sequence[Row]) -> Listing:
    title = (
        "Variance of the whole gradient in the encoder over draws of h,\ntimes the analytic one's"
    )
    chosen = pick(rows, part="total", group=GROUP)
    return _by_iteration(
        title, chosen, lambda row: "" if row.ratio is None else interval(row.ratio)
    )


def _sources(rows: Sequence[Row]) -> Listing:
    """What the noise is made of, each beside the reconstruction's."""
    points = sorted({row.point for row in rows})
    wholes = {"reconstruction", "kl", "total", "entropy"}
    terms = dict.fromkeys(row.part for row in rows if row.part not in wholes)
    sources: dict[str, Callable[[float], float]] = {
        "KL, Monte Carlo": lambda p: _one(rows, p, "trace", "kl"),
        **{f"... {t} term": partial(_one, rows, estimator="trace", part=t) for t in terms},
        "minibatches": lambda p: _between(rows, p),
    }
    base = {p: _one(rows, p, "analytic", "reconstruction") for p in points}
    lines = {name: [at(p) / base[p] for p in points] for name, at in sources.items()}
    # there are none where Trace_ELBO was not measured
    found = {name: line for name, line in lines.items() if not all(map(isnan, line))}
    title = "Sources of noise in the encoder's gradient, times the reconstruction's"
    cells = [(name, *map(_number, line)) for name, line in found.items()]
    return Listing(title, _header("source", points), cells)


def _signals(rows: Sequence[Row]) -> Listing:
    title = "Norm of the mean gradient in the encoder over one clip's standard deviation"
    chosen = pick(rows, part="total", group=GROUP)
    return _by_iteration(
        title,
        chosen,
        lambda row: "" if row.signal_to_noise is None else interval(row.signal_to_noise),
    )


def _costs(rows: Sequence[Row]) -> Listing:
    """Variance times seconds: what a given precision costs."""
    first = {row.point: row for row in pick(rows, estimator="analytic", part="total", group=GROUP)}

    def cost(row: Row) -> str:
        base = first[row.point]
        if row.ratio is None or row.seconds is None or base.seconds is None:
            return ""
        return _number(row.ratio.value * row.seconds / base.seconds)

    title = "Variance × seconds of a gradient, times the analytic one's"
    return _by_iteration(title, pick(rows, part="total", group=GROUP), cost)


def _values(rows: Sequence[Row]) -> Listing:
    title = "Mean of the ELBO less the exact one, nats per video"
    # those with an exact KL have nothing to show
    chosen = [row for row in pick(rows, part="kl", group="value") if row.variance.value > 0]
    return _by_iteration(
        title, chosen, lambda row: "" if row.bias is None else interval(row.bias, "+")
    )


def _by_iteration(title: str, rows: Sequence[Row], cell: Callable[[Row], str]) -> Listing:
    points = sorted({row.point for row in rows})
    lines = []
    for name in dict.fromkeys(row.estimator for row in rows):
        mine = {row.point: cell(row) for row in rows if row.estimator == name}
        lines.append((name, *(mine.get(point, "") for point in points)))
    return Listing(title, _header("estimator", points), lines)


def _header(first: str, points: Sequence[float]) -> tuple[str, ...]:
    return (first, *(f"{point:,.0f}" for point in points))


def _sweeps(rows: Sequence[Row]) -> Listing:
    """A line for each value, the name of what varies in the first of them."""
    chosen = [row for row in pick(rows, part="total", group=GROUP) if row.estimator != "analytic"]
    lines: list[tuple[str, ...]] = []
    for study in dict.fromkeys(row.study for row in chosen):
        name = study
        for point in dict.fromkeys(row.point for row in pick(chosen, study=study)):
            ratios = (row.ratio for row in pick(chosen, study=study, point=point))
            cells = (
                "" if each is None else " ".join(interval(each).split("\n")) for each in ratios
            )
            lines.append((name, f"{point:g}", *cells))
            name = ""
    title = "At fresh weights: variance of the whole gradient in the encoder's heads"
    others = (f"{name} / analytic" for name in dict.fromkeys(row.estimator for row in chosen))
    return Listing(title, ("varied", "to", *others), lines)


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
