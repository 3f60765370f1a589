"""What the laboratory measures, a row for each number."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..evaluation.intervals import Estimate
from ..files import atomic, write_text


@dataclass(frozen=True, kw_only=True)
class Row:
    """The noise of one estimator in one part of the ELBO, for one group of parameters.

    Two draws or clips tell of no interval: its ends are NaN.

    Args:
        study: "training", or the quantity that a sweep varies.
        point: The iteration, or the quantity's value.
        estimator: Its name, with particles: `trace:4`.
        part: "reconstruction", "kl", "total" (with the weight β), or a term of the KL.
        group: "encoder", its "trunk", "loc head" or "scale head", "decoder"; "value": of the ELBO
            itself.
        draws: Of the latents.
        variance: Over draws, of one clip's gradient in all, or of its value in nats²; the mean over
            the clips of the batch.
        ratio: To the analytic estimator's variance; None where that is zero.
        between: The variance between clips of their mean gradients: what minibatches add.
        signal_to_noise: The norm of the mean gradient over the standard deviation of one clip's;
            None where there is no noise.
        bias: Of the value, in nats per video, against the analytic one; of the parts "kl" only.
        seconds: For one gradient of the whole ELBO; of the part "total" only.
    """

    study: str
    point: float
    estimator: str
    part: str
    group: str
    draws: int
    variance: Estimate
    ratio: Estimate | None = None
    between: Estimate | None = None
    signal_to_noise: Estimate | None = None
    bias: Estimate | None = None
    seconds: float | None = None


ESTIMATES = ("variance", "ratio", "between", "signal_to_noise", "bias")


def write_rows(rows: Iterable[Row], path: Path) -> Path:
    """Write rows as JSON lines."""
    lines = [json.dumps(asdict(row)) + "\n" for row in rows]
    write_text(path, "".join(lines))
    return path


def read_rows(path: Path) -> list[Row]:
    """Read rows back.

    Raises:
        InputError: A line is not one.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [_row(json.loads(line)) for line in lines]
    except (ValueError, TypeError, KeyError):
        raise InputError(f"{path}: damaged; a line is not a row; remove the file") from None


def _row(record: dict[str, Any]) -> Row:
    found = {name: record[name] and Estimate(*record[name]) for name in ESTIMATES}
    return Row(**record | found)


def write_csv(rows: Sequence[Row], path: Path) -> Path:
    """Write rows as CSV: three columns, value, low and high, for each estimate."""
    plain = [field.name for field in fields(Row) if field.name not in ESTIMATES]
    heads = [f"{name}{end}" for name in ESTIMATES for end in ("", "_low", "_high")]
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(plain + heads)
        for row in rows:
            numbers = [getattr(row, name) or ("", "", "") for name in ESTIMATES]
            cells = [number for estimate in numbers for number in estimate]
            writer.writerow([getattr(row, name) for name in plain] + cells)
    return path
