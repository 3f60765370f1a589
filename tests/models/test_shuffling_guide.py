"""The shuffling guide: which codes move, that its bound is one, and what follows in a training."""

from functools import partial

import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from scipy.stats import ttest_ind
from small_pairs import FEATURES, FRAMES, VIDEOS, FixedOutputs, estimates
from small_runs import FRAMES as SHORT
from small_runs import small_data, small_run, small_vae
from torch import nn

from pyro_factor import AnalyticKL_ELBO, VideoVAE, gallery, load, priors
from pyro_factor.errors import InputError
from pyro_factor.models.shuffling_guide import shifted


def shuffling(prior=priors.factored):
    decoder = nn.Sequential(nn.Linear(FEATURES, 4), nn.Unflatten(1, (1, 2, 2)))
    networks = {"encoder": FixedOutputs(), "decoder": decoder, "image_shape": (1, 2, 2)}
    return VideoVAE(prior, FRAMES, guide="shuffling", **networks)


@pytest.fixture
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2)


def test_columns_are_taken_from_frames_further_on_in_the_same_clip():
    h = torch.arange(24.0).reshape(2, 3, 4)
    found = shifted(h, torch.tensor([1, 2]), [0, 3])
    for clip, sources in enumerate(([1, 2, 0], [2, 0, 1])):
        for frame, source in enumerate(sources):
            assert found[clip, frame, [0, 3]].tolist() == h[clip, source, [0, 3]].tolist()
            assert found[clip, frame, [1, 2]].tolist() == h[clip, frame, [1, 2]].tolist()


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_no_frame_keeps_its_own_static_code_unless_it_is_alone(num_frames):
    vae = small_vae(guide="shuffling").train()
    videos = torch.rand(8, num_frames, *vae.image_shape)
    own = vae.guide.recognise(videos).loc
    kept = vae.guide.posterior(videos).loc == own
    assert kept[..., vae.factors["ht"]].all()
    assert bool(kept[..., vae.factors["hs"]].any()) == (num_frames == 1)


def test_static_codes_change_places_in_training_only(videos):
    vae = shuffling()
    own = vae.guide.recognise(videos)
    shuffled = vae.train().guide.posterior(videos)
    static, temporal = vae.factors["hs"], vae.factors["ht"]
    for part in ("loc", "scale"):
        before, after = getattr(own, part), getattr(shuffled, part)
        assert torch.equal(after[..., temporal], before[..., temporal])
        assert not torch.equal(after[..., static], before[..., static])
        assert torch.equal(after[..., static].sort(1).values, before[..., static].sort(1).values)
        # features of a frame stay together
        assert torch.equal(
            after[..., static].sum(-1).sort(1).values, before[..., static].sum(-1).sort(1).values
        )
    assert torch.equal(vae.eval().encode(videos).loc, own.loc)


def test_the_kl_is_that_of_the_unshuffled_guide(videos):
    vae = shuffling()
    own, shuffled = vae.guide.recognise(videos), vae.train().guide.posterior(videos)
    found = [vae.model.reader.expected_log_prior(q.loc, q.scale) for q in (own, shuffled)]
    for term in ("static", "temporal"):
        assert torch.allclose(found[0][term], found[1][term], rtol=1e-5)


def test_both_elbos_agree_on_it(videos):
    vae = shuffling().train()
    found = [estimates(elbo, vae, videos, 400)[:, 0] for elbo in (Trace_ELBO(), AnalyticKL_ELBO())]
    assert ttest_ind(*found, equal_var=False).pvalue > 1e-4
    assert found[1].var() < found[0].var()


def test_a_prior_without_a_static_factor_is_refused():
    with pytest.raises(InputError, match=r"guide: got 'shuffling'; it shuffles hs, .* are ht;"):
        shuffling(priors.slow)


def test_a_run_comes_back_with_its_guide(tmp_path):
    run = small_run(tmp_path, small_vae(guide="shuffling"), 2)
    again = load(tmp_path)
    clips = small_data().batch(2, torch.Generator().manual_seed(0)).videos
    assert again.guide.name == "shuffling"
    assert torch.equal(again.encode(clips).loc, run.vae.encode(clips).loc)
    with poutine.trace() as seen:
        again.guide(clips)
    assert "hs" in seen.trace


def test_the_order_is_the_seeds(tmp_path):
    weights = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        torch.manual_seed(0)
        run = small_run(tmp_path / name, small_vae(guide="shuffling"), 2, seed=seed)
        weights.append(run.vae.guide.encoder.loc.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


GROUPS = {clips: partial(gallery.groups, clips=clips) for clips in (1, 2)}


@pytest.mark.parametrize("prior", [gallery.LearnedFactored(), GROUPS[1]])
def test_priors_whose_static_codes_can_be_exchanged(prior):
    vae = small_vae(prior, guide="shuffling").train()
    videos = torch.rand(2, SHORT, *vae.image_shape)
    AnalyticKL_ELBO()(vae.model, vae.guide)(videos).backward()


@pytest.mark.parametrize("prior", [GROUPS[2], gallery.sparse_static])
def test_priors_that_tell_frames_apart_are_refused(prior):
    with pytest.raises(InputError, match="guide: got 'shuffling'; it shuffles hs over frames"):
        small_vae(prior, guide="shuffling")
