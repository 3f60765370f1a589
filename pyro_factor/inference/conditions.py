"""The conditions under which `AnalyticKL_ELBO` is valid, each checked, the site named."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine import Trace
from pyro.poutine.util import site_is_subsample
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

from ..models.errors import InvalidPairError
from ..models.linearity import check_program
from ..models.program import Substitute, without_event
from .terms import (
    JOINT,
    Sites,
    guide_sites,
    is_exact_conditional,
    latent_sites,
    normal_below,
)


def check_independent_normals(
    elbo: str, guide: Callable, args: tuple, kwargs: dict, *, jointly: bool = False
) -> None:
    """Raise unless a guide draws Normals whose parameters depend on no draw.

    The guide is run twice, with modules in evaluation mode and the random state kept, and the
    parameters are compared bit by bit.

    Args:
        elbo: Who asks, for the message.
        guide: The guide.
        args: What it is called on.
        kwargs: And by name.
        jointly: Whether draws from a Gaussian that the guide knows will do too.

    Raises:
        InvalidPairError: Names the site that depends on a draw or is not a Normal.
    """
    with evaluated(guide), torch.no_grad(), torch.random.fork_rng(), poutine.block():
        trace = poutine.trace(guide).get_trace(*args, **kwargs)
        with Substitute(_subsamples(trace)):
            again_trace = poutine.trace(guide).get_trace(*args, **kwargs)
    first, second = guide_sites(trace), guide_sites(again_trace)
    for name, site in first.items():
        if is_exact_conditional(site) or (jointly and JOINT in site["infer"]):
            continue
        again = second.get(name)
        ours, theirs = normal_of(name, site, elbo), normal_of(name, again, elbo) if again else ()
        pairs = zip(ours, theirs, strict=False)
        if again is None or not all(torch.equal(a, b) for a, b in pairs):
            raise InvalidPairError(
                f"{elbo}: the guide's site {name!r} has a loc or scale that depends on another "
                "draw; draw it independently, or use Trace_ELBO"
            )


def check_jointly_gaussian(model: Callable, guide: Callable, args: tuple, kwargs: dict) -> None:
    """Raise unless a model's latent draws are jointly Gaussian, and the guide draws them all.

    Raises:
        InvalidPairError: Names the draw that one of the two lacks, or that the guide draws from
            a conditional.
        NotGaussianPrior: Names the draw whose family, scale or mean is to blame.
    """
    with evaluated(model, guide), torch.no_grad(), torch.random.fork_rng(), poutine.block():
        drawn = guide_sites(poutine.trace(guide).get_trace(*args, **kwargs))
        trace = poutine.trace(model).get_trace(*args, **kwargs)
        check_names(latent_sites(trace), drawn)
        for name, site in drawn.items():
            if is_exact_conditional(site):
                raise InvalidPairError(
                    f"AnalyticKL_ELBO: the guide draws {name!r} from its exact conditional, which "
                    "only a model with a method expected_log_prior(normals, *args) integrates out; "
                    "draw it from a Normal, or use Trace_ELBO"
                )
        batch = _subsamples(trace)
        like = {name: site["value"] for name, site in latent_sites(trace).items()}

        def program(values: Mapping[str, Tensor]) -> tuple[Tensor, list[dict[str, Any]]]:
            given = {name: value.to(like[name]) for name, value in values.items()}
            # of what is observed, draws so large may make parameters that no distribution has
            unchecked = pyro.validation_enabled(False)
            with unchecked, poutine.trace() as tracer, Substitute(batch | given):
                model(*args, **kwargs)
            return torch.zeros(()), list(latent_sites(tracer.trace).values())

        check_program(program, {name: value.shape for name, value in like.items()}, "model")


def _subsamples(trace: Trace) -> dict[str, Any]:
    """What a run drew of its plates, so that another run takes the same."""
    return {name: site["value"] for name, site in trace.nodes.items() if site_is_subsample(site)}


def check_names(model: Sites, guide: Sites) -> None:
    """Raise unless model and guide draw the same sites."""
    for name in model.keys() - guide.keys():
        raise InvalidPairError(f"AnalyticKL_ELBO: the guide lacks the model's draw {name!r}")
    for name in guide.keys() - model.keys():
        raise InvalidPairError(f"AnalyticKL_ELBO: the model lacks the guide's draw {name!r}")


def check_masks(sites: Sites) -> None:
    """Raise if a draw is masked."""
    for name, site in sites.items():
        if site["mask"] is not None:
            raise InvalidPairError(
                f"AnalyticKL_ELBO: draw {name!r} is masked, and the KL of the whole has no part "
                "to leave out; draw only what is needed, or use Trace_ELBO"
            )


def normal_of(
    name: str, site: dict[str, Any], elbo: str = "AnalyticKL_ELBO"
) -> tuple[Tensor, Tensor]:
    """The loc and scale of a guide's draw, which must be a Normal."""
    normal = normal_below(site["fn"])
    if normal is None:
        family = type(without_event(site["fn"])).__name__
        raise InvalidPairError(
            f"{elbo}: the guide's site {name!r} is {family}; "
            "draw it from a Normal, or use Trace_ELBO"
        )
    return normal.loc, normal.scale


@contextmanager
def evaluated(*programs: Callable) -> Iterator[None]:
    """Put modules into evaluation mode, so that running them for a check changes nothing.

    Those that the programs are made of, and any others that are called within.
    """
    modes: dict[nn.Module, bool] = {}

    def pause(module: nn.Module, _: Any = None) -> None:
        modes.setdefault(module, module.training)
        module.training = False

    for program in programs:
        if isinstance(program, nn.Module):
            for module in program.modules():
                pause(module)
    handle = register_module_forward_pre_hook(pause)
    try:
        yield
    finally:
        handle.remove()
        for module, mode in modes.items():
            module.training = mode


class Rechecked:
    """An estimator that checks each pair once, and once more where it was saved and loaded."""

    def __getstate__(self) -> dict[str, Any]:
        # what was checked is known by weak references, which can't be saved
        return {k: v for k, v in self.__dict__.items() if k not in {"_checked", "_shapes"}}
