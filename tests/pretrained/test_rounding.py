import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import small_data, small_run, small_vae

from pyro_factor.pretrained.rounding import halved, measure_rounding, survives

SURVIVES = {
    "ordinary": (torch.tensor([[1.0, -0.3], [1e-3, 7.0]]), True),
    "small beside large in a row": (torch.tensor([[1.0, 1e-9]]), True),
    "a row of small ones": (torch.tensor([[1.0, 1.0], [1e-7, 2e-7]]), False),
    "zeros": (torch.zeros(3, 3), True),
    "a running variance that underflows": (torch.tensor([1.0, 1e-8]), False),
    "a running variance that is coarse": (torch.tensor([1.0, 3.3e-6]), False),
    "overflow": (torch.tensor([[1e5, 1.0]]), False),
    "the largest": (torch.tensor([65504.0]), True),
    "a kernel": (torch.randn(4, 3, 3, 3), True),
    "a number": (torch.tensor(0.1), True),
    "a tiny number": (torch.tensor(1e-8), False),
    "a count": (torch.tensor(7), False),
}


@pytest.mark.parametrize("case", SURVIVES)
def test_what_half_precision_holds(case):
    tensor, held = SURVIVES[case]
    assert survives(tensor) == held
    stored = halved({"it": tensor})["it"]
    assert stored.dtype == (torch.half if held else tensor.dtype)
    assert held or torch.equal(stored, tensor)


@given(st.lists(st.floats(2.0**-14, 65504, width=32), min_size=1))
def test_normal_numbers_of_half_precision_always_survive(numbers):
    assert survives(torch.tensor(numbers))
    assert survives(-torch.tensor([numbers]))


def test_what_rounding_moves_is_measured(tmp_path):
    run = small_run(tmp_path, small_vae(), 3)
    same = measure_rounding(run, run.vae, clips=4)
    assert (same.codes, same.codes_rms, same.pixels, same.elbo) == (0, 0, 0, 0)
    other = small_vae()
    other.load_state_dict(run.vae.state_dict())
    with torch.no_grad():
        other.guide.encoder.loc.bias += 0.5
        other.model.decoder.convolutions[-1].bias.fill_(50.0)
    moved = measure_rounding(run, other.eval(), clips=4)
    batch = small_data().replace(split="test").batch(4, torch.Generator().manual_seed(0)).videos
    with torch.no_grad():
        scale = run.vae.encode(batch).scale
    assert 0.5 / scale.max() * 0.5 < moved.codes_rms < moved.codes < 0.5 / scale.min() * 2
    assert moved.pixels > 0.1
    assert moved.elbo < -100
