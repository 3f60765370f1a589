"""The paper's claims on one page: its numbers, ours, and what lies beyond its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from ..evaluation.tables import markdown
from .claims import CLAIMS, Claim, Finding, Numbers, ours, papers
from .ledger import Row
from .paper import ACCURACY, BEYOND, CLASSIFIERS, Cell, Column
from .schedules import SCHEDULES
from .tables import in_tables

VERDICTS = {True: "yes", False: "no", None: "not yet known"}
LEFT_ALONE = 0.95  # of what is seen in decoded clips of which no part moves
TRIED = (Cell("mnist", "factored", 4, 4), Cell("chairs", "factored", 8, 4), *BEYOND)
HEAD = """# The paper's claims, held against its numbers and ours

Rendered from `ledger.jsonl` by `pyro-factor reproduce`; don't edit. One rule judges the paper's
numbers and ours; three numbers are those of the factored model, Slow and the VAE, and "?" is one
that is missing; schedules with less than two numbers to compare aren't shown. The claim that Monte
Carlo is too noisy to train with has [a page of its own](../variance.md).
"""
GLIDING = f"""What a judge, trained on real frames, tells of decoded test clips in which one factor
glides to another clip's, of what it tells when none does. Holds from {LEFT_ALONE:.0%} of it.
"""


def render_claims(rows: Sequence[Row]) -> str:
    """The page as markdown, readable as text."""
    tabled = in_tables(rows)
    return "\n".join(
        [
            HEAD,
            "## Tables 1-3\n",
            markdown(["claim", "whose numbers", "numbers", "holds"], _claims(tabled)),
            "## Other β, other σ²\n",
            markdown(
                ["cell", "schedule", "D linear", "D RBF", "static → digit or chair, RBF"],
                _tried(tabled),
            ),
            "## Interpolation in one factor leaves the other alone\n",
            GLIDING,
            markdown(
                ["cell", "schedule", "static glides: place", "temporal glides: identity", "holds"],
                ([*_name(row), *_glide(row)] for row in tabled if _swaps(row)),
            ),
        ]
    )


def _claims(rows: Sequence[Row]) -> list[list[str]]:
    held = {row.schedule for row in rows}
    whose: dict[str, Numbers] = {"the paper": papers}
    for schedule, judge in product((name for name in SCHEDULES if name in held), CLASSIFIERS):
        whose[f"{schedule}, {CLASSIFIERS[judge]}"] = ours(rows, schedule, judge)
    return [
        [claim.text if name == "the paper" else "", name, *_verdict(claim.judge(numbers))]
        for claim in CLAIMS
        for name, numbers in whose.items()
        if _compares(claim, numbers)
    ]


def _compares(claim: Claim, numbers: Numbers) -> bool:
    """Whether two or more of the numbers that a claim asks for are there."""
    found = []

    def listen(column: Column, prior: str, beta: int) -> float | None:
        found.append(numbers(column, prior, beta))
        return found[-1]

    claim.judge(listen)
    return sum(number is not None for number in found) > 1


def _verdict(finding: Finding) -> tuple[str, str]:
    return finding.numbers, VERDICTS[finding.holds]


def _tried(rows: Sequence[Row]) -> list[list[str]]:
    chosen = sorted(
        (row for row in rows if replace(row.cell, seed=0) in TRIED),
        key=lambda row: (row.cell.dataset, row.cell.variance, row.cell.beta),
    )
    return [[*_name(row), *_scores(row)] for row in chosen]


def _name(row: Row) -> list[str]:
    return [row.cell.name, row.schedule]


def _scores(row: Row) -> list[str]:
    ds = [f"{row.scores[judge]['accuracies']['d_score']:.2f}" for judge in CLASSIFIERS]
    return [*ds, f"{row.scores['rbf'][ACCURACY]:.3f}"]


def _glide(row: Row) -> list[str]:
    """What a judge still sees of the factor that stays, beside what it sees without gliding."""
    swaps = _swaps(row)
    still = swaps["decoded"]
    pairs = [
        (swaps["static gliding"]["temporal"], still["temporal"]),
        (swaps["temporal gliding"]["static"], still["static"]),
    ]
    kept = all(glided >= LEFT_ALONE * before for glided, before in pairs)
    return [*(f"{glided:.3f} of {before:.3f}" for glided, before in pairs), VERDICTS[kept]]


def _swaps(row: Row) -> Mapping[str, Mapping[str, float]]:
    found: Mapping[str, Mapping[str, float]] = row.scores.get("decoded", {}).get("swaps", {})
    return found
