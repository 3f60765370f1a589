"""Evaluation from end to end, on a model whose encoder knows the true factors."""

import json
import math
import sys
from dataclasses import replace
from functools import partial
from io import StringIO

import example_priors as examples
import pytest
import torch
from rich.console import Console

from pyro_factor.commands import score
from pyro_factor.data import BouncingDigits
from pyro_factor.errors import InputError, StorageError
from pyro_factor.evaluation import Scores, Split, evaluate, figures, score_tables, scores_path
from pyro_factor.evaluation.gather import STREAMS, batches, evaluating, gather, stream
from pyro_factor.evaluation.tables import score_listings
from pyro_factor.models import priors


def small(run, **changes):
    return evaluate(run, **{"clips": 150, "progress": False} | changes)


def test_an_oracle_reaches_the_ceiling_and_its_scores_read_back(run):
    scores = small(run)
    assert scores.own_split
    assert scores.split == Split(list(range(10)), [10, 11])
    for found in (scores.linear, scores.rbf):
        assert found.accuracies.num_frames == 600
        assert found.accuracies.d_score == pytest.approx(found.ceiling.d_score, rel=1e-3)
        assert found.transfer == found.accuracies.static_static == 1
    assert scores.rbf.accuracies.temporal_temporal > scores.linear.accuracies.temporal_temporal
    assert scores.elbo == pytest.approx(sum(scores.terms.values()))

    path = scores_path(run.folder)
    assert path.name == "scores.json"
    assert Scores.read(path) == scores
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["linear"]["accuracies"]["d_score"] == scores.d_score
    assert written["split"] == {"static": list(range(10)), "temporal": [10, 11]}
    assert [file.name for file in run.folder.iterdir()] == ["scores.json"]


def test_a_prior_without_a_split_gets_the_best_one(baseline):
    scores = small(baseline, clips=300)
    assert not scores.own_split
    assert scores.split == Split([0, 2], [1, 3])
    # All features, so the position adds nothing to the two digits that are told.
    assert scores.linear.transfer == pytest.approx(scores.linear.accuracies.static_static, abs=0.05)
    assert Scores.read(scores_path(baseline.folder)) == scores


def test_the_elbo_of_a_prior_without_an_exact_kl_is_estimated(make_run):
    scores = small(make_run(examples.laplace_draw, pixels=(0, 10)))
    assert list(scores.terms) == ["reconstruction", "entropy", "prior"]
    # the density of a Laplace draw is ½ at most; 4 frames of 2 features
    assert scores.terms["prior"] < -8 * math.log(2)
    assert scores.elbo == pytest.approx(sum(scores.terms.values()))


@pytest.mark.parametrize("num_frames", [1, 7])
def test_any_number_of_frames(run, num_frames):
    scores = small(run, num_frames=num_frames)
    assert scores.linear.accuracies.num_frames == 150 * num_frames
    assert scores.linear.accuracies.static_static == 1
    assert [file.name for file in run.folder.iterdir()] == [f"scores-{num_frames}-frames.json"]


def test_another_part_of_the_data_has_its_own_file(run):
    small(run, split="validation", num_frames=2)
    assert [file.name for file in run.folder.iterdir()] == ["scores-validation-2-frames.json"]


def test_default_number_of_clips(run, monkeypatch):
    monkeypatch.setattr(sys.modules[evaluate.__module__], "PAPER_FRAMES", 799)
    assert small(run, clips=None).clips == 200  # of 4 frames
    assert small(run, clips=None, num_frames=16).clips == 100


