"""What a trained model's file says of it; everything that is shown of it is read from there."""

from dataclasses import dataclass

from pydantic import Field

from ..errors import InputError
from ..evaluation.results import Scores
from ..models.pretrained import Pretrained, read_pretrained
from ..sections import Section


class Origin(Section):
    """What trained a model, where a ledger says so.

    Args:
        commit: The checkout's commit.
        device: The machine's part that computed, and in which precision.
        versions: Of Python and of the libraries that compute.
        finished: When, in UTC.
    """

    commit: str | None = None
    device: str | None = None
    versions: dict[str, str | None] = Field(default_factory=dict)
    finished: str | None = None


class Rounding(Section):
    """How far half precision moves a model, on clips of the test part.

    Args:
        kept: The tensors that stayed as they were.
        clips: The number of clips.
        codes: The guide's means: the largest change, in the guide's standard deviations.
        codes_rms: The same, root mean square.
        pixels: The largest change of a decoded pixel, which lies in [0, 1].
        elbo: The change of the ELBO at β = 1, in nats per video, with the same draws.
    """

    kept: tuple[str, ...]
    clips: int
    codes: float
    codes_rms: float
    pixels: float
    elbo: float


class Card(Section):
    """A model's card, but for its configuration and scores, which are beside it.

    Args:
        name: The model's name.
        origin: What trained it.
        rounding: How far half precision moves it.
    """

    name: str
    origin: Origin
    rounding: Rounding


@dataclass(frozen=True)
class Model:
    """A trained model with all that its file says of it.

    Args:
        pretrained: Weights and configuration.
        scores: Its scores before rounding.
        card: The rest.
    """

    pretrained: Pretrained
    scores: Scores
    card: Card

    @property
    def features(self) -> str:
        """Static and temporal features, "2+2", or of all together."""
        sizes = [len(part) for part in self.scores.split or ()]
        return "+".join(map(str, sizes)) if self.scores.own_split else str(sum(sizes))

    @property
    def megabytes(self) -> float:
        """The size of the file."""
        return self.pretrained.path.stat().st_size / 1e6


def read_model(name: str) -> Model:
    """Read a trained model that comes with the package, with its card.

    Raises:
        InputError: There is no such model; or its file is damaged, foreign or altered.
    """
    found = read_pretrained(name)
    about = found.checkpoint.about
    try:
        scores, card = Scores.parse(about["scores"]), Card.model_validate_json(about["card"])
    except (KeyError, ValueError):
        raise InputError(f"{found.path}: it has no card; install the package anew") from None
    return Model(found, scores, card)
