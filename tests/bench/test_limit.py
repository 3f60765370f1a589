import pytest
import torch
from torch import nn

from pyro_factor.bench.limit import count_bytes, count_flops
from pyro_factor.bench.sizes import QUICK
from pyro_factor.bench.steps import Way


def test_operations_of_a_small_network_are_those_counted_by_hand():
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3, 1, 1, bias=False), nn.Flatten(), nn.Linear(3 * 64, 5, bias=False)
    )
    images = torch.rand(7, 1, 8, 8)
    # a multiplication and an addition: for each output, of each entry of its kernel or row
    forward = 2 * 7 * (3 * 8 * 8) * 9 + 2 * 7 * 5 * (3 * 64)
    assert count_flops(lambda: network(images)) == forward
    # backward: the weights' gradients cost as much as the forward pass, the inputs' too, where
    # they are asked for: not for the images
    backward = forward + 2 * 7 * 5 * (3 * 64)
    assert count_flops(lambda: network(images).sum().backward()) == forward + backward


def test_operations_are_proportional_to_the_frames():
    one, two = (Way(sizes=QUICK.replace(videos=videos)).build() for videos in (2, 4))
    assert 2 * count_flops(one) == count_flops(two)


def test_bytes_are_those_read_and_written():
    a, b = torch.rand(10, 20), torch.rand(20, 30)
    assert count_bytes(lambda: a @ b) == 4 * (10 * 20 + 20 * 30 + 10 * 30)
    assert count_bytes(lambda: a.T[:5]) == 0  # views
    assert count_bytes(lambda: torch.empty(5)) == 0
    assert count_bytes(lambda: torch.empty_like(a)) == 0


def test_bytes_of_operations_in_place():
    a, b = torch.rand(100), torch.rand(100)
    assert count_bytes(a.zero_) == 4 * 100
    assert count_bytes(lambda: a.copy_(b)) == 4 * 2 * 100
    assert count_bytes(lambda: a.add_(b)) == 4 * 3 * 100
    assert count_bytes(lambda: torch.add(a, b, out=a)) == 4 * 3 * 100


def test_bytes_of_a_step_of_adam():
    parameter = torch.rand(10_000, requires_grad=True)
    adam = torch.optim.Adam([parameter], fused=True)
    parameter.grad = torch.rand(10_000)
    adam.step()
    # the parameter, its gradient and two moments are read and written: a scaler would change the
    # gradient too, and PyTorch declares no less
    assert count_bytes(adam.step) == pytest.approx(4 * 8 * 10_000, rel=1e-2)
