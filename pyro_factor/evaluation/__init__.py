"""Scores, tables and figures of trained runs."""

from .codes import Codes, Split
from .evaluate import evaluate
from .figures import figures
from .results import Scores, scores_path
from .scores import Accuracies, search, split_accuracies
from .tables import score_tables

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
