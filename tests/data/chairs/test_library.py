"""The cache of rendered chairs: what it tells apart, and what can happen to it."""

import subprocess
import sys
import time

import numpy as np
import pytest
from chair_shapes import CountedBox

from pyro_factor.data.chairs import cache, generator, library, render
from pyro_factor.data.chairs.camera import Views
from pyro_factor.data.chairs.generator import GeneratedChair
from pyro_factor.data.chairs.library import load_chairs
from pyro_factor.data.chairs.mesh import Unusable, normalised
from pyro_factor.data.chairs.meshes import find_meshes
from pyro_factor.errors import InputError, StorageError

VIEWS = Views(image_size=16, num_azimuths=3)


def renders(log):
    """The numbers of the boxes that were made so far, in order."""
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def load(chairs, folder, views=VIEWS, **arguments):
    return load_chairs(chairs, views, folder=folder, processes=1, show=False, **arguments)


@pytest.fixture
def boxes(tmp_path):
    return [CountedBox(number, tmp_path / "log") for number in range(5)]


def test_a_second_call_renders_nothing(tmp_path, boxes):
    first = load(boxes, tmp_path / "cache")
    again = load(boxes, tmp_path / "cache")
    assert renders(tmp_path / "log") == [0, 1, 2, 3, 4]
    assert first.names == again.names == tuple(f"box {number}" for number in range(5))
    assert first.images.shape == (5, 3, 16, 16)
    np.testing.assert_array_equal(first.images, again.images)
    expected = [render.render(normalised(box.mesh()), VIEWS) for box in boxes]
    np.testing.assert_array_equal(first.images, np.stack(expected))


@pytest.mark.parametrize(
    "views",
    [
        Views(17, 3),
        Views(16, 4),
        Views(16, 3, elevation=21.0),
        Views(16, 3, half_step=True),
    ],
)
def test_other_views_are_rendered_anew(tmp_path, boxes, views):
    load(boxes[:1], tmp_path / "cache")
    other = load(boxes[:1], tmp_path / "cache", views)
    assert renders(tmp_path / "log") == [0, 0]
    expected = render.render(normalised(boxes[0].mesh()), views)
    np.testing.assert_array_equal(other.images[0], expected)


@pytest.mark.parametrize("setting", ["RENDERER", "SUPERSAMPLING"])
def test_another_renderer_renders_anew(tmp_path, boxes, monkeypatch, setting):
    load(boxes[:1], tmp_path / "cache")
    monkeypatch.setattr(cache, setting, 99)
    load(boxes[:1], tmp_path / "cache")
    assert renders(tmp_path / "log") == [0, 0]


def test_another_generator_generates_anew(monkeypatch):
    before = {GeneratedChair(0, 0).contents(), GeneratedChair(0, 1).contents()}
    before.add(GeneratedChair(1, 0).contents())
    monkeypatch.setattr(generator, "GENERATOR", 99)
    assert len(before) == 3
    assert GeneratedChair(0, 0).contents() not in before


def test_a_file_with_other_contents_or_axes_is_rendered_anew(tmp_path):
    import trimesh

    path = tmp_path / "box.ply"
    trimesh.creation.box([1, 2, 3]).export(path)
    first = load(find_meshes(str(tmp_path)), tmp_path / "cache")
    turned = load(find_meshes(str(tmp_path), up="x", facing="y"), tmp_path / "cache")
    assert (first.images != turned.images).any()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    path.rename(moved / "renamed.ply")  # the same contents are found wherever they are
    files = len(list((tmp_path / "cache").rglob("*.npz")))
    again = load(find_meshes(str(moved)), tmp_path / "cache")
    np.testing.assert_array_equal(first.images, again.images)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == files == 2
    trimesh.creation.box([3, 2, 1]).export(moved / "renamed.ply")
    other = load(find_meshes(str(moved)), tmp_path / "cache")
    assert (first.images != other.images).any()


