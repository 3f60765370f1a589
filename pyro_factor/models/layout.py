"""Which draw of a prior is which entry of the per-frame code h.

A draw that appears in h as it is belongs to frames; any other draw is global. Entries are matched
by bit equality of their values over repeated runs: h has shape (N, D), and entry (n, d) of it is
number n·D + d.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from ..errors import InputError

Prior = Callable[..., Tensor]

CLIPS = "clips"  # the plate over clips that encloses a prior


class NotGaussianPrior(InputError):
    """The prior is not linear-Gaussian: its message names the draw."""


@dataclass(frozen=True)
class Draw:
    """One `pyro.sample` statement of a prior.

    Args:
        name: The site's name.
        shape: Its shape for one clip: its plates, then its event.
        event_dim: How many dimensions are the event's.
        plates: Its own vectorised plates, as (name, dim, size).
        index: For a draw of frames, the entry of h that each of its entries is; else None.
    """

    name: str
    shape: torch.Size
    event_dim: int
    plates: tuple[tuple[str, int, int], ...]
    index: Tensor | None = None


@dataclass(frozen=True)
class Layout:
    """The draws of a prior for N frames, and where each goes in h.

    Args:
        num_frames: N.
        num_features: D.
        plate_nesting: How many plate dimensions the prior itself uses.
        draws: Every draw, in the order of the program.
        direct: Whether h consists of whole draws, each entry once.
    """

    num_frames: int
    num_features: int
    plate_nesting: int
    draws: tuple[Draw, ...]
    direct: bool

    @cached_property
    def frame_draws(self) -> tuple[Draw, ...]:
        """The draws that h consists of."""
        return tuple(draw for draw in self.draws if draw.index is not None)

    @cached_property
    def global_draws(self) -> tuple[Draw, ...]:
        """Every other draw."""
        return tuple(draw for draw in self.draws if draw.index is None)

    @cached_property
    def factors(self) -> dict[str, list[int]]:
        """Columns of h by draw; draws `name_<i>` that hold the same columns form one `name`."""
        columns = {draw.name: self._columns(draw) for draw in self.frame_draws}
        stems: dict[str, list[list[int]]] = {}
        for name, held in columns.items():
            stems.setdefault(_stem(name), []).append(held)
        merged = {stem for stem, held in stems.items() if all(h == held[0] for h in held)}
        return {(_stem(n) if _stem(n) in merged else n): held for n, held in columns.items()}

    def single_site(self) -> "Layout":
        """The layout of a pair whose only latent site is `h`, distributed as the form itself."""
        shape = torch.Size((self.num_frames, self.num_features))
        draw = Draw("h", shape, 2, (), torch.arange(shape.numel()).reshape(shape))
        return Layout(*shape, 0, (draw,), direct=True)

    def _columns(self, draw: Draw) -> list[int]:
        assert draw.index is not None
        return sorted(set((draw.index.flatten() % self.num_features).tolist()))

    def take(self, h: Tensor, draw: Draw) -> Tensor:
        """Read a draw's entries off h, (*batch, N, D), in the shape it has under the plates."""
        assert draw.index is not None
        entries = h.flatten(-2)[..., draw.index.to(h.device)]
        return entries.reshape(*h.shape[:-2], *self.padded_shape(draw))

    def padded_shape(self, draw: Draw) -> torch.Size:
        """The shape of a draw with a dimension for each plate that the prior opens anywhere."""
        padding = self.plate_nesting + draw.event_dim - len(draw.shape)
        return torch.Size((1,) * padding + draw.shape)

    def stack(self, values: Mapping[str, Tensor]) -> Tensor:
        """Put the values of all draws of frames together: the inverse of `take`."""
        flat = []
        for draw in self.frame_draws:
            value = values[draw.name]
            flat.append(value.flatten(value.dim() - self.plate_nesting - draw.event_dim))
        h = torch.cat(flat, -1)[..., self._order.to(flat[0].device)]
        return h.unflatten(-1, (self.num_frames, self.num_features))

    @cached_property
    def _order(self) -> Tensor:
        """Where each entry of h is among the draws of frames, laid end to end."""
        indices = [draw.index.flatten() for draw in self.frame_draws if draw.index is not None]
        return torch.cat(indices).argsort()


