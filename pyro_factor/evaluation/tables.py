"""Scores as tables for the terminal, readable at 80 columns."""

from typing import TYPE_CHECKING

from .results import Scores

if TYPE_CHECKING:
    import rich.console
    import rich.table

ACCURACIES = {
    "static_static": "static features → static label",
    "static_temporal": "static features → temporal label",
    "temporal_temporal": "temporal features → temporal label",
    "temporal_static": "temporal features → static label",
}


def score_tables(scores: Scores) -> "rich.console.Group":
    """The accuracies under each classifier, and the ELBO with its terms beneath.

    Args:
        scores: The scores of a run.

    Returns:
        Something that rich prints.
    """
    from rich.console import Group

    return Group(_accuracies(scores), _elbo(scores))


def _accuracies(scores: Scores) -> "rich.table.Table":
    from rich.table import Table

    table = Table(title=f"{scores.data_split} clips, {split_name(scores)}", title_justify="left")
    table.add_column("accuracy")
    for name in ("linear", "RBF", "linear ceiling", "RBF ceiling"):
        table.add_column(name, justify="right", max_width=8)
    judged = (scores.linear, scores.rbf)
    columns = [one.accuracies for one in judged] + [one.ceiling for one in judged]
    for field, name in ACCURACIES.items():
        table.add_row(name, *(f"{getattr(column, field):.3f}" for column in columns))
    table.add_section()
    table.add_row("D-score", *(f"{column.d_score:.2f}" for column in columns), style="bold")
    origin = "static features" if scores.own_split else "all features"
    transfers = (f"{one.transfer:.3f}" for one in judged)
    ceilings = (f"{one.ceiling.static_static:.3f}" for one in judged)
    table.add_row(f"static transfer ({origin})", *transfers, *ceilings)
    return table


def _elbo(scores: Scores) -> "rich.table.Table":
    from rich.table import Table

    title = f"nats per video: {scores.clips:,} clips of {scores.num_frames} frames, β = 1"
    table = Table(title=title, title_justify="left")
    for name in ("ELBO", *scores.terms):
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:.2f}" for value in (scores.elbo, *scores.terms.values())))
    return table


def split_name(scores: Scores) -> str:
    """Which columns are static and temporal, and who chose them."""
    chosen = "the model's own split" if scores.own_split else "the linear SVM's best split"
    static, temporal = (", ".join(map(str, part)) for part in scores.split)
    return f"{chosen}: static {static}; temporal {temporal}"
