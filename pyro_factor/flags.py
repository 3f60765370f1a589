"""Flags of the command line, generated from the description of a run."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, get_origin

import tyro
from pydantic.fields import FieldInfo
from tyro.constructors import PrimitiveConstructorSpec

from .config import Config, DataConfig, ModelConfig, Section, TrainingConfig, make_config

SECTIONS: dict[str, type[Section]] = {
    "data": DataConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
}
# Flags that don't have their field's name; None where a field has no flag.
NAMES: dict[str, str | None] = {
    "source": "dataset",
    "root": "data_root",
    "num_frames": "frames",
    "split": None,
    "prior_sha256": None,
    "networks": None,
}


def describe(flags: Any) -> Config:
    """Turn parsed flags into the description of a run, errors named as the flags are.

    Raises:
        InputError: A value that is out of its range.
    """
    sections: dict[str, dict[str, Any]] = {
        section: {field: getattr(flags, flag) for field, flag in _named(section).items()}
        for section in SECTIONS
    }
    named = {f: n for section in SECTIONS for f, n in _named(section).items()}
    names = {field: "--" + flag.replace("_", "-") for field, flag in named.items()}
    return make_config(**sections, names=names)


def values(config: Config) -> dict[str, Any]:
    """The values of the flags that describe a run."""
    return {
        flag: getattr(getattr(config, section), field)
        for section in SECTIONS
        for field, flag in _named(section).items()
    }


def _named(section: str) -> dict[str, str]:
    """Flags by field."""
    names = {field: NAMES.get(field, field) for field in SECTIONS[section].model_fields}
    return {field: flag for field, flag in names.items() if flag is not None}


def _fields() -> list[tuple[str, Any, Any]]:
    return [
        (flag, _type(model.model_fields[field]), _default(model.model_fields[field]))
        for section, model in SECTIONS.items()
        for field, flag in _named(section).items()
    ]


def _type(info: FieldInfo) -> Any:
    pairs = (KEY_VALUES,) if get_origin(info.annotation) is dict else ()
    # the constraints stay with the description, which words its errors for people
    return Annotated[(info.annotation, tyro.conf.arg(help=info.description), *pairs)]


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

# A dataclass with a flag for every field of a run's description.
RunFlags = dataclasses.make_dataclass("RunFlags", _fields(), frozen=True, kw_only=True)
