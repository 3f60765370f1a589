import json
import re
import signal
from types import SimpleNamespace

import example_priors as examples
import pyro
import pytest
import torch
from small_runs import FRAMES, SIZE, rows, small_data, small_run, small_vae

from pyro_factor import gallery, priors
from pyro_factor.checkpoint import read_checkpoint, weights
from pyro_factor.config import make_config
from pyro_factor.data import BouncingDigits
from pyro_factor.errors import InputError, TrainingDiverged, TrainingInterrupted
from pyro_factor.evaluation.plots import training_figure
from pyro_factor.inference import load
from pyro_factor.inference.hardware import determinism, kernels
from pyro_factor.inference.metrics import Metrics, read_rows
from pyro_factor.inference.runs import checkpoint_path, kept_iterations
from pyro_factor.inference.session import Session
from pyro_factor.inference.trainer import Trainer
from pyro_factor.inference.training import train_described
from pyro_factor.models import Encoder, NotGaussianPrior, VideoVAE


@pytest.fixture(autouse=True)
def _one_second_start(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)


def tensors(folder):
    return read_checkpoint(checkpoint_path(folder)).tensors


def assert_same_run(a, b):
    """Bit for bit: weights, Adam's state, pending values and rows, but for the time taken."""
    ours, theirs = tensors(a), tensors(b)
    assert ours.keys() == theirs.keys()
    assert [k for k in ours if not torch.equal(ours[k], theirs[k])] == []
    timeless = [[{k: v for k, v in r.items() if k != "seconds"} for r in rows(f)] for f in (a, b)]
    assert timeless[0] == timeless[1]


def at(iteration, act, method, monkeypatch):
    """Run `act(trainer)` before a method of `Trainer` at one iteration, numbered from 0."""
    original = getattr(Trainer, method)

    def changed(self, i, *args):
        if i == iteration:
            act(self)
        return original(self, i, *args)

    monkeypatch.setattr(Trainer, method, changed)


@pytest.mark.parametrize("particles", [1, 2])
@pytest.mark.parametrize("elbo", ["analytic", "trace"])
def test_a_few_dozen_steps_lower_the_loss(tmp_path, elbo, particles):
    vae = small_vae()
    small_run(tmp_path, vae, 40, elbo=elbo, particles=particles, learning_rate=1e-2)
    found = rows(tmp_path)
    assert [row["iteration"] for row in found] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert found[-1]["loss"] < 0.7 * found[0]["loss"]
    for row in found:
        assert row["elbo"] == pytest.approx(sum(row["terms"].values()))
        assert row["loss"] == pytest.approx(-row["elbo"], rel=1e-5)  # β = 1
    assert not pyro.get_param_store().keys()
    assert not vae.training


def test_bfloat16_trains_too(tmp_path):
    small_run(tmp_path, small_vae(), 20, precision="bfloat16", learning_rate=1e-2)
    found = rows(tmp_path)
    assert found[-1]["loss"] < found[0]["loss"]
    assert {t.dtype for t in tensors(tmp_path).values() if t.is_floating_point()} == {torch.float32}


def test_the_random_state_and_validation_are_left_as_they_were(tmp_path):
    before, validated = torch.get_rng_state(), pyro.infer.is_validation_enabled()
    vae = small_vae()
    state = torch.get_rng_state()
    small_run(tmp_path, vae, 3)
    assert not torch.equal(before, state)  # weights were drawn
    assert torch.equal(torch.get_rng_state(), state)
    assert pyro.infer.is_validation_enabled() == validated


def test_the_learning_rate_follows_the_iteration(tmp_path):
    options = {"learning_rate": 0.5, "decay": 0.1, "decay_every": 2, "log_every": 1}
    small_run(tmp_path, small_vae(), 5, **options)
    rates = [row["learning_rate"] for row in rows(tmp_path)]
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])


