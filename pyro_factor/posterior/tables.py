"""What the guide believes and how wrong it is, as tables; `report` draws it."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation.intervals import mean
from .calibration import LEVELS, Calibration
from .importance import GOOD, Importance

if TYPE_CHECKING:
    import rich.table


def importance_table(found: Mapping[str, Sequence[Importance]]) -> "rich.table.Table":
    """The mean over clips of the ELBO and of the bounds, and how many k̂ are too large, by guide.

    Args:
        found: As `inspect` returns it.

    Returns:
        Something that rich prints.
    """
    from rich.table import Table

    own = found["own"]
    title = (
        f"Bounds of log p(x), nats per video: {len(own)} clips, {own[0].num_samples:,} draws each"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for guide in found:
        table.add_column(f"{guide} guide", justify="right")
    table.add_row("ELBO", *(_difference(each, own, None) for each in found.values()))
    for size in own[0].bounds:
        cells = (_difference(each, own, size) for each in found.values())
        table.add_row(f"{size:,} weights", *cells)
    table.add_section()
    middle = (f"{np.median([one.pareto_k for one in each]):.2f}" for each in found.values())
    table.add_row("Pareto k̂, median", *middle)
    large = (
        f"{sum(one.pareto_k > GOOD for one in each)} of {len(each)} clips"
        for each in found.values()
    )
    # short names, so that bounds of five digits fit a terminal
    table.add_row(f"k̂ above {GOOD}", *large)
    return table


def _difference(each: Sequence[Importance], own: Sequence[Importance], size: int | None) -> str:
    """A mean bound, and how far it is above the own guide's ELBO, clip by clip."""
    values = np.array([one.elbo if size is None else one.bounds[size] for one in each])
    above = mean(values - np.array([one.elbo for one in own]))
    if above.value == 0:
        return f"{values.mean():.1f}"
    half = above.high - above.value
    around = "" if isnan(half) else f" ± {half:.1f}"  # of one clip there is none
    return f"{values.mean():.1f} ({above.value:+.1f}{around})"


def calibration_table(calibration: Calibration) -> "rich.table.Table":
    """How often the guide's intervals hold codes that the model drew, site by site.

    Args:
        calibration: As `calibrate` returns it.

    Returns:
        Something that rich prints.
    """
    from rich.table import Table

    clips = len(next(iter(calibration.scores.values())))
    title = f"{clips} clips drawn from the model: are their codes in the guide's intervals?"
    table = Table(title=title, title_justify="left")
    table.add_column("site")
    for level in LEVELS:
        table.add_column(f"{level:.0%} intervals", justify="right")
    table.add_column("error / scale", justify="right")
    table.add_column("uniform ranks, p", justify="right")
    for site in calibration.scores:
        covered = [f"{calibration.coverage(site, level):.1%}" for level in LEVELS]
        spread, p = calibration.spread(site), calibration.uniformity(site)
        table.add_row(site, *covered, f"{spread:.2f}", f"{p:.2g}")
    return table
