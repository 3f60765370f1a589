"""The Gaussian form of a prior: p(h) in closed form, global draws integrated out exactly.

    log p(h) = c + bᵀh - ½ hᵀPh

follows from the joint density of all draws by a Schur complement.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions.transforms import ReshapeTransform

from ..errors import require
from .closed_forms import entropy
from .errors import DegeneratePrior
from .joint import Joint
from .linearity import check_linear_gaussian, split
from .precision import Dense, Reader, Structure, read_dense, read_precision
from .program import Prior, algebra
from .read_layout import read_layout

RANK_TOLERANCE = 1e-10  # smallest over largest eigenvalue of a covariance that has full rank
INDEPENDENT = 1e-6  # largest correlation of factors that are independent but for rounding


@dataclass(frozen=True)
class GaussianForm:
    """log p(h) = c + bᵀh - ½ hᵀPh over the per-frame codes of one clip, with P = S - WᵀW.

    S is the precision of the frames' draws given the global ones, held in the smallest structure
    that it has: a band, for most. W carries what the global draws couple; it has a row for each of
    their entries. So the cost of an expectation is linear in N wherever S has a band.

    Args:
        constant: c, in nats.
        linear: b, (N, D).
        structure: S.
        coupling: W, (G, N, D).
    """

    constant: Float[Tensor, ""]
    linear: Float[Tensor, "frames features"]
    structure: Structure
    coupling: Float[Tensor, "globals frames features"]

    @cached_property
    @torch.inference_mode(False)  # it is kept, and gradients may flow through it later
    def loc(self) -> Float[Tensor, "frames features"]:
        """The mean, (N, D)."""
        if not self.learned and not self.linear.any():
            return self.linear
        factor = torch.linalg.cholesky(self.precision)
        return torch.cholesky_solve(self.linear.reshape(-1, 1), factor).reshape(self.linear.shape)

    @cached_property
    @torch.inference_mode(False)  # as in `loc`
    def precision(self) -> Float[Tensor, "entries entries"]:
        """P whole, (N·D, N·D), frame-major: entry (n, d) of h is number n·D + d."""
        coupling = self.coupling.flatten(1)
        precision = self.structure.dense() - coupling.T @ coupling
        return 0.5 * (precision + precision.T)

    @cached_property
    @torch.inference_mode(False)  # as in `loc`
    def covariance(self) -> Float[Tensor, "entries entries"]:
        """The covariance of the entries of h, (N·D, N·D), frame-major."""
        return torch.cholesky_inverse(torch.linalg.cholesky(self.precision))

    @cached_property
    @torch.inference_mode(False)  # as in `loc`
    def scale_tril(self) -> Float[Tensor, "entries entries"]:
        """The covariance's Cholesky factor, (N·D, N·D), frame-major."""
        return torch.linalg.cholesky(self.covariance)

    @property
    def learned(self) -> bool:
        """Whether the form depends on parameters, so that it changes as they train."""
        parts = (self.constant, self.linear, self.structure.diagonal(), self.coupling)
        return any(part.requires_grad for part in parts)

    def log_prob(self, h: Float[Tensor, "*videos frames features"]) -> Float[Tensor, "*videos"]:
        """Return log p(h), in nats, one per video."""
        return self.expected_log_prob(h, torch.zeros_like(h))

    def expected_log_prob(
        self,
        loc: Float[Tensor, "*videos frames features"],
        scale: Float[Tensor, "*videos frames features"],
    ) -> Float[Tensor, "*videos"]:
        """Return E_q[log p(h)] for q = ∏ N(loc, scale²), in nats, one per video.

        Computed in float64, since a small scale in the prior makes large terms that cancel.

        Raises:
            InputError: `loc` is of other frames or features than the form, or `scale` than `loc`.
        """
        given, own = tuple(loc.shape[-2:]), tuple(self.linear.shape)
        require(given == own, "loc", given, f"give codes of {own}, frames and features of the form")
        shapes = tuple(scale.shape), tuple(loc.shape)
        require(shapes[0] == shapes[1], "scale", shapes[0], f"give {shapes[1]}, one for each mean")
        require(loc.is_floating_point(), "loc", loc.dtype, "give floats")
        form, mean, variance = self.to(loc.device), loc.double(), scale.double().square()
        coupled = torch.einsum("gnd,...nd->...g", form.coupling, mean)
        diagonal = form.structure.diagonal() - form.coupling.square().sum(0)
        # c + bᵀμ - ½ μᵀPμ - ½ Σ_j P_jj σ_j²
        linear = (form.linear * mean).sum((-2, -1))
        quadratic = (mean * (form.structure @ mean)).sum((-2, -1)) - coupled.square().sum(-1)
        spread = (diagonal * variance).sum((-2, -1))
        return (form.constant + linear - 0.5 * (quadratic + spread)).to(loc.dtype)

    def expected_log_prob_jointly(
        self,
        loc: Float[Tensor, "*videos frames features"],
        covariance: Float[Tensor, "*videos entries entries"],
    ) -> Float[Tensor, "*videos"]:
        """Return E_q[log p(h)] for a joint Gaussian q = N(loc, covariance), in nats, one per video.

        Args:
            loc: (..., N, D).
            covariance: (..., N·D, N·D), frame-major.
        """
        # c + bᵀμ - ½ μᵀPμ - ½ tr PΣ
        trace = (self.to(loc.device).precision * covariance).sum((-2, -1))
        return self.log_prob(loc) - 0.5 * trace

    def kl(
        self,
        loc: Float[Tensor, "*videos frames features"],
        scale: Float[Tensor, "*videos frames features"],
    ) -> Float[Tensor, "*videos"]:
        """Return KL(∏ N(loc, scale²) ‖ p), in nats, one per video (eq. 13)."""
        return -self.expected_log_prob(loc, scale) - entropy(scale)

    def distribution(self, like: Tensor) -> TorchDistributionMixin:
        """Return p(h) as a distribution over (N, D), in the dtype and on the device of `like`."""
        loc, scale_tril = (self._on(like.device, name).to(like) for name in ("loc", "scale_tril"))
        normal = dist.MultivariateNormal(loc.flatten(), scale_tril=scale_tril)
        shape = ReshapeTransform(loc.flatten().shape, loc.shape)
        return dist.TransformedDistribution(normal, [shape])

    def to(self, device: torch.device) -> "GaussianForm":
        """The same on another device."""
        if device == self.linear.device:
            return self
        names = ("constant", "linear", "structure", "coupling")
        return GaussianForm(**{name: self._on(device, name) for name in names})

    def _on(self, device: torch.device, name: str) -> Any:
        """A part on a device; it is copied there once, or each time it may have been learned."""
        part = getattr(self, name)
        if self.learned or device == self.linear.device:
            return part.to(device)
        if (name, device) not in self._copies:
            with torch.inference_mode(False):  # as in `loc`
                self._copies[name, device] = part.to(device)
        return self._copies[name, device]

    @cached_property
    def _copies(self) -> dict[tuple[str, torch.device], Any]:
        """Parts by name and device: a copy from the CPU waits for all that a GPU has yet to do."""
        return {}