def test_another_seed_is_another_run(tmp_path):
    for name, seed in {"a": 1, "b": 1, "c": 2}.items():
        torch.manual_seed(0)
        small_run(tmp_path / name, small_vae(), 3, seed=seed)
    assert_same_run(tmp_path / "a", tmp_path / "b")
    assert rows(tmp_path / "a")[0]["loss"] != rows(tmp_path / "c")[0]["loss"]


def interrupt_in_batch(monkeypatch, iteration):
    def stop(trainer):
        raise KeyboardInterrupt

    at(iteration, stop, "draw", monkeypatch)


def press_ctrl_c_in_step(monkeypatch, iteration):
    at(iteration, lambda trainer: signal.raise_signal(signal.SIGINT), "update", monkeypatch)


@pytest.mark.parametrize("elbo", ["analytic", "trace"])
@pytest.mark.parametrize(("stop", "done"), [(interrupt_in_batch, 7), (press_ctrl_c_in_step, 8)])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, elbo, stop, done):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    torch.manual_seed(0)
    small_run(whole, small_vae(), elbo=elbo)
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        stop(patch, 7)
        with pytest.raises(TrainingInterrupted, match=f"(?s){done} of 12.*--resume"):
            small_run(cut, small_vae(), elbo=elbo)
    assert read_checkpoint(checkpoint_path(cut)).iteration == done
    torch.manual_seed(1)  # the fresh weights don't matter
    small_run(cut, small_vae(), elbo=elbo, resume=True)
    assert [row["iteration"] for row in rows(cut)] == [5, 10, 12]
    assert [list(row["terms"]) for row in rows(cut)] == [list(row["terms"]) for row in rows(whole)]
    assert_same_run(whole, cut)


def test_a_step_cut_off_halfway_is_not_saved(tmp_path, monkeypatch):
    def stop(trainer):
        raise KeyboardInterrupt  # what a second Ctrl-C does

    at(6, stop, "update", monkeypatch)
    with pytest.raises(TrainingInterrupted, match="4 of 12"):
        small_run(tmp_path, small_vae())


@pytest.mark.parametrize("moment", ["check", "flush", "_keep"])
def test_a_row_and_weights_cut_off_halfway_come_again(tmp_path, monkeypatch, moment):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    kind = Metrics if moment == "flush" else Session
    original = getattr(kind, moment)

    def stop(self, *args, **kwargs):
        if getattr(self, "metrics", self).iteration == 10:
            raise KeyboardInterrupt  # what a second Ctrl-C does
        return original(self, *args, **kwargs)

    torch.manual_seed(0)
    small_run(whole, small_vae(), keep=[10])
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(kind, moment, stop)
        with pytest.raises(TrainingInterrupted, match="8 of 12"):
            small_run(cut, small_vae(), keep=[10])
    small_run(cut, small_vae(), keep=[10], resume=True)
    assert_same_run(whole, cut)
    assert kept_iterations(cut) == [10]


def test_a_longer_run_is_the_same_as_one_planned_so(tmp_path):
    torch.manual_seed(0)
    small_run(tmp_path / "a", small_vae(), 12)
    torch.manual_seed(0)
    small_run(tmp_path / "b", small_vae(), 7)
    assert [row["iteration"] for row in rows(tmp_path / "b")] == [5, 7]
    small_run(tmp_path / "b", small_vae(), 12, resume=True)
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_rows_after_the_checkpoint_and_half_a_row_are_dropped(tmp_path):
    small_run(tmp_path, small_vae(), 10)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(rows(tmp_path)[-1] | {"iteration": 15}) + '\n{"iter')
    small_run(tmp_path, small_vae(), 15, resume=True)
    assert [row["iteration"] for row in rows(tmp_path)] == [5, 10, 15]


def test_a_finished_run_says_so(tmp_path, capsys):
    small_run(tmp_path, small_vae(), 7)
    before = tensors(tmp_path), (tmp_path / "metrics.jsonl").read_bytes()
    run = small_run(tmp_path, small_vae(), 7, resume=True)
    assert "all 7 iterations are done" in capsys.readouterr().err
    assert (tmp_path / "metrics.jsonl").read_bytes() == before[1]
    assert all(torch.equal(t, before[0][f"weights.{k}"]) for k, t in weights(run.vae).items())


