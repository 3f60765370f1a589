"""The exact Gaussian conditional of a prior's global draws, given the frames' draws."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from .copies import Copies
from .joint import Joint


@dataclass(frozen=True)
class GlobalConditional:
    """p(g | h) = N(offset - gain h, (scale_tril scale_trilᵀ)): global draws given the frames'.

    Args:
        offset: (G,), G the entries of all global draws.
        gain: (G, N·D).
        scale_tril: (G, G), in the order of the draws, so that it factors draw by draw.
    """

    offset: Float[Tensor, "globals"]
    gain: Float[Tensor, "globals entries"]
    scale_tril: Float[Tensor, "globals globals"]

    @property
    def precision(self) -> Float[Tensor, "globals"]:
        """Each entry's precision given all the others, in float64."""
        return torch.cholesky_inverse(self.scale_tril).diagonal()

    def loc(self, h: Float[Tensor, "*videos frames features"]) -> Float[Tensor, "*videos globals"]:
        """The conditional mean, in float64."""
        offset = self._copies.on(h.device, "offset", self.offset)
        gain = self._copies.on(h.device, "gain", self.gain)
        return offset - h.double().flatten(-2) @ gain.T

    def scale_tril_like(self, h: Tensor) -> Float[Tensor, "globals globals"]:
        """The Cholesky factor of the conditional covariance, of the codes' dtype and device."""
        return self._copies.on(h.device, "scale_tril", self.scale_tril).to(h)

    @cached_property
    def _copies(self) -> Copies:
        return Copies()


def global_conditional(joint: Joint) -> GlobalConditional:
    """Return p(g | h), the exact conditional of the global draws given the frames' (section 3)."""
    frames, _ = joint.places()
    rows, globals_ = joint.globals()
    # z_g | z_f ~ N(P_gg⁻¹ (b_g - P_gf z_f), P_gg⁻¹)
    covariance = torch.cholesky_inverse(torch.linalg.cholesky(rows[:, globals_]))
    return GlobalConditional(
        offset=covariance @ joint.linear[globals_],
        gain=covariance @ rows[:, frames],
        scale_tril=torch.linalg.cholesky(covariance),
    )