def test_a_seed_fixes_the_scores_and_leaves_the_random_state(run):
    before = torch.get_rng_state()
    first = small(run, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert small(run, seed=1) == first
    assert small(run, seed=2) != first
    drawn = {torch.rand((), generator=stream(0, n)).item() for n in STREAMS}
    assert len(drawn) == 2


def test_clips_are_drawn_on_the_cpu_and_come_to_the_model(run, monkeypatch):
    def encode(videos):
        raise LookupError(videos.device.type)

    elsewhere = [torch.empty(0, device="meta")]
    monkeypatch.setattr(run.vae, "parameters", lambda: iter(elsewhere))
    monkeypatch.setattr(run.vae, "encode", encode)
    generator = stream(0, 0)
    assert generator.device.type == "cpu"  # the same clips for every device
    with pytest.raises(LookupError, match="meta"):
        gather(run.vae, batches(run.data, 2, generator))


def test_training_mode_comes_back(run):
    run.vae.train()
    frozen = run.vae.guide.encoder
    frozen.eval()
    modes = [module.training for module in run.vae.modules()]

    def fail():
        with evaluating(run.vae, seed=0):
            assert not any(module.training for module in run.vae.modules())
            assert not torch.is_grad_enabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [module.training for module in run.vae.modules()] == modes
    assert any(modes)
    assert not all(modes)


def test_terms_are_means_over_clips_whatever_the_batches(run):
    def measure(videos):
        return {"brightness": videos.sum((1, 2, 3, 4)).mean()}

    drawn = list(batches(run.data, 150, stream(0, 0)))
    assert [len(clips.static) for clips in drawn] == [64, 64, 22]  # of 4 frames
    per_clip = torch.cat([clips.videos.sum((1, 2, 3, 4)) for clips in drawn])
    found = gather(run.vae, drawn, measure).terms["brightness"]
    assert found == pytest.approx(per_clip.mean().item())


def test_gathered_frames_keep_their_labels(run):
    clips = BouncingDigits(num_frames=4).batch(5, stream(0, 0))
    told = list(batches(run.data, 5, stream(0, 0)))
    found = gather(run.vae, told)
    codes, position = found.codes, found.position
    assert codes.features.shape == (20, 12)
    assert (codes.features[:, :10].argmax(1) == codes.static).all()
    assert codes.features[:, 10:] == pytest.approx(position)
    assert codes.temporal.tolist() == clips.temporal.flatten().tolist()
    assert found.item.tolist() == clips.item.tolist()


@pytest.mark.parametrize("argument", ["num_frames", "clips"])
def test_bad_numbers_are_named(run, argument):
    with pytest.raises(InputError, match=f"{argument}: got 0; give 1 or more"):
        small(run, **{argument: 0})


def test_bad_seed_and_split_are_named(run):
    with pytest.raises(InputError, match="seed: got -1"):
        small(run, seed=-1)
    with pytest.raises(InputError, match="split: got 'tests'"):
        small(run, split="tests")
    assert not list(run.folder.iterdir())


CANT_BE_ASKED = {
    "one feature": (priors.slow, 1, 64, "features: got 1; a search over splits needs 2 to 12"),
    "13 features": (priors.slow, 13, 64, "features: got 13; a search over splits needs 2 to 12"),
    "a digit that can't move": (
        priors.factored,
        4,
        28,
        "labels: got [0]; the clips to score on show one temporal class",
    ),
}


@pytest.mark.parametrize("case", CANT_BE_ASKED)
def test_the_elbo_is_scored_where_the_classifiers_can_t_work(make_run, case, capsys):
    prior, features, size, reason = CANT_BE_ASKED[case]
    given = {"features": features} if prior is priors.slow else {}
    run = make_run(partial(prior, **given), pixels=range(features))
    run = replace(run, data=run.data.replace(image_size=size))
    scores = small(run)
    assert f"Left out: accuracies and D-score: {reason}" in capsys.readouterr().err
    assert Scores.read(scores_path(run.folder)) == scores
    assert not scores.judged
    assert scores.elbo == pytest.approx(sum(scores.terms.values()))
    assert scores.split == (None if prior is priors.slow else Split([0, 1], [2, 3]))
    said = []
    figures(run, say=said.append)
    (told,) = (line for line in said if line.startswith("scores: they have no accuracies"))
    assert told.endswith("2 to 12 features")
    console = Console(width=80, file=StringIO())
    console.print(score_tables(scores))
    assert f"{scores.elbo:.2f}" in console.file.getvalue()


def test_scores_that_cannot_be_written_are_shown(run, capsys):
    blocked = replace(run, folder=run.folder / "other")
    scores_path(blocked.folder).mkdir(parents=True)
    with pytest.raises(StorageError, match="it is a folder"):
        score(blocked, clips=150, progress=False)
    assert "ELBO" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["run", "baseline"])
def test_the_table_fits_80_columns(kind, request):
    scores = small(request.getfixturevalue(kind))
    console = Console(width=80, file=StringIO())
    console.print(score_tables(scores))
    text = console.file.getvalue()
    assert "…" not in text
    rows = [line for line in text.splitlines() if "D-score" in line]
    for row, judged in zip(rows, (scores.linear, scores.rbf), strict=True):
        low, high = judged.intervals["d_score"]
        found, ceiling = judged.accuracies.d_score, judged.ceiling.d_score
        assert low < found < high
        assert f"{found:.2f} [{low:.2f}, {high:.2f}]" in row
        assert f"{ceiling:.2f}" in row
    assert "DCI disentanglement" in text
    assert f"{scores.elbo:.2f}" in text
    assert all(name in text for name in scores.terms)


def test_scores_of_earlier_versions_still_read_and_print(run):
    scores, path = small(run), scores_path(run.folder)
    record = json.loads(path.read_text())
    del record["metrics"]
    for name in ("linear", "rbf"):
        for later in ("intervals", "split", "leakage", "items"):
            del record[name][later]
    path.write_text(json.dumps(record))
    earlier = Scores.read(path)
    assert earlier.linear.accuracies == scores.linear.accuracies
    console = Console(width=80, file=StringIO())
    console.print(score_tables(earlier))
    assert f"{scores.linear.accuracies.d_score:.2f}" in console.file.getvalue()
    assert "95%" not in console.file.getvalue()


def test_tables_say_what_intervals_are_over(run):
    scores, path = small(run), scores_path(run.folder)
    _, (_, codes, _), _ = score_listings(scores)[0]
    assert codes == f"codes [95% over {scores.linear.items} items]"
    record = json.loads(path.read_text())
    for name in ("linear", "rbf"):
        del record[name]["items"]  # as earlier versions wrote them: over videos
    path.write_text(json.dumps(record))
    _, (_, codes, _), _ = score_listings(Scores.read(path))[0]
    assert codes == "codes [95% over videos]"


def test_the_rbf_svm_judges_the_linear_ones_best_splits(baseline):
    scores = small(baseline, clips=300)
    assert scores.linear.split == scores.split
    # columns 0 and 2 tell the digit, 1 and 3 the position: no other split is near
    assert scores.rbf.split == Split([0, 2], [1, 3])
    assert scores.rbf.accuracies.d_score > scores.linear.accuracies.d_score


def test_perfect_codes_have_perfect_metrics(run):
    found = small(run, clips=300).metrics
    for metrics in (found.frames, found.clips):
        assert metrics.part_disentanglement > 0.9
        assert metrics.leakage.static_temporal < 0.1
        assert metrics.leakage.temporal_static < 0.1


def test_codes_too_few_for_metrics_have_none(make_run, capsys):
    run = make_run(examples.laplace_draw, pixels=(0, 10))
    scores = small(run, num_frames=1, clips=20)
    console = Console(width=80, file=StringIO())
    console.print(score_tables(scores))
    assert (scores.metrics is None) == ("DCI" not in console.file.getvalue())
    assert (scores.metrics is None) == ("Left out: DCI, MIG, SAP" in capsys.readouterr().err)
