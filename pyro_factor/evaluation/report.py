"""One self-contained page on one or several runs, from the files in their folders."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Config, read_config
from ..errors import InputError, require
from ..files import write_text
from ..inference.metrics import read_rows
from ..inference.runs import config_path, metrics_path
from ..shareable import entries, prior_name
from .decoded import Decoded, decoded_listings, decoded_path
from .report_figures import curves_figure, d_scores_figure
from .results import Judgement, Scores, find_scores, scores_path
from .tables import Listing, score_listings

if TYPE_CHECKING:
    import matplotlib.figure

CAPTIONS = {
    "examples": "Test clips",
    "samples": "Clips drawn from the prior",
    "swap": "Codes drawn from the prior, and the same with static parts exchanged",
    "swap-clips": "Frames of test clips, decoded, and decoded with static parts exchanged",
    "identities": "The motion of one clip under the static codes of two",
    "static-interpolation": "From one static code to another, the temporal code held fixed",
    "temporal-interpolation": "From one temporal code to another, the static code held fixed",
    "interpolation": "One factor moves, the other stays: static above, temporal below",
    "reconstruction": "Clips, and the decoded means of the guide",
    "codes": "Codes of six test clips, factor by factor",
    "labels": "Codes of many frames, by what they are to tell and what they are not",
    "training": "The ELBO and its terms in training",
    "scores": "Accuracies of each part of the features on each label",
}
ELBO = "ELBO"
IMAGES = {".png": "image/png", ".gif": "image/gif"}


@dataclass(frozen=True)
class Record:
    """What a run folder holds.

    Args:
        name: The run's name on the page.
        folder: The run folder.
        config: Its description.
        rows: Rows of metrics, none if it wasn't trained.
        scores: Its scores, if it was evaluated.
        decoded: What decoded frames of it are worth, if that was judged.
    """

    name: str
    folder: Path
    config: Config
    rows: list[dict[str, Any]]
    scores: Scores | None
    decoded: Decoded | None = None

    def outgrown(self, what: str, iteration: int | None, command: str) -> list[str]:
        """What to say of measures of an iteration, if it is known to be before the last."""
        if iteration is None or not self.rows or iteration >= self.rows[-1]["iteration"]:
            return []
        told = f"{what} of iteration {iteration:,}, and the training went on"
        return [f"{told}: pyro-factor {command}"]


def write_report(
    folders: Sequence[str | Path], output: str | Path | None = None, *, title: str | None = None
) -> Path:
    """Write a page on runs: scores, curves, figures, animations, configuration.

    The page needs nothing beside it: images are in it, and there is no script.

    Args:
        folders: Run folders. What one lacks is left out, and the page says how to make it.
        output: The file; report.html in the run folder, or here for several runs, unless given.
        title: The page's title.

    Returns:
        The file written.

    Raises:
        InputError: No folder, one that holds no run, one given twice, or a damaged file.
    """
    given = [Path(folder) for folder in folders]
    require(bool(given), "runs", given, "name a run folder or more")
    twice = len({folder.resolve() for folder in given}) < len(given)
    require(not twice, "runs", [str(folder) for folder in given], "name each run once")
    records = [_read(*each) for each in zip(given, _names(given), strict=True)]
    path = Path(output) if output else (given[0] if len(given) == 1 else Path()) / "report.html"
    page = _render(records, title or " and ".join(record.name for record in records))
    write_text(path, page)
    return path


def compare(records: Sequence[Record]) -> Listing:
    """The runs side by side, the best of each column marked."""
    header = ("run", "prior", "β", "features", "iterations", *MEASURES)
    measured = {name: _marked(name, records) for name in MEASURES}
    rows = [
        (*_described(record), *(column[number] for column in measured.values()))
        for number, record in enumerate(records)
    ]
    return Listing("Runs side by side (★: the best of a column)", header, rows)


def _judged(
    classifier: str, read: Callable[[Judgement], float]
) -> Callable[[Scores], float | None]:
    """Read a judgement, where there is one."""

    def found(scores: Scores) -> float | None:
        return read(scores.judged[classifier]) if classifier in scores.judged else None

    return found


# What the runs are compared by: how to read it, and its digits.
MEASURES: dict[str, tuple[Callable[[Scores], float | None], int]] = {
    "D, linear": (_judged("linear", lambda one: one.accuracies.d_score), 2),
    "D, RBF": (_judged("rbf", lambda one: one.accuracies.d_score), 2),
    "static transfer": (_judged("linear", lambda one: one.transfer), 3),
    "temporal → temporal": (_judged("linear", lambda one: one.accuracies.temporal_temporal), 3),
    ELBO: (lambda scores: scores.elbo, 1),
}


def _marked(name: str, records: Sequence[Record]) -> list[str]:
    read, digits = MEASURES[name]
    values = [read(record.scores) if record.scores else None for record in records]
    known = [value for value in values if value is not None]
    # nats of a frame aren't held against those of a clip, nor clips of some kind against others'
    asked = {_asked(record.config, record.scores, name) for record in records if record.scores}
    stars = {max(known)} if len(known) > 1 and len(asked) == 1 else set()
    return [
        "" if value is None else f"{value:.{digits}f}{' ★' if value in stars else ''}"
        for value in values
    ]


def _asked(config: Config, scores: Scores, measure: str) -> str:
    """What a measure is of: runs of which this differs can't be held against each other."""
    data = config.data.model_dump(exclude={"split", "num_frames"})
    density = {"pixels", "pixel_scale"} if measure == ELBO else set()
    pixels = config.model.model_dump(include=density)
    return str((data, pixels, scores.other_data, scores.task, scores.num_frames))