def gaussian_form(prior: Prior, num_frames: int) -> GaussianForm:
    """Read the Gaussian form of a prior off its program.

    Args:
        prior: A Pyro model function of the number of frames that returns h, (..., N, D).
        num_frames: N.

    Returns:
        p(h) with the global draws integrated out, in float64; differentiable in any parameters
        that the prior's means and scales are made of.

    Raises:
        NotGaussianPrior: A draw is not Gaussian, or a mean, a scale or h rules it out; named.
        DegeneratePrior: p(h) has no density.
        InputError: The prior fails or returns another shape.
    """
    layout = read_layout(prior, num_frames)
    with algebra(prior):
        check_linear_gaussian(prior, layout)
        return marginal_form(Joint(prior, layout))[0]


def forms_by_factor(
    form: GaussianForm, factors: Mapping[str, Sequence[int]]
) -> dict[str, GaussianForm]:
    """Take a form apart, p(h) = ∏ p(h_f), where its factors are independent.

    Args:
        form: p(h).
        factors: The columns of h by factor.

    Returns:
        p(h_f) by factor, of those columns alone; empty where factors are correlated or share some.
    """
    frames, features = form.loc.shape
    if sorted(j for columns in factors.values() for j in columns) != list(range(features)):
        return {}
    covariance = form.covariance.reshape(frames, features, frames, features)
    spread = form.covariance.diagonal().sqrt().reshape(frames, features)
    correlation = (covariance.detach() / spread[..., None, None] / spread).abs().amax((0, 2))
    found = {}
    for name, columns in factors.items():
        others = [j for j in range(features) if j not in columns]
        if (correlation[columns][:, others] > INDEPENDENT).any():
            return {}
        block = covariance[:, columns][..., columns]
        found[name] = _dense(form.loc[:, columns], block.flatten(2).flatten(0, 1))
    return found


