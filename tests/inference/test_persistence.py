"""The penalty on what a factor keeps through a clip, against scikit-learn's CCA and by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from sklearn.preprocessing import PolynomialFeatures
from small_runs import FRAMES, SIZE, check_that_training_lowers, small_run, small_vae
from torch.testing import assert_close

from pyro_factor.checkpoint import read_checkpoint
from pyro_factor.data import BouncingDigits
from pyro_factor.errors import InputError
from pyro_factor.inference import Persistence, persistence_penalty
from pyro_factor.inference.persistence import FLOOR, _log_pivots, _log_volume
from pyro_factor.inference.runs import checkpoint_path
from pyro_factor.models import VideoVAE, priors

UNITS = 1e4  # codes so large that the floor is nothing


def codes(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def mutual_information(one, other):
    """By scikit-learn's canonical correlations."""
    found = CCA(one.shape[1], scale=False, max_iter=10_000, tol=1e-14).fit_transform(one, other)
    pairs = zip(*(scores.T for scores in found), strict=True)
    return -0.5 * sum(math.log(1 - np.corrcoef(*pair)[0, 1] ** 2) for pair in pairs)


def persistent():
    """Codes of two frames, of four features, two of which keep something."""
    h = codes(200, 2, 4)
    h[:, 1, 1] = h[:, 0, 3] + 0.5 * codes(200)
    h[:, 1, 3] = h[:, 0, 1] - h[:, 0, 3] + 2 * codes(200)
    return h


