"""Which clips are in which part, and which windows are cut out of them."""

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyro_factor.data.digits import SPLITS
from pyro_factor.data.own.splits import outside, split_clips
from pyro_factor.data.own.windows import windows

names_of_clips = st.lists(st.text(min_size=1).filter(lambda s: "/" not in s), unique=True)


def parts(names):
    return {part: [names[i] for i in numbers] for part, numbers in split_clips(names).items()}


@given(names_of_clips)
def test_every_clip_is_in_one_part_and_none_is_empty(names):
    names = [name for name in names if name.lower() not in SPLITS]
    split = parts(names)
    assert tuple(split) == SPLITS
    assert sorted(chain(*split.values())) == sorted(names)
    if len(names) >= 3:
        assert all(split.values())
    else:
        assert split["train"] == names


@given(names_of_clips, st.randoms())
def test_the_order_of_files_is_no_matter(names, random):
    shuffled = random.sample(names, len(names))
    assert {p: set(n) for p, n in parts(names).items()} == {
        p: set(n) for p, n in parts(shuffled).items()
    }


def test_parts_are_a_tenth_a_tenth_and_the_rest():
    sizes = {part: len(clips) for part, clips in parts([f"{i}.mp4" for i in range(4_000)]).items()}
    assert sum(sizes.values()) == 4_000
    # four standard errors of a tenth
    assert sizes["validation"] == pytest.approx(400, abs=76)
    assert sizes["test"] == pytest.approx(400, abs=76)


def test_clips_stay_in_their_part_as_others_come_and_go():
    names = [f"clip {i}" for i in range(300)]
    before, after = parts(names[:200]), parts(names)
    for part in SPLITS:
        assert set(before[part]) == set(after[part]) & set(names[:200])


def test_parts_are_the_same_on_every_machine():
    split = parts([f"videos.npy/{i}" for i in range(20)])
    assert split["test"] == ["videos.npy/17"]  # sha256sum: 089e..., 0.03
    assert split["validation"] == ["videos.npy/2", "videos.npy/3"]


def test_folders_called_like_parts_are_the_parts():
    names = ["test/b", "train/a", "train/c/d", "testing", "e/test/f"]
    assert parts(names) == {"train": ["train/a", "train/c/d"], "validation": [], "test": ["test/b"]}
    assert list(outside(names)) == ["testing", "e/test/f"]
    assert not outside(["testing", "e/test/f"])


def test_files_and_capitals_are_parts_too():
    names = ["Train/a", "TEST.NPY/0", "validation.npz/b/1", "test.mp4", "test.old/c", "d/train.npy"]
    expected = {"train": names[:1], "validation": names[2:3], "test": [names[1], names[3]]}
    assert parts(names) == expected
    assert list(outside(names)) == names[4:]


def test_a_single_file_is_divided_whatever_it_is_called():
    names = [f"test.npy/{i}" for i in range(40)]
    assert split_clips(names)["train"] == []
    assert all(split_clips(names, one_file=True).values())


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    num_frames=st.integers(1, 12),
    frame_step=st.integers(1, 4),
    stride=st.integers(1, 15),
)
def test_windows_cover_the_frames_that_they_should(lengths, num_frames, frame_step, stride):
    expected = []
    for clip, length in enumerate(lengths):
        start = 0
        while start + (num_frames - 1) * frame_step < length:
            expected.append((clip, start))
            start += stride
    clip, start = windows(torch.tensor(lengths), num_frames, frame_step, stride)
    assert list(zip(clip.tolist(), start.tolist(), strict=True)) == expected


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5), num_frames=st.integers(1, 9))
def test_windows_without_overlap_use_each_frame_once_but_for_a_rest(lengths, num_frames):
    clip, start = windows(torch.tensor(lengths), num_frames, 1, num_frames)
    for number, length in enumerate(lengths):
        frames = (start[clip == number][:, None] + torch.arange(num_frames)).flatten()
        whole = length - length % num_frames
        np.testing.assert_array_equal(frames, np.arange(whole))
