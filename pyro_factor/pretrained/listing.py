"""The trained models as a table that fits a terminal of 80 columns."""

from collections.abc import Sequence

from ..evaluation.tables import Listing
from .card import Model

HEADER = ("name", "data", "features", "β", "schedule", "D", "static", "MB")


def list_models(models: Sequence[Model]) -> Listing:
    """A row for each model.

    Args:
        models: The models.

    Returns:
        Name, data, static + temporal features, β, iterations × clips in a batch, the D-score and
        the static accuracy by the linear SVM, and the size of the file.
    """
    title = "Trained models; D-score (D) and static accuracy by the linear SVM"
    return Listing(title, HEADER, [_row(model) for model in models])


def _row(model: Model) -> tuple[str, ...]:
    config, judged = model.pretrained.config, model.scores.linear
    return (
        model.card.name,
        config.data.source,
        model.features,
        f"{config.model.beta:g}",
        f"{model.pretrained.checkpoint.iteration:,} × {config.training.videos}",
        "" if judged is None else f"{judged.accuracies.d_score:.2f}",
        "" if judged is None else f"{judged.transfer:.3f}",
        f"{model.megabytes:.1f}",
    )
