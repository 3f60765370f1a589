"""The trained models as a table that fits a terminal of 80 columns."""

from collections.abc import Callable, Mapping, Sequence

from ..evaluation.results import Judgement
from ..evaluation.tables import Listing
from .card import Model

HEADER = ("name", "features", "β", "D", "static", "MB")


def list_models(models: Sequence[Model]) -> Listing:
    """A row for each model.

    Args:
        models: The models.

    Returns:
        Name, static + temporal features, β, the D-score and the static accuracy by the
        linear SVM, in brackets by the RBF one, and the size of the file.
    """
    title = "Trained models; D-score (D) and static accuracy by the linear (RBF) SVM"
    return Listing(title, HEADER, [_row(model) for model in models])


def _row(model: Model) -> tuple[str, ...]:
    config, judged = model.pretrained.config, model.scores.judged
    return (
        model.card.name,
        model.features,
        f"{config.model.beta:g}",
        _both(judged, lambda one: f"{one.accuracies.d_score:.2f}"),
        _both(judged, lambda one: f"{one.transfer:.3f}"),
        f"{model.megabytes:.1f}",
    )


def _both(judged: Mapping[str, Judgement], read: Callable[[Judgement], str]) -> str:
    """What the linear SVM says, and in brackets the RBF one."""
    return f"{read(judged['linear'])} ({read(judged['rbf'])})" if judged else ""
