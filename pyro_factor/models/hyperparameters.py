"""Checks of priors' hyperparameters.

A learned one, a tensor, passes: its constraint keeps it in range, and reading it would stall a GPU.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any

from torch import Tensor

from ..errors import InputError, require

Number = float | Tensor
Numbers = str | Number | Sequence[Number]  # "0.03,0.1,0.3", one number, or several


def check_sizes(**sizes: int) -> None:
    """Raise `InputError` unless every size is a whole number of 1 or more."""
    for name, size in sizes.items():
        whole = isinstance(size, int) and not isinstance(size, bool)
        require(whole and size > 0, name, size, "give a whole number of 1 or more")


def check_scales(**scales: Number) -> None:
    """Raise `InputError` unless every scale is positive and finite."""
    for name, scale in scales.items():
        good = isinstance(scale, Tensor) or (_is_number(scale) and 0 < scale < float("inf"))
        require(good, name, scale, "give a positive, finite scale")


def check_range(low: float, high: float, **numbers: Number) -> None:
    """Raise `InputError` unless every number is from `low` to `high`, both included."""
    for name, number in numbers.items():
        good = isinstance(number, Tensor) or (_is_number(number) and low <= number <= high)
        require(good, name, number, f"give a number from {low:g} to {high:g}")


def several(name: str, given: Numbers) -> tuple[Number, ...]:
    """Read a hyperparameter of several numbers; the command line gives them as one text.

    Raises:
        InputError: It is empty, or a part of it is no number.
    """
    parts: Any = given.strip("()").split(",") if isinstance(given, str) else given
    try:
        parts = [parts] if _is_number(parts) else parts
        numbers = tuple(part if isinstance(part, Tensor) else float(part) for part in parts)
    except (TypeError, ValueError):
        raise InputError(f"{name}: got {given!r}; give numbers, such as 0.03,0.1,0.3") from None
    require(len(numbers) > 0, name, given, "give one number or more")
    return numbers


def _is_number(given: object) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool)
