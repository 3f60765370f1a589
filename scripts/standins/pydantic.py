"""Models without validation: the script describes its runs itself."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

ConfigDict = dict
MISSING = object()


class ValidationError(ValueError):
    """Never raised here."""


class FieldInfo:
    """A field's default."""

    def __init__(
        self, default: Any = MISSING, default_factory: Callable[[], Any] | None = None, **_: Any
    ) -> None:
        self.default, self.default_factory = default, default_factory

    def value(self) -> Any:
        """The default."""
        return self.default if self.default_factory is None else self.default_factory()


Field = FieldInfo


@dataclass(frozen=True)
class BeforeValidator:
    """What is done to a value that is given."""

    change: Callable[[Any], Any]


@dataclass(frozen=True)
class PlainSerializer:
    """What is done to a value that is written."""

    change: Callable[[Any], Any]


class BaseModel:
    """Fields by annotation, with defaults; nested models from nested dictionaries."""

    model_fields: dict[str, Any]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        names = [name for name in hints if name not in {"model_config", "model_fields"}]
        cls.model_fields = {name: (hints[name], getattr(cls, name, MISSING)) for name in names}

    def __init__(self, **given: Any) -> None:
        for name, (kind, info) in self.model_fields.items():
            value = given[name] if name in given else info.value()
            if isinstance(value, dict):
                model = _model(kind, value)
                value = value if model is None else model(**value)
            value = _changed(kind, BeforeValidator, value)
            vars(self)[name] = tuple(value) if isinstance(value, list) else value

    @classmethod
    def model_validate(cls, given: dict[str, Any]) -> "BaseModel":
        return cls(**given)

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> "BaseModel":
        return cls(**json.loads(text))

    def model_dump(
        self,
        mode: str = "python",
        exclude_defaults: bool = False,
        exclude: Collection[str] = frozenset(),
    ) -> dict[str, Any]:
        dumped = {
            k: v.model_dump(exclude_defaults=exclude_defaults)
            if isinstance(v, BaseModel)
            else _changed(self.model_fields[k][0], PlainSerializer, v)
            for k, v in vars(self).items()
            if k not in exclude and not (exclude_defaults and self._is_default(k, v))
        }
        return json.loads(json.dumps(dumped)) if mode == "json" else dumped

    def _is_default(self, name: str, value: Any) -> bool:
        info = self.model_fields[name][1]
        return isinstance(info, FieldInfo) and info.value() == value

    def model_dump_json(self, indent: int | None = None) -> str:
        return json.dumps(self.model_dump(), indent=indent)


def _changed(kind: Any, how: type, value: Any) -> Any:
    """A value as the notes of its field's type have it."""
    for note in getattr(kind, "__metadata__", ()):
        value = note.change(value) if isinstance(note, how) else value
    return value


def _model(kind: Any, value: dict[str, Any]) -> type[BaseModel] | None:
    """The model that a field's type names: of several, the one that has the value's source."""
    if isinstance(kind, type):
        return kind if issubclass(kind, BaseModel) else None
    named = (_model(each, value) for each in get_args(kind))
    models = [model for model in named if model is not None]
    if len(models) < 2:
        return next(iter(models), None)
    return next(m for m in models if value["source"] in get_args(m.model_fields["source"][0]))
