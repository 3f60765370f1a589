"""A model's card as a page of Markdown, rendered from what its file says."""

from collections.abc import Iterator

from ..evaluation.tables import markdown, score_listings
from ..reproduction.schedules import SCHEDULES
from ..shareable import entries
from .card import Model, Rounding
from .sources import SOURCES

NOT_RECORDED = "not recorded"


def render(model: Model) -> str:
    """The card, readable as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pyro_factor.pretrained", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    config = model.pretrained.config
    return environment.get_template("card.md").render(
        name=model.card.name,
        features=model.features,
        config=config,
        data=SOURCES[config.data.source],
        notes=list(_notes(model)),
        trained=markdown(("setting", "value"), [*_trained(model), *entries(config)]),
        tables=[(t.title, markdown(t.header, t.rows)) for t in score_listings(model.scores)],
        rounding=model.card.rounding,
        moved=markdown(("moved by rounding", "by"), _moved(model.card.rounding)),
    )


def _notes(model: Model) -> Iterator[str]:
    """What to know of the schedule beside the paper's."""
    paper, ours = SCHEDULES["paper"], model.pretrained.config.training
    done = model.pretrained.checkpoint.iteration
    if done * ours.videos < paper.iterations * paper.videos:
        yield (
            f"A short training: {done:,} iterations of {ours.videos} clips, where the paper has "
            f"{paper.iterations:,} of {paper.videos}."
        )


def _trained(model: Model) -> list[tuple[str, str]]:
    checkpoint, origin = model.pretrained.checkpoint, model.card.origin
    return [
        ("iterations", f"{checkpoint.iteration:,}"),
        ("minutes", f"{checkpoint.seconds / 60:.0f}"),
        ("device", origin.device or NOT_RECORDED),
        ("commit", origin.commit or NOT_RECORDED),
        *((name, version or NOT_RECORDED) for name, version in origin.versions.items()),
        ("finished", origin.finished or NOT_RECORDED),
    ]


def _moved(rounding: Rounding) -> list[tuple[str, str]]:
    return [
        ("the guide's means at most, in its standard deviations", f"{rounding.codes:.2g}"),
        ("the same, root mean square", f"{rounding.codes_rms:.2g}"),
        ("decoded pixels, in [0, 1], at most", f"{rounding.pixels:.2g}"),
        ("the ELBO, nats per video, with the same draws", f"{rounding.elbo:+.2g}"),
    ]
