"""Calibration where the posterior is known: a decoder that ignores the codes leaves the prior."""

import math

import numpy as np
import pyro
import pytest
from scipy.stats import norm
from small_pairs import FRAMES, Constant, Ignores
from small_runs import small_vae

from pyro_factor import VideoVAE, gallery, priors
from pyro_factor.errors import InputError
from pyro_factor.posterior.calibration import Calibration, calibrate


def ignorant(loc, scale):
    encoder, decoder = Constant(loc, scale), Ignores()
    networks = {"encoder": encoder, "decoder": decoder, "image_shape": (1, 2, 2)}
    return VideoVAE(priors.independent, FRAMES, **networks)


ENTRIES = 500 * FRAMES * 4


@pytest.mark.parametrize("scale", [1.0, 0.5, 2.0])
def test_coverage_is_what_it_must_be(scale):
    found = calibrate(ignorant(0.0, scale), videos=500)
    for level in (0.5, 0.9):
        expected = 2 * norm.cdf(scale * norm.ppf((1 + level) / 2)) - 1
        # independent entries: five standard errors, a chance of 6e-7 each
        error = math.sqrt(expected * (1 - expected) / ENTRIES)
        assert abs(found.coverage("h", level) - expected) < 5 * error
    assert abs(found.spread("h") * scale - 1) < 5 / math.sqrt(2 * ENTRIES)
    if scale == 1:
        assert found.uniformity("h") > 1e-4
        assert found.ranks("h").mean() == pytest.approx(0.5, abs=5 / math.sqrt(12 * ENTRIES))
    else:
        assert found.uniformity("h") < 1e-4


def test_a_shifted_guide_is_seen():
    found = calibrate(ignorant(0.5, 1.0), videos=500)
    assert found.uniformity("h") < 1e-6
    assert found.scores["h"].mean() == pytest.approx(-0.5, abs=5 / math.sqrt(ENTRIES))


def test_global_draws_have_scores_too():
    found = calibrate(small_vae(), videos=5)
    assert {name: scores.shape for name, scores in found.scores.items()} == {
        "hs": (5, 8),
        "ht": (5, 8),
        "hs0": (5, 2),
    }
    assert all(np.isfinite(scores).all() for scores in found.scores.values())


def test_priors_by_frame_and_another_length():
    found = calibrate(small_vae(gallery.laplace_walk), videos=3, num_frames=6)
    assert found.scores["ht_5"].shape == (3, 4)


def test_the_same_seed_gives_the_same_scores():
    vae = small_vae()
    first, second = (calibrate(vae, videos=4).scores["hs"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bad_numbers_are_named():
    with pytest.raises(InputError, match="videos: got 1; give 2 or more"):
        calibrate(small_vae(), videos=1)
    with pytest.raises(InputError, match="num_frames: got 0"):
        calibrate(small_vae(), num_frames=0)


def test_intervals_too_narrow_are_seen_where_ranks_are_symmetric():
    # errors twice as large as the guide's scale: ranks pile up at both ends alike
    scores = 2 * norm.ppf((np.arange(60) + 0.5) / 60)[:, None]
    assert Calibration({"h": scores}).uniformity("h") < 0.01
    assert Calibration({"h": scores / 2}).uniformity("h") > 0.99


def test_scales_that_are_learned_stay_each_models_own():
    def model(scale):
        return small_vae(gallery.LearnedFactored(static_scale=scale)).eval()

    first, second = model(0.1), model(2.0)
    for vae in (first, second):
        calibrate(vae, videos=2)
    assert second.prior.static_scale.item() == pytest.approx(2.0)
    assert not dict(pyro.get_param_store())
