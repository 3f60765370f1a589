"""Scores, tables and figures of trained runs."""

from pyro_factor.evaluation.codes import Codes, Split
from pyro_factor.evaluation.evaluate import evaluate
from pyro_factor.evaluation.figures import figures
from pyro_factor.evaluation.results import Scores, scores_path
from pyro_factor.evaluation.scores import Accuracies, search, split_accuracies
from pyro_factor.evaluation.tables import score_tables

__all__ = [
    "Accuracies",
    "Codes",
    "Scores",
    "Split",
    "evaluate",
    "figures",
    "score_tables",
    "scores_path",
    "search",
    "split_accuracies",
]
