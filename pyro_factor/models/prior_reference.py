"""Priors by name: a built-in one, or a function in a Python file."""

import copy
import functools
import hashlib
import importlib.util
import inspect
import sys
import weakref
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from ..config import FROM_PYTHON
from ..errors import InputError, require
from . import gallery, priors
from .program import explained, merged

PAPER = (priors.factored, priors.slow, priors.independent)
BUILT_IN: dict[str, Callable] = {prior.__name__: prior for prior in PAPER} | gallery.PRIORS


# what `find_prior` has found, so that `refer_to` need not find out again; some have no hash
_FOUND: dict[int, tuple[weakref.ref[Callable], "PriorReference"]] = {}


class PriorReference(NamedTuple):
    """How a run folder records a prior: reference, hyperparameters, checksum of its file."""

    prior: str
    prior_args: dict[str, bool | int | float | str]
    prior_sha256: str | None


def find_prior(reference: str, arguments: Mapping[str, Any], sha256: str | None = None) -> Callable:
    """Find a prior and bind its hyperparameters.

    Args:
        reference: A name of `BUILT_IN`, or `path/my_prior.py:my_prior`.
        arguments: Hyperparameters by keyword.
        sha256: The checksum that the file must have, if it is known.

    Returns:
        The prior, a function of the number of frames.

    Raises:
        InputError: No such prior, file or function; a file that fails to import or has changed;
            an unknown hyperparameter.
    """
    path, colon, name = reference.rpartition(":")
    if colon:
        prior = _bind(_own(_from_file(Path(path), name, sha256)), arguments)
        file = Path(path).resolve()
        checksum = _checksum(file.read_bytes())
        _FOUND[id(prior)] = (
            weakref.ref(prior),
            PriorReference(f"{file}:{name}", dict(arguments), checksum),
        )
        return prior
    known = ", ".join(BUILT_IN)
    advice = f"choose {known}, or name a function in a file: my_prior.py:my_prior"
    require(reference in BUILT_IN, "prior", reference, advice)
    return _bind(BUILT_IN[reference], arguments)


def refer_to(prior: Callable) -> PriorReference:
    """Record a prior so that `find_prior` finds it again, or as one that only Python holds."""
    held, reference = _FOUND.get(id(prior), (lambda: None, None))
    if held() is prior and reference is not None:
        return reference
    if type(prior) is gallery.LearnedFactored and prior.every == 1:
        return PriorReference("learned", prior.hyperparameters, None)
    bound = merged(prior)
    if bound.args:
        return PriorReference(FROM_PYTHON, {}, None)
    prior = bound.func
    name = getattr(prior, "__name__", "")
    built_in = BUILT_IN.get(name) is prior
    arguments = {key: _written(value, built_in) for key, value in bound.keywords.items()}
    plain = all(type(value) in {bool, int, float, str} for value in arguments.values())
    if plain and built_in:
        return PriorReference(name, arguments, None)
    path = _source(prior, name)
    if plain and path is not None:
        return PriorReference(f"{path}:{name}", arguments, _checksum(path.read_bytes()))
    return PriorReference(FROM_PYTHON, {}, None)


def _written(value: Any, built_in: bool) -> Any:
    """A hyperparameter as a run's folder holds it; a built-in prior reads several from a text."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    several = isinstance(value, tuple | list) and all(isinstance(each, Real) for each in value)
    return ",".join(repr(float(each)) for each in value) if several and built_in else value


def _source(prior: Callable, name: str) -> Path | None:
    """The file whose import gives this prior; a script may train when imported, so none for it."""
    module = sys.modules.get(getattr(prior, "__module__", ""))
    if module is None or module.__name__ == "__main__" or vars(module).get(name) is not prior:
        return None
    return None if module.__file__ is None else Path(module.__file__).resolve()


def _from_file(path: Path, name: str, sha256: str | None) -> Callable:
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a null byte
        reason = getattr(error, "strerror", error)
        raise InputError(f"prior: can't read the file {str(path)!r}: {reason}") from None
    if sha256 is not None and _checksum(source) != sha256:
        raise InputError(
            f"prior: {str(path)!r} has changed since the run was made; bring the file back, or "
            "pass the model: load(folder, vae=...)"
        )
    module = _import(path.resolve(), _checksum(source))
    functions = [
        n for n, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__
    ]
    prior = vars(module).get(name)
    advice = f"it has no such function; it has {', '.join(functions) or 'none'}"
    require(name in vars(module), "prior", f"{path}:{name}", advice)
    if not callable(prior):
        raise InputError(f"prior: got '{path}:{name}'; it is {prior!r}, so name a function")
    return prior


def _own(prior: Callable) -> Callable:
    """The prior, or a copy of a module that its file has made: each model trains one of its own."""
    return copy.deepcopy(prior) if isinstance(prior, nn.Module) else prior


def _import(path: Path, checksum: str) -> ModuleType:
    """Import a file under a name of its own, once for each content."""
    name = "prior_" + _checksum(f"{path} {checksum}".encode())[:16]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"prior: got {str(path)!r}; name a Python file: my_prior.py:my_prior")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        advice = "mend it, or pass a run's model: load(folder, vae=...)"
        raise InputError(f"prior: {str(path)!r} fails to import: {cause}; {advice}") from error
    return module


def _bind(prior: Callable, arguments: Mapping[str, Any]) -> Callable:
    made = isinstance(prior, type)  # a module's class, which is made with its hyperparameters
    try:
        after = 0 if made else 1  # after num_frames
        parameters = list(inspect.signature(prior).parameters.values())[after:]
    except (TypeError, ValueError):
        parameters = []
    free = any(p.kind is p.VAR_KEYWORD for p in parameters)
    known = [p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    for name in arguments:
        advice = f"the prior knows {', '.join(known) or 'no hyperparameters'}"
        require(free or name in known, "prior-args", name, advice)
    if made:
        with explained(f"prior: making {prior.__name__} failed", "mend it, or its hyperparameters"):
            return prior(**arguments)
    return functools.partial(prior, **arguments) if arguments else prior


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