def test_weights_that_are_asked_for_too_late_are_named(tmp_path, capsys):
    small_run(tmp_path, small_vae(), 4)
    small_run(tmp_path, small_vae(), 4, keep=[2, 4], resume=True)
    assert "Left out: weights of iterations that are past: 2, 4" in capsys.readouterr().err
    small_run(tmp_path, small_vae(), 6, keep=[4, 6], resume=True)
    assert kept_iterations(tmp_path) == [4, 6]


def spoil(part):
    def act(trainer):
        with torch.no_grad():
            next(p for n, p in trainer.vae.named_parameters() if part in n).fill_(torch.nan)

    return act


@pytest.mark.parametrize("elbo", ["analytic", "trace"])
@pytest.mark.parametrize(
    ("part", "iteration", "term"),
    [("decoder", 6, "reconstruction"), ("encoder", 10, "reconstruction|entropy")],
)
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    tmp_path, monkeypatch, elbo, part, iteration, term
):
    at(iteration - 1, spoil(part), "draw", monkeypatch)
    # three iterations later there is still no checkpoint or row, and the first bad one is named
    message = rf"iteration {iteration}: .*({term}).* not finite; .*The learning rate was 0.001"
    with pytest.raises(TrainingDiverged, match=message) as caught:
        small_run(tmp_path, small_vae(), elbo=elbo, checkpoint_every=4, log_every=20)
    good = 4 * ((iteration - 1) // 4)
    assert f"checkpoint of iteration {good} is kept" in str(caught.value)
    assert read_checkpoint(checkpoint_path(tmp_path)).iteration == good
    assert all(t.isfinite().all() for t in weights(load(tmp_path)).values())


SPOILED = {
    "reconstruction": ("decoder", "weight", 0, torch.nan),
    "entropy": ("encoder", "scale.bias", 0, torch.inf),
    "static": ("encoder", "loc.bias", 0, 1e30),
    "temporal": ("encoder", "loc.bias", 3, 1e30),
}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("elbo", ["analytic", "trace"])
@pytest.mark.parametrize("term", SPOILED)
def test_each_term_is_named_with_what_helps(tmp_path, monkeypatch, term, elbo, precision):
    part, name, entry, value = SPOILED[term]

    def act(trainer):
        with torch.no_grad():
            chosen = [p for n, p in trainer.vae.named_parameters() if part in n and name in n]
            chosen[0].view(-1)[entry] = value

    at(2, act, "draw", monkeypatch)
    with pytest.raises(TrainingDiverged) as caught:
        small_run(tmp_path, small_vae(), elbo=elbo, precision=precision, checkpoint_every=2)
    numbers = r"[\d.e+]+, then [\d.e+]+, then (nan|inf|[\d.e+]+)"
    pattern = (
        rf"iteration 3: .*{term}.* not finite; stopped. The gradient's largest entry was {numbers}."
        f" The learning rate was 0.001, the precision {precision}. The checkpoint of iteration 2 "
    )
    assert re.match(pattern, str(caught.value))
    assert ("or in float32" in str(caught.value)) == (precision != "float32")
    assert all(t.isfinite().all() for t in weights(load(tmp_path)).values())


def test_weights_that_are_not_finite_are_not_saved(tmp_path, monkeypatch):
    original = Trainer.update

    def update(self, iteration, videos):
        values = original(self, iteration, videos)
        if iteration == 7:
            spoil("decoder")(self)
        return values

    monkeypatch.setattr(Trainer, "update", update)
    with pytest.raises(TrainingDiverged, match=r"iteration 8: model\.decoder.*weight is not"):
        small_run(tmp_path, small_vae())
    assert read_checkpoint(checkpoint_path(tmp_path)).iteration == 4


class Masked(Encoder):
    """An encoder with a buffer whose infinities are meant."""

    def __init__(self):
        super().__init__(4, (1, SIZE, SIZE), channels=(4, 8), hidden=16)
        self.register_buffer("mask", torch.zeros(2, 2).fill_diagonal_(-torch.inf))


def test_infinities_that_are_meant_are_saved(tmp_path):
    small_run(tmp_path, small_vae(encoder=Masked()), 1)
    small_run(tmp_path, small_vae(encoder=Masked()), 2, resume=True)
    assert tensors(tmp_path)["weights.guide.encoder.mask"].diag().isinf().all()


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_weights_that_are_not_finite_from_the_start_are_refused(tmp_path, part):
    vae = small_vae()
    spoil(part)(SimpleNamespace(vae=vae))
    with pytest.raises(InputError, match=f"vae: got '.*{part}.*'; it holds values that are not"):
        small_run(tmp_path / "run", vae, 1)
    assert not (tmp_path / "run").exists()


class Loud(BouncingDigits):
    def batch(self, num_videos, generator):
        clips = super().batch(num_videos, generator)
        clips.videos.mul_(255)
        return clips


BAD = {
    "iterations": ({"iterations": 0}, "iterations: got 0"),
    "videos": ({"videos": -1}, "videos: got -1"),
    "elbo": ({"elbo": "exact"}, "elbo: got 'exact'"),
    "rate": ({"learning_rate": float("nan")}, "learning_rate: got nan"),
    "seed": ({"seed": -1}, "seed: got -1"),
    "precision": ({"precision": "half"}, "precision: got 'half'"),
    "device": ({"device": "gpu"}, "device: got 'gpu'"),
    "range": ({"data": small_data(Loud)}, "range|\\[0, 1\\]"),
    "shape": ({"data": BouncingDigits(num_frames=4)}, r"videos: got \(1, 4, 1, 64, 64\)"),
    "frames": ({"data": BouncingDigits(num_frames=5, image_size=32)}, "frames: got 5"),
    "resume": ({"resume": True}, "no run"),
    "keep": ({"keep": 1.5}, "keep: got 1.5"),
    "warm-up": ({"warm_up": 3}, "warm_up: got 3"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_written(tmp_path, case):
    options, message = BAD[case]
    with pytest.raises(InputError, match=message):
        small_run(tmp_path / "run", small_vae(), **options)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_precision_is_told_how_to_be_brought_to_the_clips(tmp_path):
    with pytest.raises(InputError, match=r"videos: .*vae\.to\('cpu', torch\.float32\)"):
        small_run(tmp_path / "run", small_vae().double(), 1)


def test_training_takes_gradients_wherever_it_is_called(tmp_path):
    with torch.no_grad():
        small_run(tmp_path, small_vae(), 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for what isn't there")
def test_an_absent_gpu_is_named(tmp_path):
    with pytest.raises(InputError, match="device: got 'cuda'"):
        small_run(tmp_path / "run", small_vae(), device="cuda")


def test_a_run_is_neither_overwritten_nor_changed(tmp_path):
    small_run(tmp_path, small_vae(), 2)
    with pytest.raises(InputError, match="holds a finished run"):
        small_run(tmp_path, small_vae(), 2)
    with pytest.raises(InputError, match="videos: the run has 4, not 5"):
        small_run(tmp_path, small_vae(), 2, videos=5, seed=3, resume=True)
    with pytest.raises(InputError, match=r"iterations: .* 2.* 1"):
        small_run(tmp_path, small_vae(), 1, resume=True)


def test_a_prior_that_the_estimator_can_not_take_leaves_no_folder(tmp_path):
    vae = small_vae(examples.laplace_draw)
    with pytest.raises(NotGaussianPrior, match="jump"):
        small_run(tmp_path / "run", vae, 2, elbo="analytic")
    assert not (tmp_path / "run").exists()
    small_run(tmp_path / "run", vae, 2, elbo="trace")


def test_a_row_cut_off_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    row = {"iteration": 5, "loss": 2.0, "elbo": -2.0, "terms": {"reconstruction": -2.0}}
    path.write_text(json.dumps(row) + '\n{"iterat')
    assert read_rows(path) == [row]
    path.write_text(f"nonsense\n{json.dumps(row)}\n")
    with pytest.raises(InputError, match="damaged"):
        read_rows(path)


class Thinned(gallery.LearnedFactored):
    """A prior whose frames have draws of their own, or are every so many-th of another's."""

    def forward(self, num_frames):
        if self.every == 1:
            return priors.factored(num_frames, static_scale=self.static_scale)
        h = priors.factored(self.every * (num_frames - 1) + 1, static_scale=self.static_scale)
        return h[..., :: self.every, :]


@pytest.mark.parametrize("log_every", [1, 2, 4])
def test_terms_of_other_names_at_other_distances_add_up_to_the_elbo(tmp_path, log_every):
    def run(iterations, **options):
        torch.manual_seed(0)
        shared = {"every": (1, 2), "elbo": "trace", "log_every": log_every}
        return small_run(tmp_path, small_vae(Thinned(), beta=2.0), iterations, **shared, **options)

    run(2)
    found = read_rows(run(4, resume=True).folder / "metrics.jsonl")
    assert {"static", "prior"} <= {name for row in found for name in row["terms"]}
    for row in found:
        assert row["elbo"] == pytest.approx(sum(row["terms"].values()))
        assert row["elbo"] == pytest.approx(-row["loss"], rel=1e-4)
    training_figure(found)


@pytest.mark.parametrize("warn_only", [True, False])
def test_what_the_caller_asked_of_operations_is_asked_again_afterwards(warn_only):
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    try:
        with determinism(True):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warn_only
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("allowed", [True, False])
def test_training_leaves_it_to_the_caller_whether_convolutions_may_round(monkeypatch, allowed):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    with kernels():
        assert torch.backends.cudnn.allow_tf32 == allowed
    assert torch.backends.cudnn.allow_tf32 == allowed


def test_a_batch_of_one_frame_can_not_be_normalised(tmp_path):
    data = small_data().replace(num_frames=1)
    sizes = {"image_shape": (1, SIZE, SIZE), "channels": (4, 8), "hidden": 16}
    vae = VideoVAE(priors.factored, 1, **sizes)
    with pytest.raises(InputError, match="videos: got 1; batch normalisation needs two frames"):
        small_run(tmp_path / "run", vae, 1, data=data, videos=1)
    assert not (tmp_path / "run").exists()
    small_run(tmp_path / "run", vae, 1, data=data, videos=2)


def test_a_described_training_leaves_the_random_state(tmp_path):
    sections = [{"num_frames": FRAMES, "image_size": SIZE}, {"channels": (4, 8), "hidden": 16}]
    config = make_config(*sections, {"iterations": 1, "videos": 4})
    before = torch.get_rng_state()
    train_described(config, tmp_path, progress=False)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("every", [1, 2])
def test_a_refused_training_leaves_the_mode_of_the_networks(tmp_path, every):
    vae = small_vae(gallery.laplace_walk if every == 1 else priors.slow).train()
    with pytest.raises(InputError):
        small_run(tmp_path / "run", vae, 1, every=every, orthogonality=1.0)
    assert all(module.training for module in vae.modules())


def test_a_deterministic_training_asks_pytorch_for_it_and_ends_so(tmp_path, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    seen = []
    update = Trainer.update

    def spy(self, iteration, videos):
        seen.append(torch.are_deterministic_algorithms_enabled())
        return update(self, iteration, videos)

    monkeypatch.setattr(Trainer, "update", spy)
    given = {"precision": "float32", "deterministic": True}
    torch.manual_seed(0)
    one = small_run(tmp_path / "one", small_vae(), 3, **given)
    torch.manual_seed(0)
    two = small_run(tmp_path / "two", small_vae(), 3, **given)
    assert seen == [True] * 6
    assert not torch.are_deterministic_algorithms_enabled()
    weights = (run.vae.state_dict() for run in (one, two))
    assert all(torch.equal(a, b) for a, b in zip(*(w.values() for w in weights), strict=True))
