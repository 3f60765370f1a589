"""What is asked of codes, and of codes whose clips lack a label."""

import numpy as np
import pytest

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Split
from pyro_factor.evaluation.evaluate import _asked
from pyro_factor.evaluation.gather import Gathered
from pyro_factor.evaluation.judgement import judge_all
from pyro_factor.evaluation.single_label import tell_single
from pyro_factor.evaluation.tasks import FRAMES, MIXED, ORDER, tasks
from pyro_factor.track import untracked

FRAMES_OF_A_CLIP, ITEMS = 8, 7


def gathered(seed, clips=40):
    """Codes that are the labels themselves: one-hot identity and the angle of three sectors."""
    generator = np.random.default_rng(seed)
    static = generator.integers(3, size=clips).repeat(FRAMES_OF_A_CLIP)
    temporal = generator.integers(3, size=clips * FRAMES_OF_A_CLIP)
    angle = 2 * np.pi * temporal / 3
    position = np.stack([np.sin(angle), np.cos(angle)], -1)
    features = np.hstack([np.eye(3)[static], position])
    return Gathered(features, static, temporal, position, np.arange(clips) % ITEMS, {})


def test_the_first_task_is_that_of_the_data_set():
    parts = gathered(0), gathered(1)
    assert list(tasks("frame", *parts, FRAMES_OF_A_CLIP, 0)) == [FRAMES]
    found = tasks("order", *parts, FRAMES_OF_A_CLIP, 0)
    assert list(found) == [ORDER, FRAMES, MIXED]
    assert found[ORDER].train.codes.triples is not None
    assert found[FRAMES].train.codes.triples is None


def test_mixed_halves_hold_every_frame_once_with_its_own_labels():
    seen, unseen = gathered(0), gathered(1)
    seen.features[:, 0], unseen.features[:, 0] = np.arange(320), 320 + np.arange(320)
    halves = tasks("order", seen, unseen, FRAMES_OF_A_CLIP, 0)[MIXED]
    features, static, temporal = (
        np.concatenate([getattr(part.codes, name) for part in (halves.train, halves.test)])
        for name in ("features", "static", "temporal")
    )
    order = np.argsort(features[:, 0])
    assert np.array_equal(features[order, 0], np.arange(640))
    assert np.array_equal(static[order], np.concatenate([seen.static, unseen.static]))
    assert np.array_equal(temporal[order], np.concatenate([seen.temporal, unseen.temporal]))


def test_frames_that_are_in_no_clips_have_no_intervals():
    found = tasks("order", gathered(0), gathered(1), FRAMES_OF_A_CLIP, 0)
    split = [Split([0, 1, 2], [3, 4])]
    for name, task in found.items():
        for judged in judge_all(*task, split).values():
            assert (judged.intervals is None) == (name == MIXED)
            assert judged.items == (None if name == MIXED else ITEMS)
            assert judged.accuracies.static_static == 1


def test_clips_of_one_item_have_no_intervals_and_those_of_unknown_items_have():
    split = [Split([0, 1, 2], [3, 4])]
    for item, items, some in ((np.zeros(40, int), 1, False), (None, None, True)):
        test = gathered(1)._replace(item=item)
        (task,) = tasks("frame", gathered(0), test, FRAMES_OF_A_CLIP, 0).values()
        for judged in judge_all(*task, split).values():
            assert (judged.items, judged.intervals is not None) == (items, some)


def test_an_unknown_position_has_its_label_for_a_ceiling():
    parts = [each._replace(position=None) for each in (gathered(0), gathered(1))]
    (task,) = tasks("frame", *parts, FRAMES_OF_A_CLIP, 0).values()
    for judged in judge_all(*task, [Split([0, 1, 2], [3, 4])]).values():
        assert judged.ceiling.static_static == judged.ceiling.temporal_temporal == 1


@pytest.mark.parametrize("label", ["static", "temporal"])
def test_one_label_alone_is_told_from_each_part(label):
    absent = {"static": "temporal", "temporal": "static"}[label]
    train, test = (each._replace(**{absent: None}) for each in (gathered(0), gathered(1)))
    for told in tell_single(train, test, Split([0, 1, 2], [3, 4])).values():
        assert told.label == label
        assert told.everything == getattr(told, label) == 1
        assert getattr(told, absent) < 0.5
        assert 1 / 3 <= told.chance < 0.5
    (linear, rbf) = tell_single(train, test, None).values()
    assert linear.static is rbf.temporal is None
    with pytest.raises(InputError, match="labels: got clips without"):
        _ = train.codes


def test_metrics_are_those_of_single_frames_whatever_is_asked_first():
    split, noise = Split([0, 1, 2], [3, 4]), np.random.default_rng(2)
    parts = [gathered(0), gathered(1)]
    for part in parts:
        heads = noise.integers(2, size=part.temporal.size)
        part.features[:, 0] += heads * (part.temporal == 0) / 2
    frame, order = (
        _asked(*parts, split, task, FRAMES_OF_A_CLIP, 0, untracked)["metrics"]
        for task in ("frame", "order")
    )
    assert 0.1 < frame.frames.leakage.static_temporal < 0.9
    assert order == frame


def test_without_labels_nothing_is_told():
    train, test = (each._replace(static=None, temporal=None) for each in (gathered(0), gathered(1)))
    assert tell_single(train, test, None) == {}
