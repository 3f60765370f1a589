"""Finding out a prior's layout, and that it is a generative program of the right shape.

Entries of draws and of h are matched by bit equality of their values over repeated runs.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from ..errors import InputError
from .errors import NotGaussianPrior
from .layout import Draw, Layout
from .program import Prior, algebra, explained, run_prior


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
    with algebra(prior):
        with explained(f"prior: run for {num_frames} frames it failed", "mend it"):
            h, sites = run_prior(prior, num_frames)
        _check_sites(sites)
        _check_code(h, num_frames)
        nesting = max((-f.dim for s in sites for f in _plates(s)), default=0)
        places = _find(h, sites)
        # a second run tells a draw from a value that happened to be equal
        places[places != _find(*run_prior(prior, num_frames))] = -1
        # and so does a parameter that h has besides its draws, such as a shift that is now zero
        values = {site["name"]: site["value"].detach() for site in sites}
        if run_prior(prior, num_frames, values)[0].requires_grad:
            places[:] = -1
        layout = _layout(h, sites, places, nesting)
        _check_clips(prior, layout)
    return layout


def _plates(site: dict[str, Any]) -> list[Any]:
    return [f for f in site["cond_indep_stack"] if f.vectorized]


def _check_sites(sites: Sequence[dict[str, Any]]) -> None:
    for site in sites:
        name = site["name"]
        if site["is_observed"]:
            if _is_determined(site["fn"]):  # as reparametrisers leave it
                raise NotGaussianPrior(
                    f"prior: draw {name!r} is reparametrised; write what it is made of yourself, "
                    "such as loc + scale * noise with a draw 'noise'"
                )
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


def _is_determined(fn: Any) -> bool:
    while isinstance(fn, dist.Independent | dist.MaskedDistribution):
        fn = fn.base_dist
    return isinstance(fn, dist.Delta)


def _check_code(h: Any, num_frames: int) -> None:
    shape = tuple(h.shape) if isinstance(h, Tensor) else type(h).__name__
    good = isinstance(h, Tensor) and h.dim() == 2 and h.shape[0] == num_frames and h.shape[1] > 0
    if not good:
        raise InputError(
            f"prior: returned {shape} for num_frames={num_frames}; "
            f"return the per-frame code h, of shape (..., {num_frames}, features)"
        )
    if not h.isfinite().all():
        raise InputError(f"prior: returned nan or inf for num_frames={num_frames}; mend it")


def _check_clips(prior: Prior, layout: Layout) -> None:
    """Run the prior as the model will, under a plate over clips left of its own plates."""
    sizes = {size for draw in layout.draws for size in draw.shape} | {layout.num_features}
    # a size that no other could be taken for
    num_clips = next(n for n in count(2) if n not in sizes | {layout.num_frames})
    expected = (num_clips, layout.num_frames, layout.num_features)
    advice = (
        "count dimensions from the right (dim=-1), declare a draw's features with "
        ".to_event(...) or a plate, and leave the clips to the enclosing plate"
    )
    run = f"prior: run for {num_clips} clips of {layout.num_frames} frames"
    clips = (num_clips, -1 - layout.plate_nesting)
    with explained(f"{run} it failed", advice):
        shape = tuple(run_prior(prior, layout.num_frames, clips=clips)[0].shape)
    if shape != expected:
        raise InputError(f"{run} it returned {shape}, not {expected}; {advice}")
    # the draws of one run, in every clip the same, must give that run's codes in every clip
    h, sites = run_prior(prior, layout.num_frames)
    drawn = {site["name"]: site["value"] for site in sites}
    if list(drawn) != [draw.name for draw in layout.draws]:
        return  # what it draws depends on a draw; whoever needs a Gaussian form will say so
    values = {d.name: drawn[d.name].reshape(layout.padded_shape(d)) for d in layout.draws}
    values = {name: value.expand(num_clips, *value.shape) for name, value in values.items()}
    repeatable = torch.equal(h, run_prior(prior, layout.num_frames, drawn)[0])
    codes, _ = run_prior(prior, layout.num_frames, values, clips)
    if repeatable and not torch.allclose(codes, h.expand(expected)):
        raise InputError(f"{run} it mixed them: equal draws gave other codes; {advice}")


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
    return Layout(h.shape[0], h.shape[1], nesting, tuple(draws), direct)


def _draw(site: dict[str, Any], index: Tensor | None) -> Draw:
    shape = site["value"].shape
    return Draw(
        name=site["name"],
        shape=shape,
        event_dim=site["fn"].event_dim,
        plates=tuple((f.name, f.dim, f.size) for f in _plates(site)),
        index=None if index is None else index.reshape(shape),
    )