def _described(record: Record) -> tuple[str, ...]:
    model, scores = record.config.model, record.scores
    features = str(sum(map(len, scores.split))) if scores and scores.split else ""
    iterations = f"{record.rows[-1]['iteration']:,}" if record.rows else ""
    return (record.name, prior_name(record.config), f"{model.beta:g}", features, iterations)


def _names(folders: Sequence[Path]) -> list[str]:
    """What to call each: its folder's name, with as much of the path before it as it takes."""
    paths, depth = [folder.resolve() for folder in folders], 1
    while True:
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
        depth += 1


def _read(folder: Path, name: str) -> Record:
    if not config_path(folder).exists():
        raise InputError(f"runs: got {str(folder)!r}; it holds no config.json; name a run folder")
    config = read_config(config_path(folder))
    path = _scores_path(folder, config)
    scores = Scores.read(path) if path.exists() else None
    judged = decoded_path(path)
    decoded = Decoded.read(judged) if judged.exists() else None
    return Record(name, folder, config, read_rows(metrics_path(folder)), scores, decoded)


def _scores_path(folder: Path, config: Config) -> Path:
    """Its scores: for a model of single frames, those of clips."""
    return find_scores(folder, own_first=config.data.num_frames > 1) or scores_path(folder)


def _render(records: Sequence[Record], title: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pyro_factor.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    several = len(records) > 1
    return environment.get_template("report.html").render(
        title=title,
        comparison=compare(records) if several else None,
        overview=_overview(records),
        runs=[_section(record) for record in records],
    )


def _overview(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Figures of all runs, as pairs of a caption and a data URI."""
    curves = {record.name: record.rows for record in records if record.rows}
    frames = {record.name: record.config.data.num_frames for record in records}
    scores = {r.name: r.scores for r in records if r.scores and r.scores.judged}
    found = []
    if curves:
        # the paper's VAE sees a frame where others see a clip
        unit = "video" if len(set(frames.values())) == 1 else "frame"
        figure = curves_figure(curves, None if unit == "video" else frames)
        found.append((f"The ELBO in training, nats per {unit}", _embedded(figure)))
    if scores:
        found.append(("D-scores and their ceilings", _embedded(d_scores_figure(scores))))
    return found


def _section(record: Record) -> dict[str, Any]:
    folder, missing = record.folder, []
    if record.scores is None:
        missing.append(f"No scores yet: pyro-factor evaluate {folder}")
    else:
        scored = record.scores.iteration
        missing += record.outgrown("The scores are", scored, f"evaluate {folder}")
    if record.decoded is not None:
        judged, command = record.decoded.iteration, f"evaluate {folder} --images"
        missing += record.outgrown("What a judge tells is", judged, command)
    images = _images(folder / "figures")
    if not images:
        missing.append(f"No figures yet: pyro-factor figures {folder}")
    return {
        "name": record.name,
        "listings": _listings(record),
        "images": images + _images(folder / "posterior"),
        "missing": missing,
        "config": entries(record.config),
    }


def _listings(record: Record) -> list[Listing]:
    found = score_listings(record.scores) if record.scores else []
    return found + (decoded_listings(record.decoded) if record.decoded else [])


def _images(folder: Path) -> list[tuple[str, str]]:
    """Captions and data URIs of a folder's pictures, the known ones first and in order."""
    order = list(CAPTIONS)
    paths = [path for path in folder.glob("*") if path.suffix in IMAGES]
    paths.sort(
        key=lambda path: (
            order.index(path.stem) if path.stem in order else len(order),
            path.name,
        )
    )
    return [(_caption(path), _uri(path.read_bytes(), IMAGES[path.suffix])) for path in paths]


def _caption(path: Path) -> str:
    known = CAPTIONS.get(path.stem, f"{path.parent.name}: {path.stem}")
    return f"{known} (moving)" if path.suffix == ".gif" else known


def _embedded(figure: "matplotlib.figure.Figure") -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _uri(buffer.getvalue(), "image/png")


def _uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
