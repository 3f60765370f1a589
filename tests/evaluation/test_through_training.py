"""Scores through a training, against those of each iteration and the KL of a Gaussian form."""

import json
import shutil

import example_priors as examples
import pytest
import torch
from small_runs import command, small_data, small_run, small_vae

from pyro_factor import evaluate, gallery, gaussian_form, priors
from pyro_factor.checkpoint import read_checkpoint, write_checkpoint
from pyro_factor.errors import InputError
from pyro_factor.evaluation.style import MARKERS
from pyro_factor.evaluation.tables import ACCURACIES
from pyro_factor.evaluation.through_training import (
    Moment,
    factor_nats,
    moments_figure,
    through_training,
)
from pyro_factor.inference.runs import load_run

FEW = {"clips": 100, "split": "test", "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "run"
    small_run(path, small_vae(), 6, keep=(0, 3, 6))
    return path


def test_each_moment_is_what_evaluate_finds(folder):
    moments = through_training(folder, **FEW)
    assert [moment.iteration for moment in moments] == [0, 3, 6]
    for moment, at in zip(moments, (0, 3, None), strict=True):
        scores = evaluate(load_run(folder, iteration=at), write=False, **FEW)
        assert moment.elbo == scores.elbo
        assert moment.reconstruction == scores.terms["reconstruction"]
        for judge in ("linear", "rbf"):
            expected = scores.judged[judge].accuracies
            assert moment.accuracies[judge]["d_score"] == expected.d_score
            assert moment.accuracies[judge]["static_static"] == expected.static_static
    assert [each["iteration"] for each in json.loads((folder / "kept.json").read_text())] == [
        0,
        3,
        6,
    ]


def test_a_learned_prior_is_scored_with_the_scales_of_its_moment(tmp_path):
    vae = small_vae(gallery.LearnedFactored())
    small_run(tmp_path / "run", vae, 6, keep=(0, 3, 6), learning_rate=0.1)
    for at in (0, 3):
        run = load_run(tmp_path / "run", iteration=at)
        learned = [parameter.clone() for parameter in run.vae.prior.parameters()]
        evaluate(run, write=False, **FEW)
        kept = zip(run.vae.prior.parameters(), learned, strict=True)
        assert all(torch.equal(*each) for each in kept)


def test_a_factors_nats_are_the_kl_of_its_gaussian():
    vae = small_vae().eval()
    videos = small_data().batch(5, torch.Generator().manual_seed(0)).videos
    found, q = factor_nats(vae, videos), vae.encode(videos)
    whole = gaussian_form(priors.factored, vae.num_frames).kl(q.loc, q.scale).mean().detach()
    assert sum(found.values()) == pytest.approx(float(whole), rel=1e-4)
    walk = gaussian_form(lambda n: priors.slow(n, 2), vae.num_frames)
    columns = vae.factors["ht"]
    expected = walk.kl(q.loc[..., columns], q.scale[..., columns]).mean().detach()
    assert found.keys() == {"hs", "ht"}
    assert found["ht"] == pytest.approx(float(expected), rel=1e-4)


def test_a_guide_that_ties_the_factors_has_no_nats_of_each():
    vae = small_vae(guide="smoothing").eval()
    assert factor_nats(vae, small_data().batch(2, torch.Generator().manual_seed(0)).videos) == {}


def test_a_prior_without_a_form_is_scored_all_the_same(tmp_path):
    small_run(tmp_path / "run", small_vae(examples.laplace_draw), 2, keep=(0, 2), elbo="trace")
    moments = through_training(tmp_path / "run", **FEW)
    assert [moment.nats for moment in moments] == [{}, {}]


def test_the_command_prints_the_tables_and_draws_the_figure(folder, capsys):
    assert command("evaluate", folder, "--kept", "--clips", 100) == 0
    out = capsys.readouterr().out
    for words in ("Through the training, RBF SVM", "KL hs", "active hs", "kept.png"):
        assert words in out
    assert "…" not in out  # nothing is cut off
    assert (folder / "figures" / "kept.png").stat().st_size > 10_000


def test_other_clips_have_their_own_files(folder, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    assert command("evaluate", copy, "--kept", "--clips", 100, "--split", "validation") == 0
    through_training(copy, **FEW | {"num_frames": 2})
    names = {path.name for path in [*copy.glob("kept*.json"), *copy.glob("figures/kept*")]}
    assert {"kept-validation.json", "kept-validation.png", "kept-2-frames.json"} <= names


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"config\.json"):
        through_training(tmp_path / "none")


def test_a_run_that_kept_nothing_is_refused(tmp_path):
    small_run(tmp_path, small_vae(), 1)
    with pytest.raises(InputError, match="it kept no weights; train with keep"):
        through_training(tmp_path)


def test_a_feature_whose_mean_is_constant_has_collapsed(folder, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    path = copy / "kept" / "3.safetensors"
    held = read_checkpoint(path)
    held.tensors["weights.guide.encoder.loc.weight"][0] = 0.0
    held.tensors["weights.guide.encoder.loc.weight"][1:] *= 1e3
    write_checkpoint(path, held)
    moment = through_training(copy, **FEW)[1]
    assert moment.active == {"hs": 1, "ht": 2}


@pytest.mark.parametrize(
    ("labelled", "nats", "panels"),
    [
        (True, {"hs": 1.0, "ht": 2.0}, 4),
        (True, {}, 3),
        (False, {"hs": 1.0, "ht": 2.0}, 2),
        (False, {}, 1),
    ],
)
def test_the_figure_has_what_the_clips_and_the_prior_have(labelled, nats, panels):
    accuracies = {"rbf": dict.fromkeys([*ACCURACIES, "d_score"], 0.5)} if labelled else {}
    figure = moments_figure(
        [Moment(i, 0.0, 0.0, nats, {"h": 1.0}, {"h": 2}, accuracies) for i in (0, 5)]
    )
    assert len(figure.axes) == panels
    assert all(axes.get_legend().get_texts() for axes in figure.axes)


def test_the_figure_has_a_line_for_each_of_many_factors():
    many = dict.fromkeys(map(str, range(len(MARKERS) + 1)), 1.0)
    figure = moments_figure([Moment(i, 0.0, 0.0, {}, many, {}, {}) for i in (0, 5)])
    assert len(figure.axes[0].get_legend().get_texts()) == len(many)
