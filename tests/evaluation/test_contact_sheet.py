"""Contact sheets show the chairs they are given."""

import numpy as np
import pytest

from pyro_factor.data import RotatingChairs
from pyro_factor.errors import InputError
from pyro_factor.evaluation.contact_sheet import contact_sheet, sheet_figure


def images(chairs, azimuths):
    """Chair c at azimuth a is of one grey: 20 c + a."""
    greys = 20 * np.arange(chairs)[:, None] + np.arange(azimuths)
    return np.broadcast_to(greys[..., None, None], (chairs, azimuths, 8, 8)).astype(np.uint8)


def test_each_strip_is_a_chair_from_all_sides():
    fig = sheet_figure(images(5, 4), ["a", "b", "c", "d", "e"], columns=2)
    shown = [axes for axes in fig.axes if axes.get_images()]
    assert [axes.get_title() for axes in shown] == ["a", "b", "c", "d", "e"]
    assert len(fig.axes) == 6
    for number, axes in enumerate(shown):
        pixels = np.asarray(axes.get_images()[0].get_array())[4, 4::10, 0] * 255
        np.testing.assert_allclose(pixels, 20 * number + np.arange(4), atol=1e-3)


def test_azimuths_are_evenly_spaced_and_chairs_limited(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "pyro_factor.evaluation.contact_sheet.sheet_figure",
        lambda seen, names, columns: drawn.append(seen) or sheet_figure(seen, names, columns),
    )
    path = contact_sheet(images(4, 9), tmp_path / "sheet.png", max_chairs=3, max_azimuths=3)
    assert path.stat().st_size > 0
    assert drawn[0][:, :, 0, 0].tolist() == [[0, 3, 6], [20, 23, 26], [40, 43, 46]]
    contact_sheet(images(1, 2), tmp_path / "sheet.svg")
    assert drawn[1].shape[:2] == (1, 2)


def test_draws_a_data_set_with_its_names(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = RotatingChairs(split="test", num_azimuths=4, image_size=16, chairs_seed=12)
    text = contact_sheet(data, tmp_path / "sheet.svg").read_text()
    assert all(f"generated-12-{number} " in text for number in range(10))


@pytest.mark.parametrize("argument", ["max_chairs", "max_azimuths", "columns"])
def test_bad_counts_are_named(tmp_path, argument):
    with pytest.raises(InputError, match=f"{argument}: got 0"):
        contact_sheet(images(1, 2), tmp_path / "sheet.png", **{argument: 0})


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(InputError, match="chairs: got"):
        contact_sheet(images(0, 2), tmp_path / "sheet.png")
