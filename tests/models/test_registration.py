import pyro
import pytest
import torch
from pyro import poutine
from small_runs import FRAMES, SIZE, small_vae

from pyro_factor import AnalyticKL_ELBO
from pyro_factor.models.registration import unregistered


def registered(vae, videos):
    """The weights that Pyro hears of when model and guide are run."""
    with pyro.settings.context(module_local_params=True):
        traces = [poutine.trace(part).get_trace(videos) for part in (vae.model, vae.guide)]
    return [name for trace in traces for name in trace.param_nodes]


def test_weights_are_registered_for_pyros_optimisers_and_not_within():
    vae, videos = small_vae(), torch.rand(2, FRAMES, 1, SIZE, SIZE)
    assert len(registered(vae, videos)) == len(list(vae.parameters()))
    with unregistered(vae.model, vae.guide):
        assert registered(vae, videos) == []
    assert len(registered(vae, videos)) == len(list(vae.parameters()))


def test_they_are_again_after_an_error():
    vae = small_vae()
    with pytest.raises(KeyError), unregistered(vae.model, vae.guide):
        raise KeyError
    assert vae.model.registers
    assert vae.guide.registers


def test_the_loss_and_its_gradients_are_the_same():
    vae, videos = small_vae(), torch.rand(2, FRAMES, 1, SIZE, SIZE)
    with pyro.settings.context(module_local_params=True):
        loss = AnalyticKL_ELBO()(vae.model, vae.guide)
        found = []
        for modules in ((), (vae.model, vae.guide)):
            vae.zero_grad()
            torch.manual_seed(0)
            with unregistered(*modules):
                value = loss(videos)
            value.backward()
            found.append([value.detach(), *(p.grad for p in vae.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
