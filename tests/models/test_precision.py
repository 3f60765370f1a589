"""The structures that a precision is held in, against the matrix they stand for."""

import functools

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pyro.nn import PyroModule, PyroParam

from pyro_factor import gaussian_form, priors
from pyro_factor.models import closed_form
from pyro_factor.models.precision import Banded, ByFeature, Dense, read_precision
from pyro_factor.models.prior_reader import PriorReader

FRAMES, FEATURES = 6, 3


def coupled(reach, by_feature):
    """A symmetric matrix (N, D, N, D) with entries where the structure allows them."""
    matrix = torch.randn(FRAMES, FEATURES, FRAMES, FEATURES)
    matrix = matrix + matrix.permute(2, 3, 0, 1)
    frames, features = torch.arange(FRAMES), torch.arange(FEATURES)
    near = (frames[:, None] - frames).abs() <= reach
    same = (features[:, None] == features) | (not by_feature)
    return matrix * near[:, None, :, None] * same[None, :, None, :]


CASES = {
    "diagonal": ((0, True), Banded),
    "within a frame": ((0, False), Banded),
    "walk": ((1, True), Banded),
    "two steps": ((2, False), Banded),
    "process": ((FRAMES, True), ByFeature),
    "anything": ((FRAMES, False), Dense),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("case", CASES)
def test_each_structure_is_the_matrix(case):
    allowed, kind = CASES[case]
    matrix = coupled(*allowed)
    product = lambda x: torch.einsum("ndme,kme->knd", matrix, x)  # noqa: E731
    found, read = read_precision(product, FRAMES, FEATURES)
    assert type(found) is kind
    x = torch.randn(2, 5, FRAMES, FEATURES)
    torch.testing.assert_close(found @ x, torch.einsum("ndme,abme->abnd", matrix, x))
    flat = matrix.flatten(2).flatten(0, 1)
    torch.testing.assert_close(found.dense(), flat)
    torch.testing.assert_close(found.diagonal().flatten(), flat.diagonal())
    again, _ = read_precision(product, FRAMES, FEATURES, hint=read)
    torch.testing.assert_close(again.dense(), flat)


@pytest.mark.usefixtures("float64")
@given(reach=st.integers(0, 2), num_frames=st.integers(1, 5), num_features=st.integers(1, 3))
def test_a_band_fits_any_size(reach, num_frames, num_features):
    size = num_frames * num_features
    matrix = torch.randn(size, size)
    matrix = (matrix + matrix.T).reshape(num_frames, num_features, num_frames, num_features)
    near = (torch.arange(num_frames)[:, None] - torch.arange(num_frames)).abs() <= reach
    matrix = matrix * near[:, None, :, None]
    found, _ = read_precision(
        lambda x: torch.einsum("ndme,kme->knd", matrix, x), num_frames, num_features
    )
    torch.testing.assert_close(found.dense(), matrix.flatten(2).flatten(0, 1))


class Learned(PyroModule):
    """A coefficient that starts at zero, where the frames look independent."""

    def __init__(self):
        super().__init__()
        self.coefficient = PyroParam(torch.tensor(0.0))

    def forward(self, num_frames):
        h, frames = torch.zeros(2), []
        for i in range(num_frames):
            h = pyro.sample(f"h_{i}", dist.Normal(self.coefficient * h, 1.0).to_event(1))
            frames.append(h)
        return torch.stack(frames, -2)


def test_a_structure_that_grows_while_it_is_learned_is_noticed():
    prior = Learned()
    reader = PriorReader(prior)
    assert len(reader.form(5).structure.blocks) == 1
    with torch.no_grad():
        prior.coefficient.fill_(0.5)
    form = reader.form(5)
    assert len(form.structure.blocks) == 3
    covariance = torch.eye(5, dtype=torch.float64) - 0.5 * torch.diag(torch.ones(4), -1).double()
    covariance = torch.linalg.inv(covariance.T @ covariance)
    torch.testing.assert_close(form.covariance[::2, ::2].detach(), covariance)


def test_a_long_clip_takes_no_large_matrix():
    num_frames = 4096
    form = gaussian_form(priors.factored, num_frames)
    parts = (form.linear, form.structure.blocks, form.coupling)
    assert sum(part.numel() for part in parts) <= 60 * num_frames
    loc = torch.randn(2, num_frames, 4, dtype=torch.float64)
    scale = torch.rand_like(loc) + 0.1
    expected = sum(closed_form(priors.factored)(loc, scale).values())
    torch.testing.assert_close(form.expected_log_prob(loc, scale), expected)


def test_a_tight_draw_hides_no_coupling_of_the_others():
    prior = functools.partial(priors.factored, static_scale=1e-5, temporal_scale=1.0)
    form = gaussian_form(prior, 16)
    assert len(form.structure.blocks) == 3
    loc = torch.zeros(16, 4, dtype=torch.float64)
    loc[:, 2] = torch.arange(16)
    scale = torch.full_like(loc, 0.5)
    scale[:, :2] = 1e-5
    expected = sum(closed_form(prior)(loc, scale).values())
    torch.testing.assert_close(form.expected_log_prob(loc, scale), expected)
