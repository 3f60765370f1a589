"""Random linear-Gaussian programs: their form against the joint Gaussian built by brute force."""

import math

import numpy as np
import oracles
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyro_factor import NotGaussianPrior, gaussian_form
from pyro_factor.models.layout import Layout
from pyro_factor.models.read_layout import read_layout

FRAMES, COLUMNS = 3, 2


def _normal(mean, tril):
    return dist.Normal(mean, tril.diagonal()).to_event(1)


FAMILIES = {
    "Normal": _normal,
    "scale_tril": lambda mean, tril: dist.MultivariateNormal(mean, scale_tril=tril),
    "covariance": lambda mean, tril: dist.MultivariateNormal(mean, tril @ tril.T),
    "precision": lambda mean, tril: dist.MultivariateNormal(
        mean, precision_matrix=torch.linalg.inv(tril @ tril.T)
    ),
    "low rank": lambda mean, tril: dist.LowRankMultivariateNormal(
        mean, tril[:, :1], tril.diagonal().square()
    ),
}


def covariance(family, tril):
    if family == "Normal":
        return torch.diag(tril.diagonal().square())
    if family == "low rank":
        return tril[:, :1] @ tril[:, :1].T + torch.diag(tril.diagonal().square())
    return tril @ tril.T


class RandomProgram:
    """Draws z_k = c_k + Σ_j W_kj z_j + L_k ε, each a scalar, a vector or a matrix.

    Frame draws are FRAMES × COLUMNS; h is made of them, or an affine function of all draws.
    """

    def __init__(self, kinds, families, shapes, seed, non_centred):
        random = torch.Generator().manual_seed(seed)

        def normal(*shape):
            return torch.randn(*shape, generator=random, dtype=torch.float64)

        self.frames = [kind == "frames" for kind in kinds]
        matrix = (FRAMES, COLUMNS)
        self.shapes = [matrix if f else s for f, s in zip(self.frames, shapes, strict=True)]
        self.families = families
        sizes = [math.prod(shape) for shape in self.shapes]
        self.offsets = [normal(n) for n in sizes]
        # a part of the draws have no say in a later one
        self.weights = [
            [normal(n, m) / 2 * (normal(()) > -0.3) for m in sizes[:k]] for k, n in enumerate(sizes)
        ]
        self.trils = [
            torch.tril(normal(n, n)) / 2 * (1 - torch.eye(n)) + torch.diag(0.3 + normal(n).abs())
            for n in sizes
        ]
        total = sum(sizes)
        rows = FRAMES * COLUMNS
        self.mixing = (normal(rows, total), normal(rows)) if non_centred else None

    def __call__(self, num_frames):
        flats, parts = [], []
        for k, shape in enumerate(self.shapes):
            weights = zip(flats, self.weights[k], strict=True)
            mean = self.offsets[k] + sum(flat @ weight.T for flat, weight in weights)
            fn = FAMILIES[self.families[k]](mean, self.trils[k])
            if self.families[k] == "Normal":  # in its own shape; the others are vectors
                locs = mean.reshape(mean.shape[:-1] + torch.Size(shape))
                scales = self.trils[k].diagonal().reshape(shape)
                fn = dist.Normal(locs, scales).to_event(len(shape))
                value = pyro.sample(f"z{k}", fn)
                flat = value.reshape(*value.shape[: value.dim() - len(shape)], -1)
            else:
                flat = pyro.sample(f"z{k}", fn)
            flats.append(flat)
            if self.frames[k]:
                parts.append(flat.reshape(*flat.shape[:-1], FRAMES, COLUMNS))
        if self.mixing is not None:
            together = torch.cat(flats, -1)
            h = together @ self.mixing[0].T + self.mixing[1]
            return h.reshape(*h.shape[:-1], FRAMES, COLUMNS)
        return torch.cat(parts, -1)

    def moments(self):
        """Mean and covariance of all draws, built row by row, then of h."""
        mean, root = [], []
        noises = [covariance(f, t) for f, t in zip(self.families, self.trils, strict=True)]
        roots = [torch.linalg.cholesky(noise) for noise in noises]
        total = sum(len(r) for r in roots)
        start = 0
        for k, own in enumerate(roots):
            rows = torch.zeros(len(own), total)
            rows[:, start : start + len(own)] = own
            loc = self.offsets[k].clone()
            for j, weight in enumerate(self.weights[k]):
                rows, loc = rows + weight @ root[j], loc + weight @ mean[j]
            mean.append(loc)
            root.append(rows)
            start += len(own)
        if self.mixing is not None:
            matrix, offset = self.mixing
            rows = matrix @ torch.cat(root)
            return matrix @ torch.cat(mean) + offset, rows @ rows.T
        entries = [
            (mean[k].reshape(FRAMES, COLUMNS), root[k].reshape(FRAMES, COLUMNS, total))
            for k, frames in enumerate(self.frames)
            if frames
        ]
        loc = torch.cat([m for m, _ in entries], 1).flatten()
        rows = torch.cat([r for _, r in entries], 1).flatten(0, 1)
        return loc, rows @ rows.T


@st.composite
def programs(draw, non_centred):
    number = draw(st.integers(1, 4))
    kinds = draw(st.lists(st.sampled_from(["frames", "global"]), min_size=number, max_size=number))
    kinds[draw(st.integers(0, number - 1))] = "frames"
    families = [draw(st.sampled_from(list(FAMILIES))) for _ in kinds]
    shapes = [draw(st.sampled_from([(), (1,), (3,), (2, 2)])) for _ in kinds]
    return RandomProgram(kinds, families, shapes, draw(st.integers(0, 2**31)), non_centred)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("non_centred", [False, True])
@settings(max_examples=15)
@given(data=st.data())
def test_the_form_is_the_joint_gaussians(non_centred, data):
    program = data.draw(programs(non_centred))
    layout = read_layout(program, FRAMES)
    assert isinstance(layout, Layout)
    assert layout.direct == (not non_centred)
    form = gaussian_form(program, FRAMES)
    loc, dense = program.moments()
    scale = dense.diagonal().max().sqrt()
    condition = float(torch.linalg.cond(dense))
    tolerance = 1e-12 * max(condition, 100.0)
    torch.testing.assert_close(form.loc.flatten(), loc, rtol=0, atol=float(scale) * tolerance)
    torch.testing.assert_close(
        form.covariance, dense, rtol=0, atol=float(scale.square()) * tolerance
    )
    q_loc, q_scale = torch.randn(FRAMES, layout.num_features), torch.rand(layout.num_features) + 0.1
    q_scale = q_scale.expand(FRAMES, -1)
    kl = oracles.dense_kl((q_loc.flatten() - loc).numpy(), q_scale.flatten().numpy(), dense.numpy())
    np.testing.assert_allclose(form.kl(q_loc, q_scale), kl, rtol=tolerance)


@pytest.mark.usefixtures("float64")
@settings(max_examples=10)
@given(data=st.data(), spoil=st.sampled_from(["square", "tanh", "abs", "sine"]))
def test_one_bent_mean_is_enough_to_be_refused(data, spoil):
    straight = data.draw(programs(False))
    bend = {"square": torch.square, "tanh": torch.tanh, "abs": torch.abs, "sine": torch.sin}[spoil]

    def bent(num_frames):
        h = straight(num_frames)
        loc = bend(h[..., :1]).expand_as(h[..., :1])
        return torch.cat([h, pyro.sample("bent", dist.Normal(loc, 1.0).to_event(2))], -1)

    with pytest.raises(NotGaussianPrior, match="'bent'"):
        gaussian_form(bent, FRAMES)
