"""One typed description of a run: what RUN/config.json holds and the command line offers."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import InputError
from .files import atomic

VERSION = 1
FROM_PYTHON = "(from Python)"  # a prior that no file can be read for again

Size = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A part of the description: typed strictly, immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(Section):
    """The arguments of `BouncingDigits`."""

    source: Literal["embedded", "mnist", "fashion-mnist", "kmnist"] = Field(
        default="embedded",
        description="Digits: scikit-learn's bundled ones, or torchvision's by name.",
    )
    root: str | None = Field(
        default=None,
        description="Folder of the digits, in torchvision's layout; downloads what is absent.",
    )
    split: Literal["train", "validation", "test"] = Field(
        default="train", description="Which digits."
    )
    num_frames: int = Field(default=16, gt=0, description="Frames in a video.")
    image_size: int = Field(default=64, ge=28, description="Height and width of a frame in pixels.")
    step: float = Field(
        default=0.1, gt=0, le=1, description="Step per frame, a part of the free range."
    )


class ModelConfig(Section):
    """The arguments of `VideoVAE`, the prior by reference."""

    prior: str = Field(
        default="factored",
        description="factored, slow, independent, of the gallery, or your own: FILE.py:FUNCTION.",
    )
    prior_args: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Hyperparameters of the prior: static=4 static_scale=0.2."
    )
    prior_sha256: str | None = Field(default=None, description="Checksum of the prior's file.")
    beta: float = Field(default=1.0, gt=0, description="Weight of the KL term (eq. 5).")
    guide: Literal["independent", "smoothing"] = Field(
        default="independent",
        description="A Normal for every frame (eq. 12), or these combined with the prior.",
    )
    channels: tuple[Size, ...] = Field(
        default=(16, 32, 64, 128),
        min_length=1,
        description="Channels of the encoder's layers (table 4).",
    )
    hidden: int = Field(
        default=256, gt=0, description="Units of the dense hidden layer (tables 4, 5)."
    )
    pixels: Literal["bernoulli", "gaussian"] = Field(
        default="bernoulli", description="Distribution of a pixel."
    )
    pixel_scale: float = Field(
        default=0.1, gt=0, description="Standard deviation of a Gaussian pixel."
    )
    networks: Literal["paper", "custom"] = Field(
        default="paper", description="Custom ones need vae=."
    )


class TrainingConfig(Section):
    """The optimiser and its schedule; the defaults are the paper's."""

    iterations: int = Field(default=30_000, gt=0, description="Steps of the optimiser.")
    videos: int = Field(default=64, gt=0, description="Videos in a batch.")
    elbo: Literal["analytic", "trace", "path", "antithetic", "sobol"] = Field(
        default="analytic", description="Estimator of the ELBO."
    )
    particles: int = Field(default=1, gt=0, description="Monte-Carlo samples for each gradient.")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="Adam's learning rate at the start."
    )
    decay: float = Field(default=0.1, gt=0, le=1, description="Factor on the learning rate ...")
    decay_every: int = Field(
        default=10_000, gt=0, description="... applied every so many iterations."
    )
    orthogonality: float = Field(
        default=0.0, ge=0, description="Weight of a penalty on the factors' correlations."
    )
    seed: int = Field(
        default=0, ge=0, lt=2**64, description="Seed of weights, clips and latent draws."
    )
    device: str = Field(default="auto", min_length=1, description="auto, cpu, cuda or cuda:N.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="bfloat16 autocast: auto uses it where the hardware has it."
    )
    deterministic: bool = Field(
        default=False, description="On a GPU, the same bits every time, more slowly."
    )
    checkpoint_every: int = Field(
        default=1_000, gt=0, description="Iterations between checkpoints."
    )
    log_every: int = Field(
        default=50, gt=0, description="Iterations that a row of metrics averages."
    )
    keep: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(), description="Iterations whose weights are kept: 0 10 100 1000."
    )


class Config(Section):
    """A run: enough to build its model and data again and to go on training."""

    version: Literal[1]
    data: DataConfig
    model: ModelConfig
    training: TrainingConfig


# Free to change when a run goes on: they don't alter what is computed.
FREE = {
    ("data", "root"),
    ("training", "iterations"),
    ("training", "device"),
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
        data: Fields of `DataConfig` by name.
        model: Fields of `ModelConfig` by name.
        training: Fields of `TrainingConfig` by name.
        names: How the user knows a field, where it isn't the field's own name.

    Returns:
        The description.

    Raises:
        InputError: A value that is out of its range or of the wrong type.
    """
    try:
        return Config.model_validate(
            {"version": VERSION, "data": data, "model": model, "training": training}
        )
    except ValidationError as error:
        (_, field, *_), given, advice = _first(error)
        raise InputError(f"{names.get(field, field)}: got {given}; {advice}") from None


def write_config(path: Path, config: Config) -> None:
    """Write a description as JSON, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")


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
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def first_difference(stored: Config, given: Config) -> str | None:
    """Name the first key, with both values, that keeps a run from going on as described."""
    for section in ("data", "model", "training"):
        ours, theirs = getattr(stored, section), getattr(given, section)
        for key in type(ours).model_fields:
            a, b = getattr(ours, key), getattr(theirs, key)
            if a != b and (section, key) not in FREE:
                return f"{key}: the run has {a!r}, not {b!r}"
    if given.training.iterations < stored.training.iterations:
        a, b = stored.training.iterations, given.training.iterations
        return f"iterations: the run is to have {a}, which can grow but not shrink to {b}"
    return None


def _first(error: ValidationError) -> tuple[list[str], str, str]:
    """Key, shortened value and advice of the first thing wrong."""
    errors = error.errors(include_url=False)
    # of a key that may have several types, what is wrong with the one it has
    same = [e for e in errors if e["loc"][:3] == errors[0]["loc"][:3]]
    first = min(same, key=lambda e: e["type"].endswith("_type"))
    given = repr(first["input"])
    advice = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
    short = given if len(given) <= 80 else given[:77] + "..."
    # a key may be any text: on one line, without the quotes
    key = [repr(str(part)[:80])[1:-1] for part in first["loc"]]
    return key, short, advice[0].lower() + advice[1:]


def _refuse_newer(path: Path, text: bytes) -> None:
    try:
        version = json.loads(text)["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"{path}: version: got {version}, this pyro-factor reads {VERSION}; update"
        )
