"""The Gaussian form of a prior: p(h) in closed form, global draws integrated out exactly.

    log p(h) = log p(m) - ½ (h - m)ᵀ P (h - m)

m and P follow from the joint density of all draws by a Schur complement (design, section 3).
"""

import math
from dataclasses import dataclass

import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.distributions.transforms import ReshapeTransform

from .closed_forms import entropy
from .errors import DegeneratePrior
from .joint import Joint
from .linearity import check_linear_gaussian, split
from .program import Prior, algebra
from .read_layout import read_layout

RANK_TOLERANCE = 1e-10  # smallest over largest eigenvalue of a covariance that has full rank


@dataclass(frozen=True)
class GaussianForm:
    """p(h) = N(loc, precision⁻¹) over the per-frame codes of one clip.

    Args:
        loc: The mean, (N, D).
        precision: Its precision, (N·D, N·D), frame-major: entry (n, d) of h is number n·D + d.
        log_normalizer: log p(loc), in nats.
    """

    loc: Float[Tensor, "frames features"]
    precision: Float[Tensor, "entries entries"]
    log_normalizer: Float[Tensor, ""]

    @property
    def covariance(self) -> Float[Tensor, "entries entries"]:
        """The covariance of the entries of h, (N·D, N·D), frame-major."""
        return torch.cholesky_inverse(torch.linalg.cholesky(self.precision))

    @property
    def learned(self) -> bool:
        """Whether the form depends on parameters, so that it changes as they train."""
        return self.precision.requires_grad or self.loc.requires_grad

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
        """
        precision = self.precision.to(loc.device)
        distance = (loc.double() - self.loc.to(loc.device)).flatten(-2)
        variance = scale.double().square().flatten(-2)
        # log p(m) - ½ (μ - m)ᵀ P (μ - m) - ½ Σ_j P_jj σ_j²
        quadratic = (distance @ precision * distance).sum(-1)
        spread = variance @ precision.diagonal()
        return (self.log_normalizer.to(loc.device) - 0.5 * (quadratic + spread)).to(loc.dtype)

    def kl(
        self,
        loc: Float[Tensor, "*videos frames features"],
        scale: Float[Tensor, "*videos frames features"],
    ) -> Float[Tensor, "*videos"]:
        """Return KL(∏ N(loc, scale²) ‖ p), in nats, one per video (eq. 13)."""
        return -entropy(scale) - self.expected_log_prob(loc, scale)

    def distribution(self, like: Tensor) -> TorchDistributionMixin:
        """Return p(h) as a distribution over (N, D), in the dtype and on the device of `like`."""
        loc, precision = self.loc.flatten().to(like), self.precision
        scale_tril = torch.linalg.cholesky(
            torch.cholesky_inverse(torch.linalg.cholesky(precision))
        ).to(like)
        normal = dist.MultivariateNormal(loc, scale_tril=scale_tril)
        shape = ReshapeTransform(loc.shape, self.loc.shape)
        return dist.TransformedDistribution(normal, [shape])


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
        return marginal_form(Joint(prior, layout))


def marginal_form(joint: Joint) -> GaussianForm:
    """Integrate out whatever of z is not in h."""
    shape = (joint.layout.num_frames, joint.layout.num_features)
    if not joint.layout.direct:
        return _pushed_forward(joint, shape)
    frames, globals_ = joint.places()
    linear, constant = joint.linear[frames], joint.constant
    rows = joint.precision(frames)
    precision = rows[:, frames]
    if len(globals_):
        # Schur complement of the global block
        cross, linear_globals = rows[:, globals_], joint.linear[globals_]
        factor = torch.linalg.cholesky(joint.precision(globals_)[:, globals_])
        precision = precision - cross @ torch.cholesky_solve(cross.T, factor)
        mean_globals = torch.cholesky_solve(linear_globals.unsqueeze(-1), factor).squeeze(-1)
        linear = linear - cross @ mean_globals
        # c + ½ b_gᵀ P_gg⁻¹ b_g + ½ log |2π P_gg⁻¹|
        constant = constant + 0.5 * linear_globals @ mean_globals - factor.diagonal().log().sum()
        constant = constant + 0.5 * len(globals_) * math.log(2 * math.pi)
    precision = 0.5 * (precision + precision.T)
    loc = torch.cholesky_solve(linear.unsqueeze(-1), torch.linalg.cholesky(precision)).squeeze(-1)
    return GaussianForm(loc.reshape(shape), precision, constant + 0.5 * linear @ loc)


def _pushed_forward(joint: Joint, shape: tuple[int, int]) -> GaussianForm:
    """N(A E[z] + a, A Cov[z] Aᵀ), where the entries of h are not draws themselves."""
    factor = torch.linalg.cholesky(joint.precision(torch.arange(len(joint.linear))))
    matrix, offset = joint.affine()
    covariance = matrix @ torch.cholesky_solve(matrix.T, factor)
    _check_rank(joint, matrix, covariance)
    loc = matrix @ torch.cholesky_solve(joint.linear.unsqueeze(-1), factor).squeeze(-1) + offset
    factor = torch.linalg.cholesky(covariance)
    log_normalizer = -0.5 * len(loc) * math.log(2 * math.pi) - factor.diagonal().log().sum()
    return GaussianForm(loc.reshape(shape), torch.cholesky_inverse(factor), log_normalizer)


def _check_rank(joint: Joint, matrix: Tensor, covariance: Tensor) -> None:
    # Cholesky alone may pass a singular matrix, by rounding or by jitter
    values, vectors = torch.linalg.eigh(covariance.detach())
    if values[0] > RANK_TOLERANCE * values[-1]:
        return
    # the draws behind the entries of h whose combination has no variance
    involved = matrix.detach()[vectors[:, 0].abs() > 1e-6].abs().sum(0)
    names = [repr(name) for name, part in split(involved, joint.layout).items() if part.any()]
    raise DegeneratePrior(
        f"prior: p(h) has no density, since draw {', '.join(names) or 'none'} does not fill the "
        "entries of h it is used in; let every entry of h have a draw or noise of its own"
    )
