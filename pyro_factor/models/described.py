"""The model that a configuration describes, with fresh weights or with saved ones."""

import inspect
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import Checkpoint, restore
from ..config import FROM_PYTHON, Config
from ..errors import InputError, require
from .hyperparameters import several
from .prior_reference import BUILT_IN, PriorReference, find_prior, refer_to
from .video_vae import Kind, VideoVAE


def build_vae(config: Config, kind: type[Kind] = VideoVAE) -> Kind:  # type: ignore[assignment]
    """Build the model that a configuration describes, with fresh weights.

    Args:
        config: The description.
        kind: The model's class.

    Raises:
        InputError: Its prior or networks were given from Python, or the prior can't be found.
    """
    model, data = config.model, config.data
    given = part_from_python(config)
    if given is not None:
        raise InputError(
            f"vae: this run's {given} came from Python and can't be found by name; build the "
            "model and pass it: load(folder, vae=...)"
        )
    prior = find_prior(model.prior, model.prior_args, model.prior_sha256)
    settings = model.model_dump(exclude={*PriorReference._fields, "networks"})
    try:
        return kind(prior, data.num_frames, image_shape=data.image_shape, **settings)
    except InputError:
        raise
    except Exception as error:  # whatever somebody's prior raises
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"prior: {model.prior} fails when it is run: {cause}") from error


def part_from_python(config: Config) -> str | None:
    """What of a model a configuration can't describe, "prior" or "networks"."""
    if config.model.prior == FROM_PYTHON:
        return "prior"
    return "networks" if config.model.networks == "custom" else None


def restored_vae(
    path: Path,
    config: Config,
    checkpoint: Checkpoint,
    vae: Kind | None = None,
    kind: type[Kind] = VideoVAE,  # type: ignore[assignment]
) -> Kind:
    """Give a model a checkpoint's weights.

    Args:
        path: The checkpoint's file, for errors.
        config: The model's description.
        checkpoint: Its weights.
        vae: The model; built from the description unless given.
        kind: The class of the one that is built.

    Returns:
        The model in evaluation mode.

    Raises:
        InputError: The model can't be built, the given one is of another description, or the
            weights are another's.
    """
    if vae is not None:
        _check_given(vae, config)
    with torch.random.fork_rng(devices=[]):  # fresh weights are overwritten
        vae = build_vae(config, kind) if vae is None else vae
    restore(vae, checkpoint.part("weights"), path)
    # in the memory layout of the training, so that codes are the same to the bit
    vae.to(memory_format=torch.channels_last)
    return vae.eval()


def _check_given(vae: VideoVAE, config: Config) -> None:
    """Raise unless a model is the described one, as far as names and numbers tell."""
    own, told = vae.settings, config.model.model_dump()
    for name in ("beta", "guide", "pixels", "pixel_scale"):
        require(own[name] == told[name], f"vae: its {name}", own[name], f"the run has {told[name]}")
    recorded = PriorReference(*(told[name] for name in PriorReference._fields))
    given = refer_to(vae.prior)
    if {given.prior, recorded.prior} <= BUILT_IN.keys():  # a file may have moved, or be mended
        ours, theirs = ((one.prior, _hyperparameters(one)) for one in (given, recorded))
        require(ours == theirs, "vae: its prior", ours, f"the run has {theirs}")


def _hyperparameters(reference: PriorReference) -> dict[str, Any]:
    """Those of a built-in prior, its defaults too; several numbers however they were written."""
    known = inspect.signature(BUILT_IN[reference.prior]).parameters.values()
    defaults = {each.name: each.default for each in known if each.default is not each.empty}
    return {
        name: several(name, value) if isinstance(value, str | tuple) else value
        for name, value in (defaults | reference.prior_args).items()
    }
