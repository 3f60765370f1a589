"""The loss and the ELBO's terms: on the device between log points, then rows of a file."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from ..files import explained, write_text

# values that are no terms of the ELBO
OTHERS = ("loss", "gradient", "orthogonality", "persistence")


class NonFinite(NamedTuple):
    """What stopped being finite: the iteration, counted from 1, and the ELBO's terms.

    `gradients` are the largest entries of the gradient, up to three iterations to the last.
    """

    iteration: int
    names: list[str]
    gradients: list[float]


class Metrics:
    """Values of single iterations, averaged over `log_every` of them into rows of JSON lines.

    Nothing waits for the device until `flush` or `first_nonfinite` reads the values.

    Args:
        path: The file of rows.
        log_every: Iterations in a row.
        iteration: Completed iterations.
        pending: Values of the iterations since the last row, by name, as `pending` gave them.
    """

    def __init__(
        self, path: Path, log_every: int, iteration: int, pending: Mapping[str, Tensor]
    ) -> None:
        self.path = path
        self.log_every = log_every
        self.iteration = iteration
        self._values = {name: list(values.unbind()) for name, values in pending.items()}
        self._drop_rows_after(iteration)

    def record(self, values: Mapping[str, Tensor]) -> None:
        """Keep the values of one more iteration, without reading them.

        A penalty may be absent where it doesn't count; it is averaged over the others then. A term
        may go by other names at other distances of frames; it is nothing where it is absent.
        """
        for name, value in values.items():
            held = self._values.pop(name, [])  # and back at the end: a checkpoint sorts its names
            self._values[name] = [*held, value]
        self.iteration += 1

    @property
    def pending(self) -> dict[str, Tensor]:
        """Values since the last row, by name, of shape (iterations,)."""
        return {name: torch.stack(values) for name, values in self._values.items() if values}

    def first_nonfinite(self) -> NonFinite | None:
        """Find the first iteration since the last row with a value that isn't finite."""
        pending = self.pending
        length = max(map(len, pending.values()), default=0)
        # what isn't of every iteration is part of the loss, which is
        read = {name: held.tolist() for name, held in pending.items() if len(held) == length}
        for i in range(length):
            names = [name for name, values in read.items() if not math.isfinite(values[i])]
            if names:
                # the loss and the gradient are made of the terms
                terms = [name for name in names if name not in OTHERS] or names[:1]
                gradients = read.get("gradient", [])[max(0, i - 2) : i + 1]
                return NonFinite(self.iteration - length + 1 + i, terms, gradients)
        return None

    def flush(self, **also: float) -> dict[str, Any]:
        """Append a row: the means since the last row, nats per video, and what else is given.

        The values of an unfinished row, as a run may end with, are kept: a longer run finishes it.
        """
        read = {name: values.tolist() for name, values in self.pending.items()}
        means = {name: math.fsum(read[name]) / len(read[name]) for name in OTHERS if name in read}
        iterations = len(read["loss"])
        terms = {name: math.fsum(read[name]) / iterations for name in read if name not in OTHERS}
        row = {
            "iteration": self.iteration,
            "loss": means["loss"],
            "elbo": math.fsum(terms.values()),
            "terms": terms,
            "largest_gradient": max(read["gradient"]),
            **{name: means[name] for name in OTHERS[2:] if name in means},
            **also,
        }
        with explained(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self.iteration % self.log_every == 0:
            self._values.clear()
        return row

    def sync(self) -> None:
        """Have the rows on the disk before a checkpoint counts on them."""
        with explained(self.path), self.path.open("a", encoding="utf-8") as file:
            os.fsync(file.fileno())

    def _drop_rows_after(self, iteration: int) -> None:
        """Keep the whole rows of a run that goes on after `iteration`; the others come again."""
        rows = [row for row in read_rows(self.path) if row["iteration"] <= iteration]
        kept = [json.dumps(row) + "\n" for row in rows if row["iteration"] % self.log_every == 0]
        write_text(self.path, "".join(kept))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a file of metrics; none if it is absent.

    The last one is left out if it is cut off, as it is when the machine stops in the middle.

    Raises:
        InputError: Another line is not a row, or the file can't be read.
    """
    try:
        *lines, _ = path.read_bytes().split(b"\n") if path.exists() else [b""]
        rows = [json.loads(line) for line in lines]
        if not all(map(_is_row, rows)):
            raise ValueError
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); move it away") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        advice = "remove that line, or train the run anew"
        raise InputError(f"{path}: damaged; a line is not a row of metrics; {advice}") from None
    return rows


def _is_row(row: Any) -> bool:
    numbers = [row["loss"], row["elbo"], *row["terms"].values()]
    return type(row["iteration"]) is int and all(map(math.isfinite, [*numbers, row["iteration"]]))
