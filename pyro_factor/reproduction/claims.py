"""The paper's claims, held against its own numbers and against ours by the same rules."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .ledger import Row
from .paper import BEYOND, COLUMNS, NUMBERS, PRIORS, Column
from .tables import average

BASELINES = tuple(prior for prior in PRIORS if prior != "factored")
D_MNIST, D_CHAIRS, MNIST_4, MNIST_2, CHAIRS = COLUMNS

Numbers = Callable[[Column, str, int], float | None]


@dataclass(frozen=True)
class Finding:
    """What some numbers say of a claim.

    Args:
        numbers: The numbers, in words.
        holds: Whether the claim holds for them; None while a number is missing.
    """

    numbers: str
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        text: In short.
        judge: Holds it against numbers.
    """

    text: str
    judge: Callable[[Numbers], Finding]


def best(column: Column) -> Callable[[Numbers], Finding]:
    """The factored model is above both baselines at every β."""

    def judge(numbers: Numbers) -> Finding:
        rows = [
            [numbers(column, prior, beta) for prior in ("factored", *BASELINES)]
            for beta in (1, 2, 4)
        ]
        said = (f"{_say(ours)} / {_say(slow)} / {_say(vae)}" for ours, slow, vae in rows)
        return Finding("; ".join(said), _all(_above(row[0], row[1:]) for row in rows))

    return judge


def rises(column: Column, priors: Iterable[str]) -> Callable[[Numbers], Finding]:
    """The number at β = 4 is above that at β = 1."""

    def judge(numbers: Numbers) -> Finding:
        ends = {prior: [numbers(column, prior, beta) for beta in (1, 4)] for prior in priors}
        said = (f"{PRIORS[prior]} {_say(a)} → {_say(b)}" for prior, (a, b) in ends.items())
        return Finding("; ".join(said), _all(_above(b, [a]) for a, b in ends.values()))

    return judge


def behind_at_1(numbers: Numbers) -> Finding:
    """At β = 1 the factored model's chairs are told apart worse than both baselines'."""
    ours, *others = (numbers(CHAIRS, prior, 1) for prior in ("factored", *BASELINES))
    said = f"{_say(ours)} / {' / '.join(map(_say, others))}"
    return Finding(said, _all(_above(other, [ours]) for other in others))


def rises_on(numbers: Numbers) -> Finding:
    """The accuracy on chairs goes on rising at β = 8 and 16."""
    betas = (1, 2, 4, *(cell.beta for cell in BEYOND if cell.dataset == "chairs"))
    found = [numbers(CHAIRS, "factored", beta) for beta in betas]
    said = ", ".join(f"β = {beta}: {_say(one)}" for beta, one in zip(betas, found, strict=True))
    later = pairwise(found[2:])
    return Finding(said, _all(_above(after, [before]) for before, after in later))


CLAIMS = (
    Claim("D on MNIST: factored above Slow and VAE, at β = 1; 2; 4", best(D_MNIST)),
    Claim("D on chairs: factored above Slow and VAE, at β = 1; 2; 4", best(D_CHAIRS)),
    Claim("D on MNIST rises with β, for all models", rises(D_MNIST, PRIORS)),
    Claim("D on chairs rises with β, for all models", rises(D_CHAIRS, PRIORS)),
    Claim("static accuracy on MNIST, n = 4: factored above both", best(MNIST_4)),
    Claim("static accuracy on MNIST, n = 2: factored above both", best(MNIST_2)),
    Claim("static accuracy on chairs: factored below both at β = 1", behind_at_1),
    Claim("static accuracy on chairs: factored rises with β", rises(CHAIRS, ["factored"])),
    Claim("static accuracy on chairs: factored still rises beyond β = 4", rises_on),
)


def papers(column: Column, prior: str, beta: int) -> float | None:
    """The paper's number, if it has one."""
    found = NUMBERS.get((prior, beta))
    return None if found is None else found[COLUMNS.index(column)]


def ours(rows: Sequence[Row], schedule: str, classifier: str) -> Numbers:
    """Our numbers, each the mean over seeds."""
    return lambda column, prior, beta: average(rows, column, prior, beta, schedule, classifier)


def _say(number: float | None) -> str:
    return "?" if number is None else f"{number:.2f}"


def _above(number: float | None, others: Iterable[float | None]) -> bool | None:
    """Whether it is above all others; None while a missing one may decide."""
    if number is None:
        return None
    return _all(None if other is None else number > other for other in others)


def _all(verdicts: Iterable[bool | None]) -> bool | None:
    found = list(verdicts)
    return False if False in found else None if None in found else True
