"""Random states are left as they were, a GPU's too where one is in use."""

from contextlib import nullcontext

import pytest
import torch

from pyro_factor.errors import InputError
from pyro_factor.inference.seeds import forked, seeded


def test_a_piece_of_work_has_draws_of_its_own_and_leaves_no_trace():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    found = []
    for numbers in ((0,), (1,), (0,)):
        with seeded(7, *numbers):
            found.append(torch.rand(2))
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(("in_use", "devices"), [(False, []), (True, [1])])
def test_the_gpu_in_use_is_left_as_it_was_too(monkeypatch, in_use, devices):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: in_use)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    asked = []
    monkeypatch.setattr(torch.random, "fork_rng", lambda found: nullcontext(asked.append(found)))
    with forked(0):
        assert asked == [devices]


@pytest.mark.parametrize("work", [forked, seeded])
def test_a_seed_out_of_range_is_named(work):
    with pytest.raises(InputError, match="seed: got -1"), work(-1):
        pass
