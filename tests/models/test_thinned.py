"""Priors of every so many-th frame, against the blocks of the whole prior's covariance."""

import json
import math
import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule, PyroSample
from small_runs import small_data, small_run, small_vae

from pyro_factor import AnalyticKL_ELBO, VideoVAE, gallery, gaussian_form, priors
from pyro_factor.config import FROM_PYTHON, TrainingConfig, make_config, read_config
from pyro_factor.errors import InputError
from pyro_factor.inference.metrics import read_rows
from pyro_factor.inference.trainer import Trainer
from pyro_factor.models import GaussianRandomWalk
from pyro_factor.models.closed_forms import closed_form
from pyro_factor.models.prior_reader import PriorReader
from pyro_factor.models.prior_reference import refer_to
from pyro_factor.models.thinned import thinned, thinned_pair, thinned_pairs


class Drawn(PyroModule):
    """A module that has nothing to train: a draw that Pyro makes where it is read, and a buffer."""

    def __init__(self):
        super().__init__()
        self.centre = PyroSample(dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        self.register_buffer("scale", torch.tensor(0.3))

    def forward(self, num_frames):
        walk = pyro.sample("walk", GaussianRandomWalk(num_frames, 2, self.scale))
        return self.centre.unsqueeze(-2) + walk


PRIORS = {
    "drawn": Drawn(),
    "factored": priors.factored,
    "learned": gallery.LearnedFactored(static_scale=0.2, temporal_scale=0.3),
    "factored, bound": partial(priors.factored, static=1, temporal_scale=0.3),
    "slow": partial(priors.slow, features=2),
    "independent": priors.independent,
    "multi_rate": gallery.multi_rate,
    "integrated": gallery.integrated,
    "gp_rbf": gallery.gp_rbf,
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("name", PRIORS)
def test_the_form_is_the_marginal_of_the_whole_one(name, every):
    prior, kept = PRIORS[name], 3
    whole = gaussian_form(prior, every * (kept - 1) + 1)
    form = gaussian_form(thinned(prior, every), kept)
    frames, features = whole.loc.shape
    blocks = whole.covariance.detach().reshape(frames, features, frames, features)[
        ::every, :, ::every
    ]
    np.testing.assert_allclose(form.loc.detach(), whole.loc.detach()[::every], atol=1e-10)
    expected = blocks.reshape(kept * features, kept * features)
    np.testing.assert_allclose(form.covariance.detach(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("prior", [gallery.brownian_bridge, partial(gallery.groups, clips=2)])
def test_frames_that_depend_on_their_number_are_those_of_the_whole_clip(prior):
    frames, every = 8, 3
    whole = gaussian_form(prior, frames)
    pair = thinned_pair(VideoVAE(prior, frames, image_shape=(1, 16, 16)), every)
    form = gaussian_form(pair.prior, pair.num_frames)
    features = whole.loc.shape[1]
    block = whole.covariance.reshape(frames, features, frames, features)[::every, :, ::every]
    expected = block.reshape(form.covariance.shape)
    np.testing.assert_allclose(form.covariance, expected, rtol=1e-7, atol=1e-9)


def wrapped(num_frames, static_scale=0.1):
    """The factored prior within a function of one's own, of which nothing is known."""
    sizes = {"static": 2, "temporal": 1}
    return priors.factored(num_frames, **sizes, static_scale=static_scale, temporal_scale=0.3)


def test_a_tensor_that_is_bound_is_read_anew():
    scale = torch.tensor(0.5)
    kept = PriorReader(thinned(partial(wrapped, static_scale=scale), 2))
    for value in (0.5, 1.5):
        scale.fill_(value)
        variances = kept.form(3).covariance.diagonal().reshape(3, 3)[:, :2]
        torch.testing.assert_close(variances, torch.full_like(variances, 1 + value**2))


def test_a_prior_of_ones_own_keeps_its_factors(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = small_vae(prior=wrapped, guide="shuffling")
    for every in (1, 2):
        assert thinned_pair(vae, every, 2).factors == {"hs": [0, 1], "ht": [2]}
    options = {"every": [1, 2], "orthogonality": 3.0, "persistence": 2.0, "log_every": 1}
    run = small_run(tmp_path, vae, 4, **options)
    rows = read_rows(run.folder / "metrics.jsonl")
    assert all(row["orthogonality"] > 0 for row in rows)
    assert ["persistence" in row for row in rows] == [False, True, False, True]


DISTANCES = {
    "factored": priors.factored,
    "independent": priors.independent,
    "learned": PRIORS["learned"],
    "multi_rate": gallery.multi_rate,
    "brownian_bridge": gallery.brownian_bridge,  # depends on the number of frames
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", DISTANCES)
def test_pairs_of_several_distances_are_blocks_of_the_whole_clip(name):
    frames, distances = 9, (1, 4, 2)
    whole = gaussian_form(DISTANCES[name], frames)
    features = whole.loc.shape[1]
    covariance = whole.covariance.detach().reshape(frames, features, frames, features)
    vae = VideoVAE(DISTANCES[name], frames, beta=6.0, image_shape=(1, 16, 16))
    pairs = thinned_pairs(vae, distances)
    assert tuple(pairs) == distances
    for every, pair in pairs.items():
        assert (pair.num_frames, pair.beta) == (3, 1.5)  # as the largest distance leaves
        form = gaussian_form(pair.prior, pair.num_frames)
        kept = [0, every, 2 * every]
        np.testing.assert_allclose(form.loc.detach(), whole.loc.detach()[kept], atol=1e-10)
        block = covariance[kept][:, :, kept].reshape(form.covariance.shape)
        np.testing.assert_allclose(form.covariance.detach(), block, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["factored", "factored, bound", "slow", "independent", "learned"])
def test_the_papers_priors_keep_their_closed_form_and_their_factors(name):
    vars(PRIORS[name])  # a partial that has been asked for it is nested, not merged
    prior = thinned(PRIORS[name], 4)
    assert closed_form(prior) is not None
    assert VideoVAE(prior, 2).factors == VideoVAE(PRIORS[name], 2).factors


def test_a_pair_shares_the_networks():
    vae = small_vae(guide="shuffling", beta=6.0)
    pair = thinned_pair(vae, 3)
    assert pair.beta == 2.0  # as if all frames were there to be reconstructed
    assert pair.guide.encoder is vae.guide.encoder
    assert pair.model.decoder is vae.model.decoder
    assert (pair.num_frames, pair.guide.name) == (2, "shuffling")
    assert thinned_pair(vae, 1) is vae


def test_learned_scales_train_by_the_kept_frames(tmp_path):
    prior = gallery.LearnedFactored(static_scale=0.2, temporal_scale=0.3)
    kept = thinned(thinned(prior, 3), 2)
    with torch.no_grad():
        prior.temporal_scale_unconstrained += 1.0
        scale = kept.factored().keywords["temporal_scale"]
    assert scale.item() == pytest.approx(0.3 * math.exp(1.0) * math.sqrt(6), rel=1e-6)
    assert set(kept.parameters()) == set(prior.parameters())

    vae = small_vae(prior=prior, guide="shuffling")
    before = [parameter.clone() for parameter in prior.parameters()]
    small_run(tmp_path, vae, 1, every=2)
    assert all(a != b for a, b in zip(before, prior.parameters(), strict=True))


def test_a_step_takes_the_loss_of_the_kept_frames(tmp_path):
    vae, data = small_vae(beta=2.0), small_data()
    config = small_run(tmp_path, small_vae(), 1, every=2).config.training
    trainer = Trainer(vae, data, config, torch.device("cpu"))
    videos = trainer.draw(0)
    drawn = data.batch(config.videos, trainer.seed(0)).videos
    assert torch.equal(videos, drawn[:, ::2])
    before = [parameter.clone() for parameter in vae.parameters()]
    state = torch.get_rng_state()
    pair = thinned_pair(vae, 2)
    expected = AnalyticKL_ELBO()(pair.model, pair.guide)(videos).detach() / len(videos)
    torch.set_rng_state(state)
    assert trainer.update(0, videos)["loss"] == pytest.approx(float(expected), rel=1e-4)
    changed = [not torch.equal(a, b) for a, b in zip(before, vae.parameters(), strict=True)]
    assert all(changed)


def test_a_run_says_so_and_can_be_gone_on_with(tmp_path):
    vaes = [small_vae() for _ in range(2)]
    vaes[1].load_state_dict(vaes[0].state_dict())
    whole = small_run(tmp_path / "whole", vaes[0], 4, every=3)
    small_run(tmp_path / "parts", vaes[1], 2, every=3)
    parts = small_run(tmp_path / "parts", vaes[1], 4, every=3, resume=True)
    for ours, theirs in zip(whole.vae.parameters(), parts.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert whole.config.training.every == (3,)
    with pytest.raises(InputError, match="every: the run has 3, not 1"):
        small_run(tmp_path / "parts", vaes[1], 6, resume=True)


def test_each_distance_has_its_turn(tmp_path):
    options = {"persistence": 2.0, "precision": "float32"}
    config = small_run(tmp_path, small_vae(), 1, every=[1, 3], **options).config.training
    vae, data = small_vae(guide="shuffling"), small_data()
    trainer = Trainer(vae, data, config, torch.device("cpu"))
    pairs = thinned_pairs(vae, (1, 3))
    for iteration, every in enumerate([1, 3, 1]):
        videos = trainer.draw(iteration)
        drawn = data.batch(config.videos, trainer.seed(iteration)).videos
        assert torch.equal(videos, drawn[:, [0, every]])
        state = torch.get_rng_state()
        loss = AnalyticKL_ELBO()(pairs[every].model, pairs[every].guide)(videos) / len(videos)
        kept = trainer.persistence(vae.guide.encoder(videos.flatten(0, 1))[0].unflatten(0, (-1, 2)))
        torch.set_rng_state(state)
        found = trainer.update(iteration, videos)
        penalty = kept.item() if every == 3 else 0.0  # what moves is kept by near frames too
        assert ("persistence" in found) == (every == 3)
        assert found["loss"].item() == pytest.approx(loss.item() + 2 * penalty, rel=1e-4)


def test_of_all_distances_each_one_s_covariances_are_remembered(tmp_path):
    options = {"persistence": 2.0, "persistence_at": "all", "persistence_memory": 3}
    config = small_run(tmp_path, small_vae(), 1, every=[1, 3], **options).config.training
    trainer = Trainer(small_vae(guide="shuffling"), small_data(), config, torch.device("cpu"))
    for iteration in range(3):
        assert "persistence" in trainer.update(iteration, trainer.draw(iteration))
        assert int(trainer.persistence.steps) == iteration + 1


@pytest.mark.parametrize("every", [(1, 2), (2, 1, 2)])
def test_turns_go_on_where_they_were(tmp_path, every):
    vaes = [small_vae(prior=gallery.LearnedFactored()) for _ in range(2)]
    vaes[1].load_state_dict(vaes[0].state_dict())
    whole = small_run(tmp_path / "whole", vaes[0], 5, every=every, log_every=3)
    small_run(tmp_path / "parts", vaes[1], 2, every=every, log_every=3)
    parts = small_run(tmp_path / "parts", vaes[1], 5, every=every, log_every=3, resume=True)
    for ours, theirs in zip(whole.vae.parameters(), parts.vae.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    rows = [read_rows(run.folder / "metrics.jsonl") for run in (whole, parts)]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    with pytest.raises(InputError, match=re.escape(f"every: the run has {every}, not 1")):
        small_run(tmp_path / "parts", vaes[1], 6, resume=True)


def test_a_step_is_captured_for_each_distance():
    found, config = [], TrainingConfig(videos=4, precision="float32", every=(1, 2))
    with pyro.settings.context(module_local_params=True):
        trainer = Trainer(small_vae().train(), small_data(), config, torch.device("cpu"))

        def captured(step, device):
            found.append([])
            calls = found[-1]
            return lambda videos: calls.append(len(videos)) or step(videos)

        trainer.capture(captured)
        for iteration in range(3):
            trainer.update(iteration, trainer.draw(iteration))
    assert found == [[4, 4], [4]]


def test_one_distance_is_written_as_a_number(tmp_path):
    for name, every, written in [("one", [2], 2), ("two", [2, 1], [2, 1])]:
        run = small_run(tmp_path / name, small_vae(), 1, every=every)
        assert json.loads((run.folder / "config.json").read_text())["training"]["every"] == written
        assert read_config(run.folder / "config.json").training.every == tuple(every)
    same = TrainingConfig(every=2)
    assert same == TrainingConfig(every=(2,))


def described(**training):
    return make_config({}, {}, training)


BAD = {
    "none": (lambda: thinned(priors.slow, 0), "every: got 0; give 1 or more"),
    "too many": (lambda: thinned_pair(small_vae(), 50), "every: got 50; give less than the"),
    "no marginal": (
        lambda: thinned_pair(small_vae(prior=gallery.laplace_walk), 2),
        "every: got 2; the prior of those frames alone isn't known; give 1 (prior: draw 'ht_1'",
    ),
    "too many of several": (
        lambda: thinned_pairs(small_vae(), (50, 2)),
        "every: got 50; give less than the",
    ),
    "no number": (lambda: described(every=()), "every: got (); tuple should have at least 1 item"),
    "zero of several": (lambda: described(every=(2, 0)), "every: got 0; input should be greater"),
    "text": (lambda: described(every="2"), "every: got '2'; input should be a valid tuple"),
    "no marginal of several": (
        lambda: thinned_pairs(small_vae(prior=gallery.laplace_walk), (1, 2)),
        "every: got 2; the prior of those frames alone isn't known; give 1 (prior: draw 'ht_1'",
    ),
    "parameters": (lambda: thinned(torch.nn.Linear(1, 1), 2), "no method thinned(every); give 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    call, message = BAD[case]
    with pytest.raises(InputError) as caught:
        call()
    assert message in str(caught.value)


def test_nothing_is_written_for_a_step_that_is_too_long(tmp_path):
    with pytest.raises(InputError, match="every: got 50"):
        small_run(tmp_path / "run", small_vae(), 1, every=50)
    assert not (tmp_path / "run").exists()


def test_a_thinned_prior_is_not_the_one_that_its_name_builds():
    prior = gallery.LearnedFactored()
    assert refer_to(prior).prior == "learned"
    assert refer_to(prior.thinned(4)).prior == FROM_PYTHON


class Copying(PyroModule):
    """A walk that gives a copy of itself, whose scale would never train."""

    def __init__(self, scale=0.1):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, num_frames):
        return pyro.sample("ht", GaussianRandomWalk(num_frames, 2, self.scale))

    def thinned(self, every):
        return Copying(self.scale.item() * math.sqrt(every))


def test_a_thinned_prior_with_parameters_of_its_own_is_refused():
    with pytest.raises(InputError, match=r"every: got 2; the prior's thinned\(every\) must return"):
        thinned_pair(small_vae(Copying()), 2)


@dataclass
class Walk:
    """Not hashable, as a dataclass is not that can change."""

    scale: float = 0.1

    def __call__(self, num_frames):
        steps = torch.full((num_frames, 2), self.scale)
        return pyro.sample("ht", dist.Normal(0.0, steps).to_event(2))


def test_a_prior_that_is_not_hashable_is_thinned_too(tmp_path):
    assert small_run(tmp_path, small_vae(Walk()), 2, every=2).iteration == 2