def marginal_form(joint: Joint, hint: Reader | None = None) -> tuple[GaussianForm, Reader]:
    """Integrate out whatever of z is not in h.

    Args:
        joint: The joint density of all draws.
        hint: How the structure was read before, for a prior that is read again.

    Returns:
        The form, and how its structure was read.
    """
    shape = (joint.layout.num_frames, joint.layout.num_features)
    if not joint.layout.direct:
        return _pushed_forward(joint, shape), read_dense
    frames, _ = joint.places()

    def product(x: Tensor) -> Tensor:
        z = torch.zeros(len(x), joint.size)
        z[:, frames] = x.flatten(1)
        return joint.product(z)[:, frames].unflatten(1, shape)

    structure, read = read_precision(product, *shape, hint)
    constant, linear = joint.constant, joint.linear[frames]
    rows, globals_ = joint.globals()
    # L Lᵀ = P_gg,  W = L⁻¹ P_gf,  u = L⁻¹ b_g: the Schur complement of the global block
    factor = torch.linalg.cholesky(rows[:, globals_])
    whitened = torch.linalg.solve_triangular(
        factor, torch.cat([rows[:, frames], joint.linear[globals_, None]], 1), upper=False
    )
    coupling, mean = whitened[:, :-1], whitened[:, -1]
    linear = linear - mean @ coupling
    # c + ½ b_gᵀ P_gg⁻¹ b_g + ½ log |2π P_gg⁻¹|
    constant = constant + 0.5 * mean.square().sum() - factor.diagonal().log().sum()
    constant = constant + 0.5 * len(globals_) * math.log(2 * math.pi)
    coupled = coupling.unflatten(1, shape)
    return GaussianForm(constant, linear.reshape(shape), structure, coupled), read


def _pushed_forward(joint: Joint, shape: tuple[int, int]) -> GaussianForm:
    """N(A E[z] + a, A Cov[z] Aᵀ), where the entries of h are not draws themselves."""
    factor = torch.linalg.cholesky(joint.product(torch.eye(joint.size)))
    matrix, offset = joint.affine()
    covariance = matrix @ torch.cholesky_solve(matrix.T, factor)
    _check_rank(joint, matrix, covariance)
    loc = matrix @ torch.cholesky_solve(joint.linear.unsqueeze(-1), factor).squeeze(-1) + offset
    return _dense(loc.reshape(shape), covariance)


def _dense(
    loc: Float[Tensor, "frames features"], covariance: Float[Tensor, "entries entries"]
) -> GaussianForm:
    """N(loc, covariance), frame-major."""
    shape, loc = loc.shape, loc.flatten()
    factor = torch.linalg.cholesky(covariance)
    precision = torch.cholesky_inverse(factor)
    linear = precision @ loc
    constant = -0.5 * len(loc) * math.log(2 * math.pi) - factor.diagonal().log().sum()
    constant = constant - 0.5 * loc @ linear
    structure = Dense(precision.reshape(*shape, *shape))
    return GaussianForm(constant, linear.reshape(shape), structure, linear.new_zeros(0, *shape))


def _check_rank(joint: Joint, matrix: Tensor, covariance: Tensor) -> None:
    # Cholesky alone may pass a singular matrix, by rounding or by jitter
    values, vectors = torch.linalg.eigh(covariance.detach())
    if values[0] > RANK_TOLERANCE * values[-1]:
        return
    # the draws behind the entries of h whose combination has no variance
    shapes = {draw.name: draw.shape for draw in joint.layout.draws}
    involved = matrix.detach()[vectors[:, 0].abs() > 1e-6].abs().sum(0)
    names = [repr(name) for name, part in split(involved, shapes).items() if part.any()]
    raise DegeneratePrior(
        f"prior: p(h) has no density, since draw {', '.join(names) or 'none'} does not fill the "
        "entries of h it is used in; let every entry of h have a draw or noise of its own"
    )
