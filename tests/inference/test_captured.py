"""A step as a CUDA graph: its calls and its tensors without a GPU, and the whole with one."""

import pyro
import pytest
import torch
from cuda_stand_ins import Graph, stand_in
from example_priors import Unknown
from small_runs import small_data, small_run, small_vae

from pyro_factor import gallery, priors
from pyro_factor.config import TrainingConfig
from pyro_factor.errors import InputError
from pyro_factor.inference.captured import WARMUP, Captured, check_capture
from pyro_factor.inference.trainer import Trainer

HERE = torch.device("cpu")


@pytest.fixture
def graphs(monkeypatch):
    """Stand-ins for what only a GPU has: a graph replays nothing but its kernels, so nothing."""
    return stand_in(monkeypatch)


def test_a_captured_step_reads_other_clips_from_where_it_was_captured(graphs):
    seen = []

    def step(videos):
        seen.append(videos)
        return {"loss": videos.sum()}

    captured, zeros = Captured(step, HERE), torch.zeros(3)
    for _ in range(WARMUP):
        captured(zeros)
    assert graphs == []
    captured(zeros)
    captured(torch.ones(3))
    assert [graph.replays for graph in graphs] == [2]
    assert len(seen) == WARMUP + 1  # no Python in between
    assert seen[-1].tolist() == [1, 1, 1]
    assert zeros.tolist() == [0, 0, 0]


def test_a_steps_values_are_not_overwritten_by_the_next(graphs):
    values = {"loss": torch.zeros(())}
    captured = Captured(lambda videos: values, HERE)
    for _ in range(WARMUP):
        captured(torch.zeros(1))
    first = captured(torch.zeros(1))
    values["loss"].fill_(1.0)
    assert first["loss"] == 0


def test_a_step_that_cannot_be_captured_is_refused(graphs):
    def step(videos):
        if Graph.capturing:
            raise RuntimeError("Cannot copy between CPU and CUDA tensors\nmore of it")
        return {}

    captured = Captured(step, HERE)
    for _ in range(WARMUP):
        captured(torch.zeros(1))
    with pytest.raises(InputError, match=r"cuda_graph: got True; .* \(Cannot copy between"):
        captured(torch.zeros(1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"prior": Unknown()}, "changes with the prior's parameters"),
        ({"guide": "smoothing"}, "a smoothing guide factorises"),
    ],
)
def test_a_step_that_is_known_not_to_be_capturable_is_refused_before_it(options, told):
    with pytest.raises(InputError, match=f"cuda_graph: got True; .*{told}"):
        check_capture(small_vae(**options))


@pytest.mark.parametrize(
    "prior", [priors.factored, priors.slow, gallery.multi_rate, gallery.LearnedFactored()]
)
def test_other_steps_are_not(prior):
    check_capture(small_vae(prior=prior))


SCHEDULE = {"decay": 0.5, "decay_every": 2, "warm_up": {"hs": 4, "ht": 6}}


def losses(device, *, captured=None, **options):
    """The losses of a short training."""
    config = TrainingConfig(videos=4, precision="float32", **SCHEDULE, **options)
    torch.manual_seed(0)
    with pyro.settings.context(module_local_params=True):
        trainer = Trainer(small_vae().to(device).train(), small_data(), config, device)
        if captured is not None:
            trainer.capture(captured)
        return [float(trainer.update(i, trainer.draw(i))["loss"]) for i in range(8)]


def test_a_training_by_tensors_is_the_training_by_numbers():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two add up in either order
    try:
        found = losses(HERE, captured=lambda step, _: step)
        assert found == pytest.approx(losses(HERE), rel=1e-6)
    finally:
        torch.set_num_threads(threads)


def test_a_graph_is_for_gpus_alone():
    assert losses(HERE, cuda_graph=True) == losses(HERE)


def test_a_run_may_go_on_with_a_graph_or_without(tmp_path):
    """It says how a step is launched, and not what it computes."""
    small_run(tmp_path / "run", small_vae(), 2, cuda_graph=True)
    run = small_run(tmp_path / "run", small_vae(), 4, cuda_graph=False, resume=True)
    assert run.iteration == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_training_by_a_graph_is_the_training_step_by_step():
    cuda = torch.device("cuda")
    assert losses(cuda, cuda_graph=True) == pytest.approx(losses(cuda), rel=1e-6)
