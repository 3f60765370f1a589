"""Tables 1–3 of the paper: the number in each place, and the trainings that its claims take."""

from dataclasses import dataclass, replace
from itertools import product

PRIORS = {"factored": "Factored", "slow": "Slow", "independent": "VAE"}
BETAS = (4, 1, 2)  # in the order of what the paper's claims rest on
D_SCORE, ACCURACY = "d_score", "transfer"
CLASSIFIERS = {"linear": "linear SVM", "rbf": "RBF SVM"}
VARIANCE = 0.01  # σs² = σt², the only value that the paper tried


@dataclass(frozen=True)
class Cell:
    """One training.

    Args:
        dataset: "mnist" or "chairs".
        prior: "factored", "slow" or "independent", the paper's VAE.
        features: D, features of both factors.
        beta: Weight of the KL term.
        seed: Seed of weights, clips and latent draws.
        variance: σs² and σt² of the prior.
    """

    dataset: str
    prior: str
    features: int
    beta: int
    seed: int = 0
    variance: float = VARIANCE

    @property
    def name(self) -> str:
        """The cell's name, also of its run folder: mnist-factored-2+2-beta4-seed0."""
        half = self.features // 2
        features = f"{half}+{half}" if self.prior == "factored" else str(self.features)
        variance = "" if self.variance == VARIANCE else f"-variance{self.variance}"
        return f"{self.dataset}-{self.prior}-{features}-beta{self.beta}{variance}-seed{self.seed}"


@dataclass(frozen=True)
class Column:
    """A column of a table: what is measured, on what, with how many features.

    `features` counts those of both factors for a D-score; for an accuracy it is the paper's n,
    the factored model's static features and all of a baseline's.
    """

    table: int
    title: str
    dataset: str
    measure: str
    features: int

    def cell(self, prior: str, beta: int, seed: int = 0) -> Cell:
        """The training whose score stands in a row of this column."""
        per_factor = self.measure == ACCURACY and prior == "factored"
        return Cell(self.dataset, prior, self.features * (1 + per_factor), beta, seed)


COLUMNS = (
    Column(1, "D-score, bouncing MNIST, 4 features in all", "mnist", D_SCORE, 4),
    Column(1, "D-score, rotating chairs, 8 features in all", "chairs", D_SCORE, 8),
    Column(2, "static accuracy, bouncing MNIST, n = 4", "mnist", ACCURACY, 4),
    Column(2, "static accuracy, bouncing MNIST, n = 2", "mnist", ACCURACY, 2),
    Column(3, "static accuracy, rotating chairs, n = 4", "chairs", ACCURACY, 4),
)

# The paper's numbers, in the order of the columns.
NUMBERS = {
    ("factored", 1): (6.71, 1.79, 0.83, 0.71, 0.33),
    ("factored", 2): (6.74, 1.73, 0.88, 0.64, 0.48),
    ("factored", 4): (6.82, 1.81, 0.82, 0.69, 0.59),
    ("slow", 1): (4.70, 1.19, 0.58, 0.11, 0.24),
    ("slow", 2): (5.78, 1.57, 0.65, 0.12, 0.34),
    ("slow", 4): (6.38, 1.39, 0.66, 0.13, 0.37),
    ("independent", 1): (1.08, 1.27, 0.80, 0.13, 0.52),
    ("independent", 2): (1.70, 1.24, 0.52, 0.12, 0.51),
    ("independent", 4): (1.71, 1.35, 0.51, 0.13, 0.54),
}


def cells(seeds: tuple[int, ...] = (0,)) -> list[Cell]:
    """Every training of tables 1–3, 33 for each seed, in the order to do them.

    MNIST comes before the chairs and the factored prior before the baselines, all of one seed
    before the next.
    """
    needed = {column.cell(prior, beta) for column, prior, beta in product(COLUMNS, PRIORS, BETAS)}
    ordered = sorted(
        needed,
        key=lambda cell: (
            cell.dataset != "mnist",
            list(PRIORS).index(cell.prior),
            cell.features,
            BETAS.index(cell.beta),
        ),
    )
    return [replace(cell, seed=seed) for seed in seeds for cell in ordered]


BEYOND = (  # what the paper says of settings that it didn't try
    *(Cell("chairs", "factored", 8, beta) for beta in (8, 16)),
    *(Cell("mnist", "factored", 4, 4, variance=variance) for variance in (0.001, 0.1)),
)


def every_cell(seeds: tuple[int, ...] = (0,)) -> list[Cell]:
    """The cells of the tables, then those beyond them."""
    return cells(seeds) + [replace(cell, seed=seed) for seed in seeds for cell in BEYOND]
