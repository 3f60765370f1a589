"""All metrics together, on codes of frames and of clips."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from pyro_factor.errors import InputError
from pyro_factor.evaluation.codes import Codes, Split
from pyro_factor.evaluation.disentanglement import dci
from pyro_factor.evaluation.factors import factor_labels
from pyro_factor.evaluation.information import mig, modularity
from pyro_factor.evaluation.leakage import cross_leakage
from pyro_factor.evaluation.metrics import measure_disentanglement
from pyro_factor.evaluation.sap import sap
from pyro_factor.evaluation.scores import LabelAccuracies
from pyro_factor.evaluation.sequences import check_clips, clip_means, sequence_codes

NUM_FRAMES = 5
HALVES = Split([0, 1], [2, 3])


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch):
    monkeypatch.setattr("pyro_factor.evaluation.disentanglement.TREES", 10)


def part(make, seed, clips=400):
    """Clips of 3 static classes, whose frames have 4 temporal ones, made into features."""
    rng = np.random.default_rng(seed)
    static = rng.integers(3, size=clips).repeat(NUM_FRAMES)
    temporal = rng.integers(4, size=clips * NUM_FRAMES)
    noise = rng.normal(size=(clips * NUM_FRAMES, 4))
    return Codes(make(static[:, None], temporal[:, None], noise), static, temporal)


def measured(make, split=HALVES, **options):
    return measure_disentanglement(part(make, 0), part(make, 1), split, NUM_FRAMES, **options)


def numbers(metrics):
    flat = asdict(metrics)
    return [*flat.pop("leakage").values(), *flat.values()]


def perfect(s, t, _):
    return np.hstack([s, 0 * s, t, 0 * t]).astype(float)


def blurred(s, t, e):
    return np.hstack([s, s, t, t]) + e * [0.5, 1, 0.5, 2]


def test_perfect_codes():
    found = measured(perfect)
    for kind in (found.frames, found.clips):
        assert kind.disentanglement == kind.completeness == pytest.approx(1, abs=0.01)
        assert kind.part_disentanglement == kind.part_completeness == pytest.approx(1, abs=0.01)
        assert kind.informativeness == 1
        assert kind.mig == pytest.approx(1, abs=0.03)
        assert kind.sap_thresholds == pytest.approx(1 - (1 / 3 + 1 / 4) / 2, abs=0.03)
        # two of four columns are constant
        assert kind.modularity == pytest.approx(0.5, abs=0.01)
        assert max(asdict(kind.leakage).values()) < 0.05


def test_useless_codes_at_both_levels():
    """Means over clips must not pass for codes of the static factor: rows are independent."""
    found = measured(lambda s, t, e: e, ceiling=LabelAccuracies(1.0, 1.0))
    for kind in (found.frames, found.clips):
        assert kind.disentanglement < 0.03
        assert kind.part_disentanglement < 0.03
        assert kind.mig < 0.02
        assert kind.sap < 0.05
        assert max(asdict(kind.leakage).values()) < 0.08


def test_duplicated_codes_are_clean_by_part():
    found = measured(lambda s, t, e: np.hstack([s, s, t, t]).astype(float))
    for kind in (found.frames, found.clips):
        assert kind.mig == kind.sap == kind.sap_thresholds == 0
        assert kind.completeness == pytest.approx(0.5, abs=0.02)
        assert kind.part_completeness == pytest.approx(1)
        assert kind.part_disentanglement == pytest.approx(1)


def test_swapped_codes_leak_and_mixed_parts_are_entangled():
    swapped = measured(perfect, Split([2, 3], [0, 1])).frames
    assert asdict(swapped.leakage) == {"static_temporal": 1, "temporal_static": 1}
    mixed = measured(lambda s, t, e: np.hstack([s, t, s, t]).astype(float)).frames
    assert mixed.disentanglement == pytest.approx(1)
    assert mixed.part_disentanglement < 0.05
    assert asdict(mixed.leakage) == {"static_temporal": 1, "temporal_static": 1}


def test_frames_are_the_metrics_one_by_one():
    train, test = part(blurred, 0), part(blurred, 1)
    found = measured(blurred, seed=2).frames
    seen, unseen = ((codes.features, factor_labels(codes)) for codes in (train, test))
    expected = dci(*seen, *unseen, seed=2)
    assert (found.disentanglement, found.completeness, found.informativeness) == expected
    assert (found.mig, found.modularity) == (mig(*unseen), modularity(*unseen))
    assert found.sap == sap(*seen, *unseen)
    assert found.sap_thresholds == sap(*seen, *unseen, classifier="thresholds")
    assert found.leakage == cross_leakage(train, test, HALVES)


def test_means_over_clips_show_what_frames_hide():
    """An identity under noise: clearer in static columns, and in temporal ones it leaks."""

    def hidden(s, t, e):
        return np.hstack([s, s, t, s]) + e * [2, 2, 0.1, 2]

    found = measured(hidden, ceiling=LabelAccuracies(1.0, 1.0))
    assert found.clips.leakage.temporal_static > found.frames.leakage.temporal_static + 0.1
    assert found.clips.informativeness > found.frames.informativeness + 0.05


@pytest.mark.parametrize(
    ("make", "classifier"), [(perfect, "linear"), (blurred, "rbf"), (lambda s, t, e: e, "linear")]
)
def test_all_numbers_lie_in_the_unit_interval(make, classifier):
    found = measured(make, classifier=classifier)
    values = numbers(found.frames) + numbers(found.clips)
    assert all(isinstance(value, float) and 0 <= value <= 1 for value in values)


def test_a_seed_fixes_everything():
    assert measured(blurred, seed=1) == measured(blurred, seed=1)


def test_order_of_columns_does_not_matter():
    moved = measured(lambda *parts: blurred(*parts)[:, [3, 1, 0, 2]], Split([1, 2], [0, 3]))
    expected = measured(blurred)
    assert numbers(moved.frames) == pytest.approx(numbers(expected.frames), abs=0.02)
    assert numbers(moved.clips) == pytest.approx(numbers(expected.clips), abs=0.03)


def test_codes_of_clips_by_hand():
    features = np.arange(12.0).reshape(4, 3)
    codes = Codes(features, np.array([5, 5, 6, 6]), np.array([0, 1, 2, 3]))
    rows = sequence_codes(codes, Split([0, 2], [1]), 2)
    np.testing.assert_array_equal(rows.features[:, [0, 2]], [[1.5, 3.5], [7.5, 9.5]])
    np.testing.assert_array_equal(rows.static, [5, 6])
    # the temporal column and label come from the same frame, one of the clip's two
    np.testing.assert_array_equal(rows.features[:, 1], features[rows.temporal, 1])
    assert rows.temporal.tolist() in ([0, 2], [0, 3], [1, 2], [1, 3])
    np.testing.assert_array_equal(clip_means(features, 4), [[4.5, 5.5, 6.5]])
    np.testing.assert_array_equal(codes.features, np.arange(12.0).reshape(4, 3))


def test_every_frame_may_stand_for_its_clip():
    codes = part(perfect, 0)
    codes = replace(codes, temporal=np.tile(np.arange(NUM_FRAMES), 400))
    drawn = sequence_codes(codes, HALVES, NUM_FRAMES).temporal
    assert np.bincount(drawn, minlength=NUM_FRAMES).min() > 40


def test_bad_input_is_named():
    codes = part(perfect, 0)
    for frames in (0, 7):
        with pytest.raises(InputError, match=rf"num_frames: got {frames}; 2000 frames"):
            measure_disentanglement(codes, codes, HALVES, frames)
    with pytest.raises(InputError, match=r"static: got \d+; the static label changes"):
        check_clips(replace(codes, static=codes.temporal), NUM_FRAMES)
    for split in (Split([0], []), Split([0, 1], [1, 2]), Split([0], [4]), Split([0], [-1])):
        with pytest.raises(InputError, match=r"split: got .*columns 0 to 3"):
            measure_disentanglement(codes, codes, split, NUM_FRAMES)


@pytest.mark.usefixtures("unchecked")
def test_bad_features_are_named():
    codes = part(perfect, 0)
    infinite = np.array([0, 0, 0, np.inf])
    broken = replace(codes, features=codes.features + infinite)
    with pytest.raises(InputError, match=r"features: got \[3\]; .*not finite"):
        measure_disentanglement(codes, broken, HALVES, NUM_FRAMES)
    narrow = replace(codes, features=codes.features[:, :3])
    with pytest.raises(InputError, match=r"test: got \(3, 2\); give \(4, 2\)"):
        measure_disentanglement(codes, narrow, HALVES, NUM_FRAMES)
