"""Batches of clips: labelled, partly labelled, and not at all."""

from dataclasses import fields

import pytest
import torch

from pyro_factor.data import BouncingDigits, Clips
from pyro_factor.data.clips import join
from pyro_factor.errors import InputError

LABELS = ("static", "temporal", "position")


@pytest.fixture
def clips():
    data = BouncingDigits(num_frames=3, image_size=32)
    return data.batch(6, torch.Generator().manual_seed(0))


def test_parts_join_to_the_whole(clips):
    whole = join([clips[:2], clips[2:3], clips[3:]])
    for field in fields(Clips):
        assert torch.equal(getattr(whole, field.name), getattr(clips, field.name))


def test_a_label_that_one_part_lacks_is_left_out(clips):
    bare = Clips(clips.videos, static=clips.static)
    whole = join([clips, bare])
    assert torch.equal(whole.static, clips.static.repeat(2))
    assert whole.temporal is whole.position is None
    assert len(whole.videos) == 12


def test_a_label_that_is_missing_is_named(clips):
    bare = Clips(clips.videos)[1:3]
    assert torch.equal(bare.videos, clips.videos[1:3])
    for name in LABELS:
        assert clips.label(name) is getattr(clips, name)
        with pytest.raises(InputError, match=f"labels: .* no {name} one"):
            bare.label(name)
