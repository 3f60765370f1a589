"""The swap-and-sample protocol with perfect, useless and hand-worked models and judges."""

from functools import partial

import pytest
import torch
from pyro.distributions import Normal

from pyro_factor.data import Clips
from pyro_factor.errors import InputError
from pyro_factor.evaluation.judge import Judge
from pyro_factor.evaluation.swaps import entropies, exchanged, gliding, measure_swaps
from pyro_factor.models import VideoVAE, priors

STATIC = [0, 1, 2]


class Mirror(VideoVAE):
    """A model of 6 features whose codes are the first row of a frame's pixels, both ways."""

    def __init__(self, prior, num_frames):
        super().__init__(prior, num_frames, image_shape=(1, 16, 16), channels=(2, 2), hidden=4)

    def encode(self, videos):
        loc = videos[:, :, 0, 0]
        return Normal(loc, torch.ones_like(loc))

    def decode(self, h):
        images = h.new_zeros(*h.shape[:-1], 1, 6, 6)
        images[..., 0, 0, :] = h
        return images


class FakeJudge(Judge):
    """Reads a one-hot identity and place off the first row of a frame's pixels."""

    def __init__(self):
        super().__init__(1, 3, 3)

    def judge(self, videos):
        row = 50 * videos[:, :, 0, 0]
        static = row[..., :3].log_softmax(-1).mean(1).log_softmax(-1)
        return static, row[..., 3:].log_softmax(-1)


def clips(count=60, frames=5):
    """Frames whose first row of pixels is the code: a one-hot identity and a one-hot place."""
    generator = torch.Generator().manual_seed(0)
    static = torch.arange(count) // 2 % 3
    static[1::2] = (static[1::2] + 1) % 3
    temporal = torch.randint(3, (count, frames), generator=generator)
    videos = torch.zeros(count, frames, 1, 6, 6)
    place = torch.nn.functional.one_hot(temporal, 3)
    identity = torch.nn.functional.one_hot(static, 3)[:, None].expand_as(place)
    videos[:, :, 0, 0] = torch.cat([identity, place], -1).float()
    return Clips(videos, static, temporal, torch.zeros(count, frames, 2))


def model():
    return Mirror(partial(priors.factored, static=3, temporal=3), num_frames=5)


def test_a_perfect_model_swaps_what_it_should():
    found = measure_swaps(model(), FakeJudge(), clips(), STATIC)
    for name in ("real", "decoded", "swapped"):
        assert (found[name].static, found[name].temporal) == (1, 1)
        # three identities, equally often
        assert found[name].inception == pytest.approx(3, rel=1e-3)
    assert found["static drawn"].temporal == 1
    assert found["temporal drawn"].static == 1
    assert found["static drawn"].static is None
    assert found["temporal drawn"].temporal is None
    gliding_static, gliding_temporal = found["static gliding"], found["temporal gliding"]
    assert (gliding_static.static, gliding_static.temporal) == (None, 1)
    assert (gliding_temporal.static, gliding_temporal.temporal) == (1, None)


def test_a_part_that_moves_with_the_other_shows_in_gliding():
    # the columns called static hold two of the places too
    found = measure_swaps(model(), FakeJudge(), clips(), range(5))
    assert found["static gliding"].temporal < 0.9
    assert found["temporal gliding"].static == 1


def test_gliding_goes_from_a_code_to_another_frame_by_frame():
    h, others = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    codes = gliding(h, others, [1])
    expected = torch.stack([h[:, 0], (h[:, 1] + others[:, 1]) / 2, others[:, 2]], 1)
    assert torch.allclose(codes[..., 1], expected[..., 1])
    assert torch.equal(codes[..., [0, 2, 3]], h[..., [0, 2, 3]])


def test_swapping_nothing_keeps_the_identity_and_swapping_all_moves_the_place():
    none = measure_swaps(model(), FakeJudge(), clips(), [])["swapped"]
    assert (none.static, none.temporal) == (0, 1)  # partners never share an identity
    everything = measure_swaps(model(), FakeJudge(), clips(), range(6))["swapped"]
    assert everything.static == 1
    assert everything.temporal == pytest.approx(1 / 3, abs=0.15)


def test_entropies_by_hand():
    half = torch.tensor([[0.5, 0.5], [1.0, 0.0]]).log()
    conditional, marginal = entropies(half)
    assert conditional == pytest.approx(0.5 * torch.tensor(2.0).log().item())
    expected = -(0.75 * torch.tensor(0.75).log() + 0.25 * torch.tensor(0.25).log())
    assert marginal == pytest.approx(expected.item())


def test_exchanged_columns_are_the_others_and_the_rest_its_own():
    h, others = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    codes = exchanged(h, others, [0, 3])
    assert torch.equal(codes[..., [0, 3]], others[..., [0, 3]])
    assert torch.equal(codes[..., [1, 2]], h[..., [1, 2]])


def test_pairs_are_asked_for():
    with pytest.raises(InputError, match="clips: got 59"):
        measure_swaps(model(), FakeJudge(), clips(59), STATIC)