def test_mutual_information_of_canonical_pairs():
    h = persistent()
    expected = mutual_information(*h[..., [1, 3]].numpy().swapaxes(0, 1))
    found = persistence_penalty(UNITS * h, [1, 3])
    assert float(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("order", [2, 3])
def test_of_a_higher_order_polynomials_of_the_features_count(order):
    h = persistent()
    one, other = (
        PolynomialFeatures(order, include_bias=False).fit_transform(frame)
        for frame in h[..., [1, 3]].numpy().swapaxes(0, 1)
    )
    found = persistence_penalty(UNITS * h, [1, 3], order)
    # products are of unit spread, for which the floor is something
    assert float(found) == pytest.approx(mutual_information(one, other), rel=0.02)


def test_any_two_frames_are_compared():
    h = codes(50, 3, 2).cumsum(1)
    pairs = torch.cat([h[:, [0, 1]], h[:, [0, 2]], h[:, [1, 2]]])
    for order in (1, 2):
        expected = persistence_penalty(pairs, [0, 1], order)
        assert_close(persistence_penalty(h, [0, 1], order), expected)


def test_what_stays_in_the_size_of_a_turn_shows_in_order_two():
    start, way = 2 * math.pi * torch.rand(5_000, 1), 2 * torch.randint(2, (5_000, 1)) - 1
    angle = start + way * math.tau * torch.arange(0, 16, 5) / 31
    found = {}
    for spread in (0.0, 0.3):
        size = 1 + spread * torch.randn(5_000, 1)
        h = torch.stack([size * angle.cos(), size * angle.sin()], -1)
        found[spread] = [float(persistence_penalty(h, [0, 1], order)) for order in (1, 2)]
    assert max(found[0.0] + found[0.3][:1]) < 0.1
    assert found[0.3][1] > 2


def test_what_stays_is_found_in_any_mixture():
    h = codes(500, 2, 3)
    h[:, 1, 0] = h[:, 0, 0] + 0.1 * codes(500)  # stays, and is small beside what moves
    mixture = codes(3, 3)
    mixture[0] /= 100
    plain, mixed = (persistence_penalty(UNITS * each, [0, 1, 2]) for each in (h, h @ mixture))
    assert float(mixed) == pytest.approx(float(plain), rel=1e-4)
    assert float(plain) == pytest.approx(math.log(10), abs=0.2)


def test_what_hardly_varies_fades():
    h = codes(500, 1, 1).expand(500, 2, 1)
    for size in (0.001, FLOOR, 1.0):
        spread = (size * h[:, 0]).var(correction=0).item()
        correlation = spread / (spread + FLOOR**2)
        found = persistence_penalty(size * h, [0])
        expected = -math.log1p(-(correlation**2)) / 2
        assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_feature_that_is_constant_or_twice_there():
    h = codes(100, 1, 1).expand(100, 2, 4).clone()
    h[..., 3] = 1.0
    found, once = persistence_penalty(h, [0, 1, 2, 3]), persistence_penalty(3**0.5 * h, [0])
    assert float(found) == pytest.approx(float(once), rel=1e-9)


@pytest.mark.parametrize(
    ("frames", "columns", "order", "told"),
    [
        (1, [0], 1, r"h: got \(5, 1, 2\); give \(videos, frames, features\), two frames or more"),
        (2, [], 1, r"columns: got \[\]"),
        (2, [0], 0, "order: got 0"),
    ],
)
def test_what_can_not_be_compared_is_named(frames, columns, order, told):
    with pytest.raises(InputError, match=told):
        persistence_penalty(codes(5, frames, 2), columns, order)


def test_volumes_by_cholesky_and_by_elimination_are_logarithms_of_the_determinant():
    root = torch.randn(7, 7, dtype=torch.float64)
    spread = (root @ root.T + torch.eye(7)).requires_grad_()
    for volume in (_log_volume, _log_pivots):
        found = volume(spread)
        assert_close(found, torch.logdet(spread), rtol=1e-12, atol=0)
        (slope,) = torch.autograd.grad(found, spread)
        slope = (slope + slope.T) / 2  # of a symmetric matrix either triangle may be read
        assert_close(slope, torch.linalg.inv(spread), rtol=1e-9, atol=1e-12)
        # a training that diverges is told by values that are not finite, not by an exception
        assert volume(-spread).isnan()
        assert volume(spread * math.nan).isnan()


def test_gradient():
    h = codes(6, 3, 3).requires_grad_()
    for order in (1, 2, 3):
        assert torch.autograd.gradcheck(lambda h, n=order: persistence_penalty(h, [0, 2], n), [h])


@pytest.mark.parametrize("elbo", ["analytic", "trace"])
def test_training_with_it_lowers_it(tmp_path, elbo):
    def measure(q, factors):
        return persistence_penalty(q.loc, factors["ht"])

    check_that_training_lowers("persistence", measure, tmp_path, elbo)


@pytest.mark.parametrize(
    ("prior", "num_frames", "videos", "told"),
    [
        (priors.independent, FRAMES, 4, "it is of ht, the prior's factors are h; leave it 0"),
        (priors.factored, 1, 4, "nothing is forgotten within one frame; leave it 0, or give lon"),
        (priors.factored, FRAMES, 1, "it compares the clips of a batch; leave it 0, or give 2"),
    ],
)
def test_what_cannot_be_forgotten_is_refused(tmp_path, prior, num_frames, videos, told):
    vae = VideoVAE(prior, num_frames, image_shape=(1, SIZE, SIZE), channels=(4,), hidden=8)
    data = BouncingDigits(num_frames=num_frames, image_size=SIZE)
    with pytest.raises(InputError, match=f"persistence: got 1.0; {told}"):
        small_run(tmp_path / "run", vae, 2, data=data, persistence=1.0, videos=videos)
    assert not (tmp_path / "run").exists()


def test_all_distances_are_refused_where_no_memory_averages_them(tmp_path):
    options = {"every": (1, 2, 3), "persistence": 1.0, "persistence_at": "all"}
    told = "persistence_memory: got 2; the covariances of all 3 distances .* 3 or more"
    with pytest.raises(InputError, match=told):
        small_run(tmp_path / "run", small_vae(), 2, persistence_memory=2, **options)
    assert not (tmp_path / "run").exists()


def correlations(h, columns):
    """Of both frames' codes, by NumPy, in units of the two frames' common spread."""
    both = np.concatenate([h[:, i, columns] - h[:, i, columns].mean(0) for i in (0, 1)], -1)
    covariance = both.T @ both / len(both)
    spread = np.sqrt(np.diag(covariance).reshape(2, -1).mean(0) + FLOOR**2)
    return covariance / np.outer(*[np.tile(spread, 2)] * 2)


def test_a_memory_averages_the_covariances_of_its_steps():
    kept, batches = Persistence([1, 3], memory=10), [persistent() for _ in range(3)]
    found = [float(kept(h)) for h in batches][-1]
    whole = np.mean([correlations(h.numpy(), [1, 3]) for h in batches], 0) + FLOOR**2 * np.eye(4)
    logs = [np.linalg.slogdet(part)[1] for part in (whole[:2, :2], whole[2:, 2:], whole)]
    assert found == pytest.approx((logs[0] + logs[1] - logs[2]) / 2, rel=1e-9)


def test_a_memory_forgets():
    kept, h = Persistence([1, 3], memory=3), persistent()
    first = [float(kept(codes(200, 2, 4))) for _ in range(20)]
    last = [float(kept(h)) for _ in range(20)]
    alone = Persistence([1, 3], memory=3)
    assert max(first) < last[-1]
    assert last[-1] == pytest.approx(float(alone(h)), rel=1e-2)


def test_the_gradient_of_a_memory_is_the_batchs_own():
    kept, found = Persistence([1, 3], memory=5), []
    h = persistent().requires_grad_()
    for _ in range(2):
        found.append(torch.autograd.grad(kept(h), h)[0])
    assert torch.allclose(*found, rtol=1e-9)
    assert found[0].abs().max() > 1e-4


def test_a_memory_tells_more_products_from_chance_than_a_batch_does():
    kept = Persistence([0, 1, 2], order=3, memory=30)
    batches = [codes(64, 2, 3) for _ in range(60)]
    remembered = [float(kept(h)) for h in batches][-1]
    alone = float(persistence_penalty(batches[-1], [0, 1, 2], 3))
    assert remembered < alone / 10


def turning(shift, size):
    """Codes of two frames of something that turns either way, on a closed curve of some size."""
    way, start = torch.randint(2, (400, 1)) * 2 - 1, torch.rand(400, 1)
    angle = 2 * math.pi * (start + way * torch.tensor([0, shift]) / 31).double()
    return torch.stack([size * angle.cos(), size * angle.sin() + 0.3 * (2 * angle).cos()], -1)


def test_over_all_distances_of_a_turn_nothing_of_it_is_kept_but_what_stays():
    distances, own_size = range(1, 16), 1 + 0.3 * codes(400, 1)
    uneven = [5, 5, 5, 10, 10, 15]  # as any two of four frames lie that are a sixth of a turn apart

    def remembered(shifts, size):
        kept = Persistence([0, 1], order=4, memory=300)
        return [float(kept(turning(shift, size))) for _ in range(20) for shift in shifts][-1]

    same = remembered(distances, 1.0)
    assert remembered(distances, own_size) > 10 * same
    assert remembered(uneven, 1.0) > 3 * same


def test_a_run_goes_on_with_what_its_penalty_remembers(tmp_path):
    options = {"persistence": 1.0, "persistence_order": 2, "persistence_memory": 5}
    for name, stops in {"whole": [6], "cut": [4, 6]}.items():
        for stop in stops:
            torch.manual_seed(0)
            small_run(tmp_path / name, small_vae(), stop, resume=stop != stops[0], **options)
    whole, cut = (read_checkpoint(checkpoint_path(tmp_path / name)) for name in ("whole", "cut"))
    assert {"covariance", "steps"} == set(whole.part("memory"))
    assert all(torch.equal(whole.tensors[name], cut.tensors[name]) for name in whole.tensors)
