"""Scores as tables for the terminal, readable at 80 columns."""

from dataclasses import fields
from typing import TYPE_CHECKING

from .leakage import Leakage
from .metrics import Disentanglement, Metrics
from .results import Judgement, Scores

if TYPE_CHECKING:
    import rich.console
    import rich.table

ACCURACIES = {
    "static_static": "static features → static label",
    "static_temporal": "static features → temporal label",
    "temporal_temporal": "temporal features → temporal label",
    "temporal_static": "temporal features → static label",
}
METRICS = {
    "disentanglement": "DCI disentanglement",
    "completeness": "DCI completeness",
    "informativeness": "DCI informativeness",
    "part_disentanglement": "DCI disentanglement of the two parts",
    "part_completeness": "DCI completeness of the two parts",
    "mig": "mutual information gap (MIG)",
    "modularity": "modularity",
    "sap": "SAP, linear SVM",
    "sap_thresholds": "SAP, thresholds",
}


def score_tables(scores: Scores) -> "rich.console.Group":
    """The accuracies under each classifier, the metrics, and the ELBO with its terms beneath.

    Args:
        scores: The scores of a run.

    Returns:
        Something that rich prints.
    """
    from rich.console import Group

    judged = {"linear SVM": scores.linear, "RBF SVM": scores.rbf}
    accuracies = (_accuracies(scores, name, one) for name, one in judged.items())
    return Group(*accuracies, _metrics(scores.metrics), _elbo(scores))


def _accuracies(scores: Scores, classifier: str, judged: Judgement) -> "rich.table.Table":
    from rich.table import Table

    title = f"{classifier}, {scores.data_split} clips, {split_name(scores, judged)}"
    table = Table(title=title, title_justify="left")
    for name in ("accuracy", "codes [95% over videos]", "ceiling"):
        table.add_column(name, justify="left" if name == "accuracy" else "right")
    for field, name in ACCURACIES.items():
        found, ceiling = getattr(judged.accuracies, field), getattr(judged.ceiling, field)
        table.add_row(name, _with_interval(found, judged, field, 3), f"{ceiling:.3f}")
    table.add_section()
    found = _with_interval(judged.accuracies.d_score, judged, "d_score", 2)
    table.add_row("D-score", found, f"{judged.ceiling.d_score:.2f}", style="bold")
    origin = "static features" if scores.own_split else "all features"
    found = _with_interval(judged.transfer, judged, "transfer", 3)
    table.add_row(f"static transfer ({origin})", found, f"{judged.ceiling.static_static:.3f}")
    if judged.leakage:
        for name, share in _leakages(judged.leakage).items():
            table.add_row(name, f"{share:.3f}", "")
    return table


def _with_interval(value: float, judged: Judgement, name: str, digits: int) -> str:
    if judged.intervals is None:
        return f"{value:.{digits}f}"
    low, high = judged.intervals[name]
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _leakages(leakage: Leakage) -> dict[str, float]:
    return {
        "leakage, static features → temporal": leakage.static_temporal,
        "leakage, temporal features → static": leakage.temporal_static,
    }


def _metrics(metrics: Disentanglement | None) -> "rich.table.Table | str":
    from rich.table import Table

    if metrics is None:
        return "No DCI, MIG, SAP or modularity: the codes or the clips are too few for them."
    table = Table(title="Metrics of codes, 0 to 1", title_justify="left")
    table.add_column("metric")
    for name in ("frames", "clips"):
        table.add_column(name, justify="right")
    for name, pair in _pairs(metrics.frames, metrics.clips).items():
        table.add_row(name, *(f"{value:.3f}" for value in pair))
    return table


def _pairs(frames: Metrics, clips: Metrics) -> dict[str, tuple[float, float]]:
    named = [field.name for field in fields(Metrics) if field.name in METRICS]
    found = {METRICS[name]: (getattr(frames, name), getattr(clips, name)) for name in named}
    pair = (_leakages(one.leakage) for one in (frames, clips))
    both = zip(*(leaked.items() for leaked in pair), strict=True)
    return found | {name: (of_frames, of_clips) for (name, of_frames), (_, of_clips) in both}


def _elbo(scores: Scores) -> "rich.table.Table":
    from rich.table import Table

    title = f"nats per video: {scores.clips:,} clips of {scores.num_frames} frames, β = 1"
    table = Table(title=title, title_justify="left")
    for name in ("ELBO", *scores.terms):
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:.2f}" for value in (scores.elbo, *scores.terms.values())))
    return table


def split_name(scores: Scores, judged: Judgement) -> str:
    """Which columns are static and temporal, and who chose them."""
    chosen = "the model's own split" if scores.own_split else "the best split"
    static, temporal = (", ".join(map(str, part)) for part in judged.split or scores.split)
    return f"{chosen}: static {static}; temporal {temporal}"