def read_layout(prior: Prior, num_frames: int) -> Layout:
    """Run a prior and find out which of its draws belong to frames and which are global.

    Args:
        prior: A Pyro model function of the number of frames that returns h, (..., N, D).
        num_frames: N.

    Returns:
        The layout, also checked under a plate over clips.

    Raises:
        InputError: The prior fails, returns another shape, or isn't a generative program
            (it observes, masks, rescales or subsamples).
    """
    with algebra():
        h, sites = run_prior(prior, num_frames)
        _check_sites(sites)
        _check_shape(h, num_frames)
        nesting = max((-f.dim for s in sites for f in _plates(s)), default=0)
        places = _find(h, sites)
        # a second run tells a draw from a value that happened to be equal
        places[places != _find(*run_prior(prior, num_frames))] = -1
        layout = _layout(h, sites, places, nesting)
        _check_clips(prior, layout)
    return layout


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
    with poutine.block(), poutine.trace() as tracer, _NoStore(), _Substitute(values or {}):
        h = prior(num_frames)
    sites = [s for s in tracer.trace.nodes.values() if s["type"] == "sample"]
    return h, [s for s in sites if not site_is_subsample(s)]


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


def _plates(site: dict[str, Any]) -> list[Any]:
    return [f for f in site["cond_indep_stack"] if f.vectorized]


def _check_sites(sites: Sequence[dict[str, Any]]) -> None:
    for site in sites:
        name = site["name"]
        if site["is_observed"]:
            raise NotGaussianPrior(
                f"prior: site {name!r} is observed; a prior only draws, "
                "so take the observation or the factor out of it"
            )
        if site["mask"] is not None:
            raise NotGaussianPrior(f"prior: draw {name!r} is masked; draw only what is needed")
        if not isinstance(site["scale"], float) or site["scale"] != 1.0:
            raise NotGaussianPrior(
                f"prior: draw {name!r} is rescaled or subsampled; "
                "draw all of it once, and weigh the KL with VideoVAE(beta=...)"
            )


def _check_shape(h: Any, num_frames: int) -> None:
    shape = tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__
    good = isinstance(h, Tensor) and h.dim() == 2 and h.shape[0] == num_frames and h.shape[1] > 0
    if not good:
        raise InputError(
            f"prior: returned {shape} for num_frames={num_frames}; "
            f"return the per-frame code h, of shape (..., {num_frames}, features)"
        )


def _check_clips(prior: Prior, layout: Layout) -> None:
    """Run the prior as the model will, under a plate over clips left of its own plates."""
    num_clips = layout.num_frames + layout.num_features + 1  # no other size it could be taken for
    expected = (num_clips, layout.num_frames, layout.num_features)
    advice = (
        "count dimensions from the right (dim=-1), declare a draw's features with "
        ".to_event(...) or a plate, and leave the clips to the enclosing plate"
    )
    run = f"prior: run for {num_clips} clips of {layout.num_frames} frames"
    try:
        with poutine.block(), pyro.plate(CLIPS, num_clips, dim=-1 - layout.plate_nesting):
            shape = tuple(prior(layout.num_frames).shape)
    except (ValueError, RuntimeError, IndexError) as error:
        raise InputError(f"{run} it failed ({str(error).splitlines()[0]}); {advice}") from error
    if shape != expected:
        raise InputError(f"{run} it returned {shape}, not {expected}; {advice}")


def _find(h: Tensor, sites: Sequence[dict[str, Any]]) -> Tensor:
    """For every entry of h, which entry of the draws laid end to end it is; -1 for none."""
    if not sites:
        raise NotGaussianPrior("prior: it draws nothing; use pyro.sample")
    draws, order = torch.cat([s["value"].flatten().to(h.dtype) for s in sites]).sort()
    place = torch.searchsorted(draws, h.detach().flatten()).clamp(max=len(draws) - 1)
    return torch.where(draws[place] == h.flatten(), order[place], -1)


def _layout(h: Tensor, sites: list[dict[str, Any]], places: Tensor, nesting: int) -> Layout:
    sizes = [s["value"].numel() for s in sites]
    # how often each entry of the draws appears in h
    counts = torch.bincount(places[places >= 0], minlength=sum(sizes))
    used = [bool((count == 1).all()) for count in counts.split(sizes)]
    unused = [bool((count == 0).all()) for count in counts.split(sizes)]
    whole = all(a or b for a, b in zip(used, unused, strict=True))
    direct = bool((places >= 0).all()) and whole
    entry = torch.empty(sum(sizes), dtype=torch.long)
    entry[places[places >= 0]] = torch.arange(len(places))[places >= 0]
    draws = [
        _draw(site, index if direct and frames else None)
        for site, index, frames in zip(sites, entry.split(sizes), used, strict=True)
    ]
    return Layout(*h.shape, nesting, tuple(draws), direct)


def _draw(site: dict[str, Any], index: Tensor | None) -> Draw:
    shape = site["value"].shape
    return Draw(
        name=site["name"],
        shape=shape,
        event_dim=site["fn"].event_dim,
        plates=tuple((f.name, f.dim, f.size) for f in _plates(site)),
        index=None if index is None else index.reshape(shape),
    )


def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name)
