"""Hamiltonian Monte Carlo where the posterior is known."""

import numpy as np
import pytest
import torch
from small_pairs import FRAMES, VIDEOS, linear_pair, linear_posterior

from pyro_factor.errors import InputError
from pyro_factor.posterior.nuts import Settings, sample_chains


@pytest.fixture
def videos():
    return torch.rand(VIDEOS, FRAMES, 1, 2, 2)


@pytest.mark.parametrize(("whiten", "width"), [("guide", 0.3), ("prior", 1.0)])
def test_draws_have_the_posteriors_mean_and_covariance(videos, whiten, width):
    vae, videos = linear_pair(width), videos[:1]
    settings = Settings(chains=2, warmup=100, samples=250, whiten=whiten)
    means, covariance = linear_posterior(videos)
    for chains, mean in zip(sample_chains(vae, videos, settings), means, strict=True):
        draws = np.concatenate([chain.codes.reshape(250, -1) for chain in chains])
        assert not any(chain.diverging.any() for chain in chains)
        scale = np.diag(covariance) ** 0.5
        # as if a fifth of the draws were independent, five standard errors
        effective = len(draws) / 5
        assert np.abs((draws.mean(0) - mean) / scale).max() < 5 / effective**0.5
        found = np.cov(draws.T) / np.outer(scale, scale)
        expected = covariance / np.outer(scale, scale)
        assert np.abs(found - expected).max() < 5 * (2 / effective) ** 0.5


def test_chains_are_kept_and_go_on(videos, tmp_path, monkeypatch):
    vae, settings = linear_pair(), Settings(chains=2, warmup=5, samples=6)
    first = sample_chains(vae, videos, settings, folder=tmp_path)
    (tmp_path / "clip-1-chain-1.npz").unlink()
    seen = []

    def track(iterable, total, title):
        seen.append(title)
        return iterable

    again = sample_chains(vae, videos, settings, folder=tmp_path, track=track)
    # only the chain that is missing is drawn, and it is the same
    assert seen == ["Clip 1, chain 1"]
    for a, b in zip(first, again, strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one.codes, other.codes)
    sample_chains(vae, videos, Settings(2, 5, 6, seed=1), folder=tmp_path, track=track)
    assert len(seen) == 5
    (tmp_path / "clip-0-chain-0.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match=r"clip-0-chain-0.npz: damaged \(.*\); remove it"):
        sample_chains(vae, videos, settings, folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 1}, "chains: got 1; give 2 or more"),
        ({"samples": 3}, "samples: got 3"),
        ({"max_tree_depth": 0}, "max_tree_depth: got 0"),
        ({"whiten": "decoder"}, "whiten: got 'decoder'; choose from guide, prior"),
    ],
)
def test_bad_numbers_are_named(options, message):
    with pytest.raises(InputError, match=message):
        Settings(**options)
