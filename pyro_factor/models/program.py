"""Running a prior's program by itself, and how the algebra on it is done."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.nn import PyroModule
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from ..errors import InputError

Prior = Callable[..., Tensor]


def run_prior(
    prior: Prior, num_frames: int, values: Mapping[str, Tensor] | None = None
) -> tuple[Any, list[dict[str, Any]]]:
    """Run a prior by itself, apart from any handlers around it.

    Args:
        prior: The prior.
        num_frames: N.
        values: Values for its draws; those not given are drawn.

    Returns:
        What it returns, and its sample sites in order.
    """
    # a PyroModule's parameters are its own, though they pass as pyro.param statements too
    store = _module_local(prior) if isinstance(prior, PyroModule) else _NoStore()
    with poutine.block(), poutine.trace() as tracer, store, _Substitute(values or {}):
        h = prior(num_frames)
    return h, sample_sites(tracer.trace)


def sample_sites(trace: poutine.Trace) -> list[Any]:
    """The sites of a trace that sample or observe, in order."""
    nodes = trace.nodes.values()
    return [s for s in nodes if s["type"] == "sample" and not site_is_subsample(s)]


@contextmanager
def algebra() -> Iterator[None]:
    """Do exact algebra: in float64, with gradients, on the CPU, the random state left as it was.

    Pyro's validation stays on, so that a wrong scale or shape is named.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.device("cpu"),
            pyro.validation_enabled(True),
        ):
            yield
    finally:
        torch.set_default_dtype(dtype)


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


def _module_local(prior: PyroModule) -> AbstractContextManager:
    """Keep a PyroModule's parameters out of the global store, however it was made."""
    for module in prior.modules():
        # Pyro prepares for this setting only modules that are made with it
        if isinstance(module, PyroModule) and not hasattr(module._pyro_context, "param_state"):
            module._pyro_context.param_state = {"params": {}, "constraints": {}}
    return pyro.settings.context(module_local_params=True)


class _Substitute(poutine.messenger.Messenger):
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
