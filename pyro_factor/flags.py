"""Flags of the command line, generated from the description of a run."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro
from pydantic.fields import FieldInfo
from tyro.constructors import PrimitiveConstructorSpec

from .config import DATASETS, Config, ModelConfig, Section, TrainingConfig, make_config
from .errors import InputError, require

# Flags that don't have their field's name; None where a field has no flag.
NAMES: dict[str, str | None] = {
    "source": "dataset",
    "root": "data_root",
    "num_frames": "frames",
    "split": None,
    "half_step": None,
    "prior_sha256": None,
    "networks": None,
}
ALIASES = {"data_root": ["--chairs-root"]}
DataRoot = Annotated[
    Path | None,
    tyro.conf.arg(
        help="Where the digits, chairs or clips are now, if not where they were in training.",
        aliases=ALIASES["data_root"],
    ),
]
DATA = tuple(dict.fromkeys(DATASETS.values()))


def describe(flags: Any) -> Config:
    """Turn parsed flags into the description of a run, errors named as the flags are.

    What there is no flag for is at its default.

    Raises:
        InputError: A value that is out of its range, or that the data set doesn't have.
    """
    kinds = _kinds(flags.dataset)
    sections = {
        section: {
            f: getattr(flags, flag) for f, flag in _named(kind).items() if hasattr(flags, flag)
        }
        for section, kind in kinds.items()
    }
    names = {f: _written(flag) for kind in kinds.values() for f, flag in _named(kind).items()}
    for flag, info in _fields(*DATA).items():
        default = info.get_default(call_default_factory=True)
        known = _written(flag) in names.values() or getattr(flags, flag) == default
        advice = f"the data set {flags.dataset} has no such setting; leave it out"
        require(known, _written(flag), getattr(flags, flag), advice)
    return make_config(**sections, names=names)


@contextmanager
def named_as_written(command: Any) -> Iterator[None]:
    """Name the argument that an error is about as the flag of a command is written."""
    try:
        yield
    except InputError as error:
        argument, got, rest = str(error).partition(": got ")
        flag = NAMES.get(argument, argument.replace("-", "_"))
        if got and flag in _optional(command):
            raise type(error)(f"{_written(flag)}{got}{rest}") from error
        raise


def _optional(command: Any) -> set[str]:
    """The flags of a command that are written with their name."""
    hints = get_type_hints(type(command), include_extras=True)
    marker = get_args(tyro.conf.Positional[int])[1]
    return {name for name, hint in hints.items() if marker not in get_args(hint)}


def values(config: Config) -> dict[str, Any]:
    """The values of the flags that describe a run."""
    return {
        flag: getattr(getattr(config, section), field)
        for section, kind in _kinds(config.data.source).items()
        for field, flag in _named(kind).items()
    }


def _kinds(dataset: str) -> dict[str, type[Section]]:
    """The description of each section, for a data set."""
    return {"data": DATASETS[dataset], "model": ModelConfig, "training": TrainingConfig}


def _written(flag: str) -> str:
    """A flag as users write it."""
    return "--" + flag.replace("_", "-")


def _named(kind: type[Section]) -> dict[str, str]:
    """Flags by field."""
    names = {field: NAMES.get(field, field) for field in kind.model_fields}
    return {field: flag for field, flag in names.items() if flag is not None}


def _fields(*kinds: type[Section]) -> dict[str, FieldInfo]:
    """Their fields by flag; what several have is described by the first."""
    found: dict[str, FieldInfo] = {}
    for kind in kinds:
        for field, flag in _named(kind).items():
            found.setdefault(flag, kind.model_fields[field])
    return found


def _type(flag: str, info: FieldInfo) -> Any:
    pairs = (KEY_VALUES,) if get_origin(info.annotation) is dict else ()
    kind = Literal[tuple(DATASETS)] if flag == NAMES["source"] else info.annotation
    # the constraints stay with the description, which words its errors for people
    aliases = ALIASES.get(flag)
    return Annotated[(kind, tyro.conf.arg(help=info.description, aliases=aliases), *pairs)]


def _default(info: FieldInfo) -> Any:
    return dataclasses.field(default_factory=lambda: info.get_default(call_default_factory=True))


def _parse_pairs(pairs: list[str]) -> dict[str, bool | int | float | str]:
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not (name and equals):
            raise ValueError(f"got {name!r}; write NAME=VALUE, for example static_scale=0.2")
    return {name: _parse_value(value) for name, _, value in split}


def _parse_value(text: str) -> bool | int | float | str:
    if text.lower() in {"true", "false"}:
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _format_pairs(pairs: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in pairs.items()]


KEY_VALUES = PrimitiveConstructorSpec(
    nargs="*",
    metavar="NAME=VALUE",
    instance_from_str=_parse_pairs,
    is_instance=lambda value: isinstance(value, dict),
    str_from_instance=_format_pairs,
)


def _flags(name: str, *kinds: type[Section]) -> type[Any]:
    """A dataclass with a flag for every field of some parts of a run's description."""
    fields = [(flag, _type(flag, info), _default(info)) for flag, info in _fields(*kinds).items()]
    return dataclasses.make_dataclass(name, fields, frozen=True, kw_only=True)


DataFlags = _flags("DataFlags", *DATA)
RunFlags = _flags("RunFlags", *DATA, ModelConfig, TrainingConfig)
