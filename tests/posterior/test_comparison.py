"""The guide beside the posterior, where that is known."""

import numpy as np
import pytest
import torch
from small_pairs import FRAMES, VIDEOS, linear_pair, linear_posterior

from pyro_factor.posterior.comparison import compare, correlations, neighbours, nuts_data, within
from pyro_factor.posterior.nuts import Chain
from pyro_factor.posterior.nuts_report import nuts_figure, nuts_table

DRAWS, CHAINS = 2_000, 4


@pytest.fixture(scope="module")
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def chains(videos):
    """Independent draws of the posterior itself."""
    means, covariance = linear_posterior(videos)
    generator = np.random.default_rng(0)

    def chain(mean):
        codes = generator.multivariate_normal(mean, covariance, DRAWS)
        return Chain(codes.reshape(DRAWS, FRAMES, 4).astype(np.float32), np.zeros(DRAWS, bool))

    return [[chain(mean) for _ in range(CHAINS)] for mean in means]


def test_a_guide_that_is_the_posterior_has_no_error(videos, chains):
    for found in compare(linear_pair(guide="smoothing"), videos, chains):
        for one in found.values():
            assert one.r_hat < 1.01
            assert one.ess > 0.5 * DRAWS * CHAINS
            # standard errors of a mean and of a scale, in scales of the posterior
            assert one.error < 5 / (DRAWS * CHAINS) ** 0.5
            assert one.scale == pytest.approx(1, abs=5 / (2 * DRAWS * CHAINS) ** 0.5)
            assert one.guide_neighbours == pytest.approx(one.neighbours, abs=0.03)
            assert one.guide_within == pytest.approx(one.within, abs=0.03)


@pytest.mark.parametrize("width", [1.0, 0.2])
def test_an_independent_guide_lacks_the_correlations(videos, chains, width):
    means, covariance = linear_posterior(videos)
    vae = linear_pair(width)
    q = vae.encode(videos)
    scale = np.diag(covariance).reshape(FRAMES, 4) ** 0.5
    correlation = covariance / np.outer(scale, scale)
    found = compare(vae, videos, chains)
    for clip, factors in enumerate(found):
        for name, columns in vae.factors.items():
            one = factors[name]
            ratio = np.median(0.6 * width / scale[:, columns])
            assert one.scale == pytest.approx(ratio, rel=0.05)
            distance = q.loc[clip].numpy() - means[clip].reshape(FRAMES, 4)
            error = np.sqrt(np.mean((distance / scale)[:, columns] ** 2))
            assert one.error == pytest.approx(error, abs=0.06)
            assert one.guide_neighbours == one.guide_within == 0
            pairs = [
                correlation[4 * n + c, 4 * n + 4 + c] for n in range(FRAMES - 1) for c in columns
            ]
            assert one.neighbours == pytest.approx(np.sqrt(np.mean(np.square(pairs))), abs=0.03)
            first, second = columns
            pairs = [correlation[4 * n + first, 4 * n + second] for n in range(FRAMES)]
            assert abs(one.within - np.sqrt(np.mean(np.square(pairs)))) < 0.03


def test_the_data_have_the_names_that_are_documented(videos, chains):
    vae = linear_pair()
    data = nuts_data(vae, videos, chains)
    assert data.posterior["hs"].dims == ("chain", "draw", "video", "frame", "static_feature")
    assert data.posterior["ht"].shape == (CHAINS, DRAWS, VIDEOS, FRAMES, 2)
    assert data.sample_stats["diverging"].dims == ("chain", "draw", "video")
    loc = vae.encode(videos).loc
    np.testing.assert_array_equal(data.constant_data["ht_loc"], loc[..., 2:])
    np.testing.assert_array_equal(data.posterior["hs"][1, :, 0], chains[0][1].codes[..., :2])


def test_one_code_alone_has_no_neighbours():
    matrix = correlations(np.random.default_rng(0).normal(size=(9, 1, 1)))
    assert matrix.shape == (1, 1)
    assert neighbours(matrix, 1).size == within(matrix, 1).size == 0


def test_table_and_figure(videos, chains, capsys):
    from rich.console import Console

    vae = linear_pair()
    Console(width=80).print(nuts_table(compare(vae, videos, chains), chains))
    out = capsys.readouterr().out
    assert len([line for line in out.splitlines() if " hs " in line]) == VIDEOS
    assert "…" not in out
    figure = nuts_figure(vae, videos, chains)
    # clips by factors, each with bands, two matrices and their colours
    assert len(figure.axes) == VIDEOS * 2 * 4


@pytest.mark.parametrize("other", [0.0, 1.0])
def test_chains_that_never_moved_are_told_of_without_warnings(videos, capsys, other):
    """All steps of NUTS are refused where they are too long."""
    from rich.console import Console

    chains = [
        [
            Chain(np.full((20, FRAMES, 4), value, np.float32), np.ones(20, bool))
            for value in (0.0, other)
        ]
        for _ in videos
    ]
    vae = linear_pair()
    found = compare(vae, videos, chains)
    assert not any(one.r_hat < 1.01 for factors in found for one in factors.values())
    Console(width=80).print(nuts_table(found, chains))
    assert "…" not in capsys.readouterr().out
    nuts_figure(vae, videos, chains).canvas.draw()
