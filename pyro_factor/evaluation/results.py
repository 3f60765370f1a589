"""What an evaluation found, and its file in the run folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..errors import InputError
from ..files import write_json
from .bootstrap import Interval
from .codes import Split
from .leakage import Leakage
from .metrics import Disentanglement
from .scores import Accuracies, Count, Fraction
from .single_label import Told

FRAMES = "labels of single frames"
Nats = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True)
class Judgement:
    """What one classifier finds in the codes, and its ceiling: what it finds in the true factors.

    `transfer` is its test accuracy on the static label, from the static features of a model with
    a split of its own, and from all features of any other (tables 2 and 3 of the paper).
    `intervals` holds the 95% intervals of the accuracies, by their names, of `transfer` and of
    `d_score` (see `bootstrap`); `items` says how many digits, chairs or clips of one's own they are
    over, and is None where they are over videos, as in earlier versions; `split` is the split it
    judged. It and the intervals may be None there too; the split is then that of `Scores`.
    """

    accuracies: Accuracies
    ceiling: Accuracies
    transfer: Fraction
    intervals: dict[str, Interval] | None = None
    split: Split | None = None
    leakage: Leakage | None = None
    items: Count | None = None

    def record(self) -> dict[str, Any]:
        """The judgement as JSON holds it, each set of accuracies with its D-score."""
        sets = {
            name: asdict(one) | {"d_score": one.d_score}
            for name, one in (("accuracies", self.accuracies), ("ceiling", self.ceiling))
        }
        return asdict(self) | sets | {"split": self.split and self.split._asdict()}


@dataclass(frozen=True)
class Scores:
    """The scores of a run: accuracies in [0, 1], the ELBO and its terms in nats per video.

    `split` holds the columns of the static and of the temporal features; `own_split` says whether
    they are the model's own or the best found by the search with the linear classifier. `elbo` is
    at β = 1, the sum of `terms`, averaged over the evaluated clips. `metrics` are those of today
    (see `measure_disentanglement`), None where the codes or the clips are too few for them.

    `other_data` names the folder of clips that are other data than the model was trained on, and
    `iteration` the one whose weights were scored, None in earlier versions.

    `task` names what `linear` and `rbf` were asked (see `tasks`), `beside` holds what they say of
    the other tasks. Clips with one kind of label have `single_label` instead, and clips without
    any, or where the classifiers can't be asked, none of these; `split` is then the model's own, if
    it has one.
    """

    data_split: str
    num_frames: Count
    clips: Count
    seed: int
    own_split: bool
    elbo: Nats
    terms: dict[str, Nats]
    other_data: str | None = None
    iteration: Annotated[int, Field(ge=0)] | None = None
    split: Split | None = None
    linear: Judgement | None = None
    rbf: Judgement | None = None
    metrics: Disentanglement | None = None
    task: str = FRAMES
    beside: dict[str, dict[str, Judgement]] = field(default_factory=dict)
    single_label: dict[str, Told] = field(default_factory=dict)

    @property
    def clips_name(self) -> str:
        """Which clips were scored."""
        return f"{self.data_split} clips" + (f" of {self.other_data}" if self.other_data else "")

    @property
    def judged(self) -> dict[str, Judgement]:
        """The judgements by the name of each classifier; none without both labels."""
        found = {"linear": self.linear, "rbf": self.rbf}
        return {name: one for name, one in found.items() if one is not None}

    @property
    def d_score(self) -> float | None:
        """Eq. 19 with the linear classifier, as in the paper's text; None without labels."""
        return None if self.linear is None else self.linear.accuracies.d_score

    def write(self, path: Path) -> None:
        """Write the scores as JSON."""
        write_json(path, self.record())

    def record(self) -> dict[str, Any]:
        """The scores as JSON holds them, each set of accuracies with its D-score beside it."""
        judged = {name: one.record() for name, one in self.judged.items()}
        beside = {
            task: {name: one.record() for name, one in each.items()}
            for task, each in self.beside.items()
        }
        parts = {"split": self.split and self.split._asdict(), "beside": beside}
        found: dict[str, Any] = json.loads(json.dumps(asdict(self) | parts | judged))
        return found

    @classmethod
    def read(cls, path: Path) -> "Scores":
        """Read scores back from their JSON file.

        Raises:
            InputError: The file is damaged or foreign.
        """
        try:
            return cls.parse(path.read_bytes())
        except (OSError, ValueError):
            raise InputError(f"{path}: damaged; evaluate the run again") from None

    @classmethod
    def parse(cls, text: str | bytes) -> "Scores":
        """Read scores back from JSON.

        Raises:
            ValueError: It holds no scores.
        """
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_json(text, strict=True)


def scores_path(
    folder: Path,
    *,
    data_split: str = "test",
    num_frames: int | None = None,
    other_data: str | None = None,
) -> Path:
    """Where scores lie in a run folder: scores.json, or scores-32-frames.json.

    Args:
        folder: The run folder.
        data_split: The evaluated part of the data; any but "test" is named in the file name.
        num_frames: Number of frames, where it is not the number that the model was trained on.
        other_data: Name of other data than those the model was trained on.

    Returns:
        The path.
    """
    part = "" if data_split == "test" else f"-{data_split}"
    frames = "" if num_frames is None else f"-{num_frames}-frames"
    other = "" if other_data is None else f"-of-{other_data}"
    return folder / f"scores{other}{part}{frames}.json"


def find_scores(folder: Path, *, own_first: bool = True) -> Path | None:
    """The scores of a run's test clips: those of its own frames, else of the fewest others.

    Args:
        folder: The run folder.
        own_first: Whether those of its own frames come first, or last: a model of single frames
            says little of what moves in its own.

    Returns:
        The path; None where there are no scores.
    """
    own = scores_path(folder)
    others = sorted(folder.glob("scores-*-frames.json"), key=lambda path: (len(path.name), path))
    others = [path for path in others if path.stem.split("-")[1].isdigit()]
    kept = [own] if own.exists() else []
    return next(iter(kept + others if own_first else others + kept), None)
