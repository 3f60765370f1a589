"""A training step on a GPU never waits for it, held without one: on tensors that only pretend."""

import gc

import pyro
import pytest
import torch
from small_runs import FRAMES, SIZE, small_data, small_vae
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pyro_factor.config import TrainingConfig
from pyro_factor.inference.estimators import make_estimator
from pyro_factor.inference.trainer import Trainer
from pyro_factor.models import gallery, priors
from pyro_factor.models.filled_in import FilledIn


class Copies(TorchDispatchMode):
    """Counts copies from the CPU to the GPU, numbers read off it, and what no graph may hold."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        copied = (devices((args, kwargs)), devices(out)) == ({"cpu"}, {"cuda"})
        read = "_local_scalar_dense" in str(func)
        if copied or read or "cholesky" in str(func):  # cuSOLVER's, which a graph may not hold
            self.seen.append(str(func))
        return out


def devices(tree):
    return {leaf.device.type for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)}


STEPS = {
    "factored": ({}, {}),
    "slow": ({"prior": priors.slow}, {}),
    "independent": ({"prior": priors.independent}, {}),
    "a shuffling guide": ({"guide": "shuffling"}, {}),
    "a moving window": ({"glimpse": 12, "frequencies": 3}, {}),
    "some frames": ({}, {"every": 2}),
    "learned scales": ({"prior": gallery.LearnedFactored()}, {"every": 2}),
    "several distances": ({}, {"every": (1, 2), "persistence": 1.0}),
    "penalties": ({}, {"orthogonality": 1.0, "persistence": 1.0}),
    "a memory": ({}, {"persistence": 1.0, "persistence_order": 2, "persistence_memory": 9}),
    "a form alone": ({"prior": gallery.factored_autoregressive}, {"warm_up": {"hs": 5}}),
    "frames of a form": (
        {"prior": gallery.factored_autoregressive, "guide": "shuffling"},
        {"every": (1, 2), "orthogonality": 1.0, "warm_up": {"hs": 5}},
    ),
    "a warm-up": ({}, {"warm_up": {"hs": 5, "ht": 5}}),
}


@pytest.mark.filterwarnings("ignore:CUDA is not available")  # says autocast
@pytest.mark.parametrize(("model", "training"), STEPS.values(), ids=STEPS)
def test_a_step_reads_nothing_from_a_gpu_and_copies_nothing_to_it(model, training, unchecked):
    vae = small_vae(**model)
    config = TrainingConfig(videos=4, precision="float32", **training)
    frames = FRAMES // max(config.every)
    with pyro.settings.context(module_local_params=True):
        trainer = Trainer(vae, small_data(), config, torch.device("cpu"))
        for turn in range(len(config.every)):  # the first one checks the pair
            trainer.update(turn, torch.rand(4, frames, 1, SIZE, SIZE))
        with FakeTensorMode(allow_non_fake_inputs=True), pyro.validation_enabled(False):
            gc.collect()  # what holds the parameters still
            vae.to("cuda").train()
            videos = torch.empty(4, frames, 1, SIZE, SIZE, device="cuda")
            trainer.persistence.to("cuda")
            missing = {name: torch.zeros((), device="cuda") for name in config.warm_up}
            for objective in trainer.objectives.values():
                objective(videos, missing)  # the second copies what every later one uses
                with Copies() as copies:
                    lowered, _ = objective(videos, missing)
                assert lowered.device.type == "cuda"
                assert copies.seen == []


@pytest.mark.parametrize(
    "numbers", [2, True, 0.5, [1.0, 2.0], [[1, 2], [3, 4]], (True, False), [1, 2.5], [], [0.5] * 99]
)
def test_what_is_filled_in_is_what_is_copied(numbers):
    expected = [torch.tensor(numbers), torch.as_tensor(numbers, dtype=torch.float64)]
    with FilledIn(torch.device("cpu")):
        found = [torch.tensor(numbers), torch.as_tensor(numbers, dtype=torch.float64)]
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b)
        assert a.dtype == b.dtype


def test_a_copy_and_a_factorisation_would_be_seen():
    with FakeTensorMode(), Copies() as copies:
        torch.zeros(2).to("cuda")
        torch.linalg.cholesky_ex(torch.eye(2, device="cuda"))
    assert len(copies.seen) == 2


@pytest.mark.parametrize("guide", ["independent", "smoothing"])
def test_the_loss_is_to_the_bit_what_it_is_while_pyro_validates(guide):
    vae, videos = small_vae(guide=guide), torch.rand(2, FRAMES, 1, SIZE, SIZE)
    loss, found = make_estimator("analytic", 2, vae.max_plate_nesting)(vae.model, vae.guide), []
    for validated in (True, False):
        torch.manual_seed(0)
        vae.zero_grad()
        with pyro.validation_enabled(validated):
            value = loss(videos)
        value.backward()
        found.append([value.detach(), *(p.grad for p in vae.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
