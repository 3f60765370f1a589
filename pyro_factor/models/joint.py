"""The joint density of all draws of a linear-Gaussian prior, read off a Pyro trace.

If every draw is Gaussian with a mean affine in earlier draws and a scale that depends on none, then
all draws z are jointly Gaussian and h is affine in z (design, section 3):

    log p(z) = c + bᵀz - ½ zᵀPz,        h = Az + a.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .layout import Layout
from .linearity import split
from .program import Prior, run_prior


class Joint:
    """log p(z) of all draws of a linear-Gaussian prior: c + bᵀz - ½ zᵀPz. Use inside `algebra`.

    Args:
        prior: A prior that is known to be linear-Gaussian.
        layout: Its layout.
    """

    def __init__(self, prior: Prior, layout: Layout) -> None:
        self.layout = layout
        size = sum(draw.shape.numel() for draw in layout.draws)
        constant, h = _log_joint(prior, layout, torch.zeros(size))
        self.learned = constant.requires_grad or h.requires_grad
        self._z = torch.zeros(size, requires_grad=True)
        log_prob, self._h = _log_joint(prior, layout, self._z)
        (self._gradient,) = torch.autograd.grad(log_prob, self._z, create_graph=True)
        self.constant = self._keep(log_prob)
        self.linear = self._keep(self._gradient)

    def precision(self, rows: Tensor) -> Float[Tensor, "rows draws"]:
        """Return some rows of P: minus the Hessian of log p(z)."""
        return -self._jacobian(self._gradient, rows)

    def affine(self) -> tuple[Float[Tensor, "entries draws"], Float[Tensor, "entries"]]:
        """Return A and a of h = Az + a."""
        h = self._h.flatten()
        return self._jacobian(h, torch.arange(len(h))), self._keep(h)

    def places(self) -> tuple[Tensor, Tensor]:
        """Where z holds the entries of h, in their order, and the global draws' entries."""
        sizes = [draw.shape.numel() for draw in self.layout.draws]
        spots = torch.arange(sum(sizes)).split(sizes)
        frames = torch.empty(self.layout.num_frames * self.layout.num_features, dtype=torch.long)
        for draw, spot in zip(self.layout.draws, spots, strict=True):
            if draw.index is not None:
                frames[draw.index.flatten()] = spot
        pairs = zip(self.layout.draws, spots, strict=True)
        return frames, torch.cat([torch.arange(0), *(s for d, s in pairs if d.index is None)])

    def _jacobian(self, outputs: Tensor, rows: Tensor) -> Tensor:
        (jacobian,) = torch.autograd.grad(
            outputs,
            self._z,
            torch.zeros(len(rows), len(outputs)).scatter_(1, rows.unsqueeze(1), 1.0),
            retain_graph=True,
            create_graph=self.learned,
            is_grads_batched=True,
        )
        return jacobian

    def _keep(self, value: Tensor) -> Tensor:
        return value if self.learned else value.detach()


def _log_joint(prior: Prior, layout: Layout, z: Tensor) -> tuple[Tensor, Tensor]:
    h, sites = run_prior(prior, layout.num_frames, split(z, layout))
    return torch.stack([s["fn"].log_prob(s["value"]).sum() for s in sites]).sum(), h
