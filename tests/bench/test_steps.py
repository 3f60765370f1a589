from dataclasses import replace

import pytest
import torch

from pyro_factor.bench.sizes import QUICK
from pyro_factor.bench.steps import Way

WAYS = {"ours": Way(sizes=QUICK, precision="float32")}
WAYS["by hand"] = replace(WAYS["ours"], by_hand=True)


def test_the_step_by_hand_has_our_loss_and_gradients(float64):
    losses, gradients = [], []
    for way in WAYS.values():
        vae = way.model()
        losses.append(way.updates(vae)(0, way.draw(0)))
        gradients.append([parameter.grad for parameter in vae.parameters()])
    assert losses[0].dtype == torch.float64
    torch.testing.assert_close(*losses, rtol=1e-12, atol=0)
    for ours, by_hand in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, by_hand, rtol=1e-10, atol=1e-10)


def test_both_train_alike(float64):
    curves = []
    for way in WAYS.values():
        update = way.updates(way.model())
        curves.append(torch.stack([update(i, way.draw(i)) for i in range(5)]))
    torch.testing.assert_close(*curves, rtol=1e-7, atol=0)
    assert curves[0].unique().numel() == 5  # other clips and draws every time


def test_seeds_differ():
    first, second = (replace(WAYS["ours"], seed=seed) for seed in (0, 1))
    assert not torch.equal(first.draw(0), second.draw(0))
    pairs = zip(first.model().parameters(), second.model().parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("setting", [{"elbo": "trace"}, {"fused": False, "by_hand": True}])
def test_other_settings_train_too(setting):
    way = replace(WAYS["ours"], **setting)
    assert way.updates(way.model())(0, way.draw(0)).isfinite()
