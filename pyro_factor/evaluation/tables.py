"""Scores as tables, for the terminal (readable at 80 columns) and for pages."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from .leakage import Leakage
from .metrics import Disentanglement, Metrics
from .results import FRAMES, Judgement, Scores

if TYPE_CHECKING:
    import rich.console
    import rich.table

D_SCORE = "D-score"
CLASSIFIERS = {"linear": "linear SVM", "rbf": "RBF SVM"}
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


class Listing(NamedTuple):
    """A table of words: the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def score_tables(scores: Scores) -> "rich.console.Group":
    """The accuracies under each classifier, the metrics, and the ELBO with its terms beneath.

    Args:
        scores: The scores of a run.

    Returns:
        Something that rich prints.
    """
    return tables(score_listings(scores))


def tables(listings: Sequence[Listing]) -> "rich.console.Group":
    """Tables of words as something that rich prints."""
    from rich.console import Group

    return Group(*map(_table, listings))


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A markdown table, its columns aligned for a terminal."""
    table = [list(header), *map(list, lines)]
    widths = [max(3, *map(len, column)) for column in zip(*table, strict=True)]
    table.insert(1, ["-" * width for width in widths])
    padded = ([c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in table)
    return "".join(f"| {' | '.join(line)} |\n" for line in padded)


def page(listings: Sequence[Listing]) -> str:
    """Tables of words in markdown, each beneath its title, what is on several lines on one."""
    parts = []
    for listing in listings:
        header, *rows = (
            [_on_one_line(cell) for cell in line] for line in (listing.header, *listing.rows)
        )
        parts.append(f"### {_on_one_line(listing.title)}\n\n{markdown(header, rows)}")
    return "\n".join(parts)


def _on_one_line(text: str) -> str:
    return text.replace("\n", " ")


def score_listings(scores: Scores) -> list[Listing]:
    """The same tables as words, for any page."""
    found = [_accuracies(scores, scores.task, *each) for each in scores.judged.items()]
    if scores.metrics is not None:
        found.append(_metrics(scores.metrics))
    for task, judged in scores.beside.items():
        found += [_accuracies(scores, task, *each) for each in judged.items()]
    if scores.single_label:
        found.append(_single_label(scores))
    return [*found, _elbo(scores)]


def _table(listing: Listing) -> "rich.table.Table":
    from rich.table import Table

    table = Table(title=listing.title, title_justify="left")
    for number, name in enumerate(listing.header):
        table.add_column(name, justify="right" if number else "left")
    for row in listing.rows:
        table.add_row(*row, style="bold" if row[0] == D_SCORE else "")
    return table


def _accuracies(scores: Scores, task: str, classifier: str, judged: Judgement) -> Listing:
    origin = "static features" if scores.own_split else "all features"
    rows = [
        (
            name,
            _with_interval(getattr(judged.accuracies, field), judged, field, 3),
            f"{getattr(judged.ceiling, field):.3f}",
        )
        for field, name in ACCURACIES.items()
    ]
    found = _with_interval(judged.accuracies.d_score, judged, "d_score", 2)
    rows.append((D_SCORE, found, f"{judged.ceiling.d_score:.2f}"))
    found = _with_interval(judged.transfer, judged, "transfer", 3)
    ceiling = f"{judged.ceiling.static_static:.3f}"
    rows.append((f"static transfer ({origin})", found, ceiling))
    if judged.leakage:
        rows += [(name, f"{share:.3f}", "") for name, share in _leakages(judged.leakage).items()]
    asked = "" if task == FRAMES and not scores.beside else f", {task}"
    chosen = split_name(scores, judged)
    title = f"{CLASSIFIERS[classifier]}{asked}, {scores.clips_name}, {chosen}"
    return Listing(title, ("accuracy", _over(judged), "ceiling"), rows)


def _over(judged: Judgement) -> str:
    """The heading of codes: what their intervals are over, if there are any."""
    if judged.intervals is None:
        return "codes"
    return f"codes [95% over {'videos' if judged.items is None else f'{judged.items} items'}]"


def _with_interval(value: float, judged: Judgement, name: str, digits: int) -> str:
    intervals = judged.intervals or {}
    if name not in intervals:
        return f"{value:.{digits}f}"
    low, high = intervals[name]
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _leakages(leakage: Leakage) -> dict[str, float]:
    return {
        "leakage, static features → temporal": leakage.static_temporal,
        "leakage, temporal features → static": leakage.temporal_static,
    }


def _metrics(metrics: Disentanglement) -> Listing:
    pairs = _pairs(metrics.frames, metrics.clips)
    rows = [(name, *(f"{value:.3f}" for value in pair)) for name, pair in pairs.items()]
    return Listing("Metrics of codes, 0 to 1", ("metric", "frames", "clips"), rows)


def _pairs(frames: Metrics, clips: Metrics) -> dict[str, tuple[float, float]]:
    named = [field.name for field in fields(Metrics) if field.name in METRICS]
    found = {METRICS[name]: (getattr(frames, name), getattr(clips, name)) for name in named}
    pair = (_leakages(one.leakage) for one in (frames, clips))
    both = zip(*(leaked.items() for leaked in pair), strict=True)
    return found | {name: (of_frames, of_clips) for (name, of_frames), (_, of_clips) in both}


def _single_label(scores: Scores) -> Listing:
    """What features tell of the one label that the clips have."""
    parts = {"static features": "static", "temporal features": "temporal"}
    parts |= {"all features": "everything", "most frequent class": "chance"}
    found = scores.single_label
    first = next(iter(found.values()))
    rows = [
        (name, *(f"{getattr(one, part):.3f}" for one in found.values()))
        for name, part in parts.items()
        if getattr(first, part) is not None
    ]
    title = f"Accuracy on the {first.label} label, {scores.clips_name}"
    return Listing(title, ("features", *(CLASSIFIERS.get(name, name) for name in found)), rows)


def _elbo(scores: Scores) -> Listing:
    title = f"nats per video: {scores.clips:,} clips of {scores.num_frames} frames, β = 1"
    values = {"ELBO": scores.elbo, **scores.terms}
    return Listing(title, tuple(values), [tuple(f"{value:.2f}" for value in values.values())])


def split_name(scores: Scores, judged: Judgement) -> str:
    """Which columns are static and temporal, and who chose them."""
    chosen = "the model's own split" if scores.own_split else "the best split"
    split = judged.split or scores.split
    if split is None:
        return chosen
    static, temporal = (", ".join(map(str, part)) for part in split)
    return f"{chosen}: static {static}; temporal {temporal}"