def test_an_interrupted_build_goes_on_where_it_was(tmp_path, boxes, monkeypatch):
    write = library.write

    def interrupted(path, images):
        if len(renders(tmp_path / "log")) == 4:
            raise KeyboardInterrupt
        write(path, images)

    monkeypatch.setattr(library, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(boxes, tmp_path / "cache")
    monkeypatch.setattr(library, "write", write)
    built = load(boxes, tmp_path / "cache")
    assert renders(tmp_path / "log") == [0, 1, 2, 3, 3, 4]
    np.testing.assert_array_equal(built.images, load(boxes, tmp_path / "other").images)


def _flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-30],
        lambda data: data[: len(data) // 2],
        lambda data: b"\x80\x04N." + data,  # a pickle is never opened
        _flip,
    ],
)
def test_a_damaged_file_is_rebuilt(tmp_path, boxes, damage):
    first = load(boxes, tmp_path / "cache")
    path = cache.locate(boxes[2].contents(), VIEWS, tmp_path / "cache")
    path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        np.testing.assert_array_equal(load(boxes, tmp_path / "cache").images, first.images)
    assert renders(tmp_path / "log") == [0, 1, 2, 3, 4, 2]


@pytest.mark.parametrize("shape", [(3, 16, 15), (4, 16, 16), (3, 16)])
def test_a_file_of_other_images_is_rebuilt(tmp_path, boxes, shape):
    path = cache.locate(boxes[0].contents(), VIEWS, tmp_path)
    path.parent.mkdir(parents=True)
    np.savez_compressed(path, images=np.zeros(shape, np.uint8))
    assert load(boxes[:1], tmp_path).images.max() == 255
    assert renders(tmp_path / "log") == [0]


def test_concurrent_builders_agree(tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from pyro_factor.data.chairs.camera import Views\n"
        "from pyro_factor.data.chairs.generator import GeneratedChair\n"
        "from pyro_factor.data.chairs.library import load_chairs\n"
        "chairs = [GeneratedChair(0, index) for index in range(12)]\n"
        "images = load_chairs(chairs, Views(16, 3), folder=Path(sys.argv[1]), show=False).images\n"
        "print(images.astype(int).sum((1, 2, 3)).tolist())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        chairs = [GeneratedChair(0, index) for index in range(12)]
        while not list(tmp_path.rglob("*.npz")) and other.poll() is None:
            time.sleep(0.01)
        ours = load(chairs, tmp_path).images.astype(int).sum((1, 2, 3))
        theirs, _ = other.communicate()
    assert str(ours.tolist()) == theirs.strip()
    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 12
    assert all(name.endswith(".npz") for name in files)


def test_several_processes_render_what_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "MIN_CHAIRS_A_PROCESS", 3)
    chairs = [GeneratedChair(0, index) for index in range(6)]
    several = load_chairs(chairs, VIEWS, folder=tmp_path / "a", processes=2, show=False)
    np.testing.assert_array_equal(several.images, load(chairs, tmp_path / "b").images)
    assert several.names == tuple(chair.name for chair in chairs)


def test_unusable_chairs_are_reported_and_made_up_for(tmp_path):
    boxes = [CountedBox(number, tmp_path / "log", number in (0, 2, 3)) for number in range(9)]
    found = load(boxes, tmp_path / "cache", wanted=3)
    assert found.names == ("box 1", "box 4", "box 5")
    assert found.skipped == tuple((f"box {number}", "it is broken") for number in (0, 2, 3))
    assert renders(tmp_path / "log") == [0, 1, 2, 3, 4, 5]  # no more than it takes
    assert load(boxes[2:4], tmp_path / "cache").images.shape == (0, 3, 16, 16)


def test_a_file_that_goes_away_is_reported(tmp_path, boxes, monkeypatch):
    def gone(self):
        raise Unusable("it can't be opened")

    monkeypatch.setattr(CountedBox, "contents", gone)
    assert load(boxes[:1], tmp_path).skipped == (("box 0", "it can't be opened"),)


def test_missing_libraries_are_named(tmp_path, boxes, monkeypatch):
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"trimesh and embreex.*pip install 'pyro-factor\[chairs"):
        load(boxes, tmp_path)


def test_the_cache_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_chairs([GeneratedChair(0, 0)], VIEWS, show=False)
    (file,) = (tmp_path / "pyro_factor" / "chairs").rglob("*.npz")
    assert cache.read(file, VIEWS) is not None


def test_a_cache_that_cannot_be_written_to_is_an_error(tmp_path, boxes):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        load(boxes, tmp_path / "file")


def test_progress_goes_to_stderr(tmp_path, boxes, capsys):
    load_chairs(boxes, VIEWS, folder=tmp_path, processes=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Rendering chairs" in err
    load_chairs(boxes, VIEWS, folder=tmp_path, processes=1)
    assert capsys.readouterr().err == ""
