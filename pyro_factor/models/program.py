"""Running a prior's program by itself, and how the algebra on it is done."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.nn import PyroModule
from pyro.poutine.util import site_is_subsample
from torch import Tensor, nn

from ..errors import InputError
from .filled_in import FilledIn
from .kept_frames import KeptFrames
from .one_dtype import OneDtype

Prior = Callable[..., Tensor]
# From the values of its draws to what a program returns, and its sample sites in order.
Program = Callable[[Mapping[str, Tensor]], tuple[Tensor, list[dict[str, Any]]]]

CLIPS = "clips"  # the plate over clips that encloses a prior
OBSERVED = "x"  # the clips that a model observes
STEP = 1e-3  # of a parameter's own size


def run_prior(
    prior: Prior,
    num_frames: int,
    values: Mapping[str, Tensor] | None = None,
    clips: tuple[int, int] | None = None,
) -> tuple[Any, list[dict[str, Any]]]:
    """Run a prior as `trace_prior` does; return what it returns, and its sample sites in order."""
    h, trace = trace_prior(prior, num_frames, values, clips)
    return h, sample_sites(trace)


def trace_prior(
    prior: Prior,
    num_frames: int,
    values: Mapping[str, Tensor] | None = None,
    clips: tuple[int, int] | None = None,
) -> tuple[Any, poutine.Trace]:
    """Run a prior by itself, apart from any handlers around it.

    Args:
        prior: The prior.
        num_frames: N.
        values: Values for its draws; those not given are drawn.
        clips: Size and dim of a plate over clips to enclose it with.

    Returns:
        What it returns, and the trace.
    """
    # a PyroModule's parameters are its own, though they pass as pyro.param statements too
    store = module_local(prior) if isinstance(prior, PyroModule) else _NoStore()
    with ExitStack() as stack:
        stack.enter_context(_marks_kept())
        stack.enter_context(poutine.block())
        tracer = stack.enter_context(poutine.trace())
        stack.enter_context(store)
        stack.enter_context(Substitute(values or {}))
        if clips is not None:
            stack.enter_context(pyro.plate(CLIPS, clips[0], dim=clips[1]))
        h = prior(num_frames)
    return h, tracer.trace


@contextmanager
def _marks_kept() -> Iterator[None]:
    """Keep what Pyro's store writes on its parameters, and a context of their own takes off."""
    held = list(pyro.get_param_store()._params.values())
    marks = {each: each.unconstrained for each in held if hasattr(each, "unconstrained")}
    try:
        yield
    finally:
        for each, mark in marks.items():
            each.unconstrained = mark


def sample_sites(trace: poutine.Trace) -> list[Any]:
    """The sites of a trace that sample or observe, in order."""
    sites = [s for s in trace.nodes.values() if s["type"] == "sample"]
    return [
        s
        for s in sites
        if not site_is_subsample(s) and not (s["infer"] or {}).get("_deterministic")
    ]


def without_event(fn: Any) -> Any:
    """A distribution as it was before its event was declared."""
    while isinstance(fn, dist.Independent | torch.distributions.Independent):
        fn = fn.base_dist
    return fn


def merged(prior: Callable) -> functools.partial:
    """A prior as one `functools.partial`, whatever partials it is nested in.

    Python merges them itself, but for one that has been asked for its `__dict__`, as `isinstance`
    asks it for a protocol's sake.
    """
    if not isinstance(prior, functools.partial):
        return functools.partial(prior)
    inner = merged(prior.func)
    return functools.partial(inner, *prior.args, **prior.keywords)


def tensors_of(prior: Any) -> list[Tensor]:
    """The parameters and buffers a prior is made of: a module's, and those bound to it."""
    if isinstance(prior, KeptFrames):
        return tensors_of(prior.prior)
    if isinstance(prior, functools.partial):
        parts = [prior.func, *prior.args, *prior.keywords.values()]
        return [tensor for part in parts for tensor in tensors_of(part)]
    if isinstance(prior, nn.Module):
        return [*prior.parameters(), *prior.buffers()]
    return [prior] if isinstance(prior, Tensor) else []


@contextmanager
def moved(tensors: Sequence[Tensor]) -> Iterator[bool]:
    """Move those of some tensors that train a little off their values, and put them back.

    Yields:
        Whether there are any.
    """
    learned = {tensor: tensor.data for tensor in tensors if tensor.requires_grad}
    try:
        for tensor, value in learned.items():
            step = STEP * torch.randn(value.shape).to(value)
            tensor.data = value + step * torch.where(value == 0, 1.0, value.abs())
        yield bool(learned)
    finally:
        for tensor, value in learned.items():  # itself: a CUDA graph knows where it lies
            tensor.data = value


@contextmanager
def algebra(prior: Prior) -> Iterator[None]:
    """Do exact algebra on a prior: in float64, with gradients, the random state left as it was.

    It is done where the prior's own tensors are, on the CPU if it has none. Pyro's validation is
    on, so that a wrong scale or shape is named.
    """
    device = next((tensor.device for tensor in tensors_of(prior)), torch.device("cpu"))
    with (
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        torch.inference_mode(False),
        torch.enable_grad(),
        plain_numbers(torch.float64, device),
        pyro.validation_enabled(True),
    ):
        yield


@contextmanager
def plain_numbers(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Make numbers, and products with others, of one dtype on one device, without autocast."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    numbers = nullcontext() if device.type == "cpu" else FilledIn(device)
    try:
        with torch.autocast(device.type, enabled=False), device, numbers, OneDtype(dtype):
            yield
    finally:
        torch.set_default_dtype(previous)


@contextmanager
def explained(what: str, advice: str) -> Iterator[None]:
    """Turn whatever a user's prior raises into an InputError that says when it did."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise InputError(f"{what} ({cause}); {advice}") from error


def module_local(*parts: nn.Module) -> AbstractContextManager:
    """Keep PyroModules' parameters out of the global store, however they were made."""
    for module in (module for part in parts for module in part.modules()):
        # Pyro prepares for this setting only modules that are made with it
        if isinstance(module, PyroModule) and not hasattr(module._pyro_context, "param_state"):
            module._pyro_context.param_state = {"params": {}, "constraints": {}}
    return pyro.settings.context(module_local_params=True)


class Substitute(poutine.messenger.Messenger):
    """Give draws the values they are told."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values

    def _pyro_sample(self, msg: dict[str, Any]) -> None:
        if msg["name"] in self.values and not msg["is_observed"]:
            msg["value"] = self.values[msg["name"]]
            msg["done"] = True


class _NoStore(poutine.messenger.Messenger):
    """Refuse `pyro.param`: parameters belong to modules, not to a global store."""

    def _pyro_param(self, msg: dict[str, Any]) -> None:
        raise InputError(
            f"prior: its pyro.param {msg['name']!r} would live in Pyro's global parameter store; "
            "write the prior as a PyroModule with a PyroParam or an nn.Parameter"
        )
