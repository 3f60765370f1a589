"""One typed description of a run: what RUN/config.json holds and the command line offers."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from .errors import InputError
from .files import write_text
from .sections import (
    DATASETS,
    ChairsConfig,
    ClipsConfig,
    DigitsConfig,
    ModelConfig,
    Section,
    TrainingConfig,
)

VERSION = 1
FROM_PYTHON = "(from Python)"  # a prior that no file can be read for again


class Config(Section):
    """A run: enough to build its model and data again and to go on training."""

    version: Literal[1]
    data: Annotated[DigitsConfig | ChairsConfig | ClipsConfig, Field(discriminator="source")]
    model: ModelConfig
    training: TrainingConfig


# Free to change when a run goes on: they don't alter what is computed.
FREE = {
    ("data", "root"),
    ("data", "labels"),
    ("training", "iterations"),
    ("training", "device"),
    ("training", "cuda_graph"),
    ("training", "checkpoint_every"),
    ("training", "keep"),
}


def make_config(
    data: dict[str, Any],
    model: dict[str, Any],
    training: dict[str, Any],
    names: Mapping[str, str] = MappingProxyType({}),
) -> Config:
    """Describe a run, with errors in the words of whoever gave the values.

    Args:
        data: `source`, a name in `DATASETS`, embedded unless given; its fields by name.
        model: Fields of `ModelConfig` by name.
        training: Fields of `TrainingConfig` by name.
        names: How the user knows a field, where it isn't the field's own name.

    Returns:
        The description.

    Raises:
        InputError: A value that is out of its range or of the wrong type.
    """
    try:
        described = {"version": VERSION, "data": {"source": "embedded"} | data}
        return Config.model_validate(described | {"model": model, "training": training})
    except ValidationError as error:
        (_, field, *_), given, advice = _first(error)
        raise InputError(f"{names.get(field, field)}: got {given}; {advice}") from None


def write_config(path: Path, config: Config) -> None:
    """Write a description as JSON, whole or not at all."""
    write_text(path, config.model_dump_json(indent=2) + "\n")


def read_config(path: Path) -> Config:
    """Read a description.

    Raises:
        InputError: No such file, or one that is damaged, foreign or of a newer version; it names
            the file and the key.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: no run's configuration here ({error.strerror})") from None
    return parse_config(text, path)


def parse_config(text: str | bytes, path: Path) -> Config:
    """Read a description from the text of a file.

    Raises:
        InputError: It is damaged, foreign or of a newer version; names the file and the key.
    """
    try:
        return Config.model_validate_json(text)
    except ValidationError as error:
        _refuse_newer(path, text)
        key, given, advice = _first(error)
        where = f"{path}: {'.'.join(key)}" if key else str(path)
        raise InputError(f"{where}: got {given}; {advice}") from None


def fingerprint(config: Config) -> str:
    """A checksum of all that determines a run's numbers; its checkpoint carries it."""
    # without defaults, so that a field that is new leaves the checksums of older runs alone
    described = config.model_dump(mode="json", exclude_defaults=True)
    for section, key in FREE:
        described[section].pop(key, None)
    if isinstance(config.data, ChairsConfig) and config.data.root is not None:
        described["data"]["root"] = "given"  # other chairs than the generated ones
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def first_difference(stored: Config, given: Config) -> str | None:
    """Name the first key, with both values, that keeps a run from going on as described."""
    for section in ("data", "model", "training"):
        ours, theirs = getattr(stored, section), getattr(given, section)
        held, asked = ours.model_dump(), theirs.model_dump()
        for key, a in held.items():
            b = asked[key]
            if a != b and ((section, key) not in FREE or _other_chairs(key, a, b, ours)):
                return f"{key}: the run has {a!r}, not {b!r}"
    if given.training.iterations < stored.training.iterations:
        a, b = stored.training.iterations, given.training.iterations
        return f"iterations: the run is to have {a}, which can grow but not shrink to {b}"
    return None


def _other_chairs(key: str, ours: Any, theirs: Any, data: Section) -> bool:
    """Whether chairs are generated for one run and read from a folder for the other."""
    return key == "root" and isinstance(data, ChairsConfig) and (ours is None) != (theirs is None)


def _first(error: ValidationError) -> tuple[list[str], str, str]:
    """Key, shortened value and advice of the first thing wrong."""
    errors = error.errors(include_url=False)
    # of a key that may have several types, what is wrong with the one it has
    same = [e for e in errors if e["loc"][:3] == errors[0]["loc"][:3]]
    first = min(same, key=lambda e: e["type"].endswith("_type"))
    loc, value, advice = list(first["loc"]), first["input"], first["msg"]
    if loc[:1] == ["data"] and len(loc) > 1:
        del loc[1]  # the source, by which pydantic chose among the data sets
    if first["type"] == "extra_forbidden":
        advice = "unknown key"
    elif first["type"].startswith("union_tag"):  # pydantic shows the section, not the key
        loc, value = [*loc, "source"], dict(value).get("source")
        advice = f"input should be one of {', '.join(DATASETS)}"
    given = repr(value)
    short = given if len(given) <= 80 else given[:77] + "..."
    # a key may be any text: on one line, without the quotes
    key = [repr(str(part)[:80])[1:-1] for part in loc]
    return key, short, advice[0].lower() + advice[1:]


def _refuse_newer(path: Path, text: str | bytes) -> None:
    try:
        version = json.loads(text)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{path}: version: got {version}, this pyro-factor reads {VERSION}; update"
        )
