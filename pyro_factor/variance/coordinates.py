"""From gradients in an encoder's outputs to gradients in its parameters, without moving them.

A gradient G in the outputs is JᵀG in the parameters, J the outputs' Jacobian. All that is asked of
gradients here are inner products, Gᵀ J Jᵀ G', so a root R of the kernel J Jᵀ = R Rᵀ does as well:
RᵀG has as many entries as there are outputs, however many parameters there are. It is computed once
for all estimators and draws.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

RANK_TOLERANCE = 1e-12  # of the largest eigenvalue: what is less is rounding
HEADS = {"loc": "loc head", "scale": "scale head"}
GROUPS = ("trunk", *HEADS.values())
CHUNK = 2**16  # parameters multiplied at a time


def group_of(name: str) -> str:
    """The group of an encoder's parameter: one of the heads, or the trunk."""
    return HEADS.get(name.partition(".")[0], "trunk")


def roots(
    encoder: nn.Module,
    images: Float[Tensor, "frames channels height width"],
    groups: tuple[str, ...] = GROUPS,
) -> dict[str, Float[Tensor, "outputs rank"]]:
    """Roots of the kernels of an encoder's parameter groups.

    Args:
        encoder: From images to loc and scale, (M, D) each; in evaluation mode, so that frames do
            not mix.
        images: The M frames.
        groups: Which groups.

    Returns:
        R with R Rᵀ = J Jᵀ, in float64, by group; rows are loc's entries, then scale's. Groups
        without parameters are left out.
    """
    named = {n: p for n, p in encoder.named_parameters() if group_of(n) in groups}
    jacobians = _jacobians(encoder, images, named)
    found = {}
    for group in groups:
        mine = [rows for name, rows in jacobians.items() if group_of(name) == group]
        if mine:
            found[group] = _root(sum(_kernel(rows) for rows in mine))  # type: ignore[arg-type]
    return found


def _jacobians(
    encoder: nn.Module, images: Tensor, named: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """The Jacobian of all outputs in each parameter, (2·M·D, entries), frame by frame."""
    rows: dict[str, list[list[Tensor]]] = {name: [[], []] for name in named}
    for image in images:
        for which, output in enumerate(encoder(image.unsqueeze(0))):
            for entry in output.flatten():
                found = torch.autograd.grad(
                    entry,
                    list(named.values()),
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
                for name, gradient in zip(named, found, strict=True):
                    rows[name][which].append(gradient.flatten())
    return {name: torch.stack([*loc, *scale]) for name, (loc, scale) in rows.items()}


def _kernel(jacobian: Tensor) -> Tensor:
    parts = [part @ part.T for part in jacobian.split(CHUNK, dim=1)]
    return torch.stack(parts).double().sum(0)


def _root(kernel: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(kernel)
    kept = values > RANK_TOLERANCE * values[-1]
    return vectors[:, kept] * values[kept].sqrt()
