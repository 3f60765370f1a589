"""The joint density of all draws of a linear-Gaussian prior, read off its program.

If every draw is Gaussian with a mean affine in earlier draws and a scale that depends on none, then
all draws z are jointly Gaussian and h is affine in z:

    log p(z) = c + bᵀz - ½ zᵀPz,        h = Az + a,

so that the gradient at v tells the product Pv = b - ∇log p(v): no Hessian is formed. All products
asked for at once are one run of the program, each a clip of its own.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .layout import Layout
from .program import Prior, run_prior


class Joint:
    """log p(z) of all draws of a linear-Gaussian prior: c + bᵀz - ½ zᵀPz. Use inside `algebra`.

    Args:
        prior: A prior that is known to be linear-Gaussian.
        layout: Its layout.
    """

    def __init__(self, prior: Prior, layout: Layout) -> None:
        self.prior, self.layout = prior, layout
        self.size = sum(draw.shape.numel() for draw in layout.draws)
        zero = torch.zeros(1, self.size)
        h, log_prob = self._run(zero)
        self.learned = log_prob.requires_grad or h.requires_grad
        self.constant, self.linear = log_prob[0], self._gradient(zero)[0]

    def product(self, z: Float[Tensor, "vectors draws"]) -> Float[Tensor, "vectors draws"]:
        """Return P times each of some vectors."""
        return self.linear - self._gradient(z)

    def affine(self) -> tuple[Float[Tensor, "entries draws"], Float[Tensor, "entries"]]:
        """Return A and a of h = Az + a."""
        points = torch.cat([torch.zeros(1, self.size), torch.eye(self.size)])
        h = self._run(points)[0].flatten(1)
        return (h[1:] - h[0]).T, h[0]

    def globals(self) -> tuple[Float[Tensor, "globals draws"], Tensor]:
        """Return the rows of P of the global draws' entries, and the entries' numbers."""
        _, places = self.places()
        units = torch.zeros(len(places), self.size).scatter_(1, places[:, None], 1.0)
        return (self.product(units) if len(units) else units), places

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

    def _gradient(self, z: Tensor) -> Float[Tensor, "vectors draws"]:
        """The gradient of log p at each of some z."""
        z = z.detach().requires_grad_()
        log_prob = self._run(z)[1].sum()
        return torch.autograd.grad(log_prob, z, create_graph=self.learned)[0]

    def _run(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """h, (K, N, D), and log p, (K,), at K values of z."""
        draws, clips = self.layout.draws, (len(z), -1 - self.layout.plate_nesting)
        parts = z.split([draw.shape.numel() for draw in draws], -1)
        values = {
            draw.name: part.reshape(len(z), *self.layout.padded_shape(draw))
            for draw, part in zip(draws, parts, strict=True)
        }
        h, sites = run_prior(self.prior, self.layout.num_frames, values, clips)
        terms = [s["fn"].log_prob(s["value"]).reshape(len(z), -1).sum(-1) for s in sites]
        return h, torch.stack(terms).sum(0)
