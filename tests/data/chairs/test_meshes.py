"""Meshes in files: each format, each layout, and what is no mesh."""

import json
import struct

import numpy as np
import pytest
import trimesh

from pyro_factor.data.chairs import meshes
from pyro_factor.data.chairs.mesh import Mesh, Unusable, normalised, upright
from pyro_factor.data.chairs.meshes import FORMATS, find_meshes
from pyro_factor.errors import InputError

WEDGE = trimesh.Trimesh(
    [[0, 0, 0], [3, 0, 0], [0, 2, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]
)


def corners(mesh):
    """Distinct corners in a fixed order."""
    return np.unique(mesh.vertices.round(5), axis=0)


def only(folder, **axes):
    (found,) = find_meshes(str(folder), **axes)
    return found


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("upper", [False, True])
def test_reads_every_format(tmp_path, kind, upper):
    path = tmp_path / f"wedge.{kind.upper() if upper else kind}"
    path.write_bytes(_bytes(kind))
    (tmp_path / "notes.txt").write_text("no mesh")
    found = only(tmp_path, up="z", facing="x")
    np.testing.assert_allclose(corners(found.mesh()), corners(WEDGE), atol=1e-5)
    assert len(found.mesh().faces) == 4
    assert found.name == path.name


def _bytes(kind):
    data = WEDGE.export(file_type=kind)
    return data.encode() if isinstance(data, str) else data


def test_reads_modelnets_headers_that_run_into_the_counts(tmp_path):
    text = _bytes("off").decode()
    (tmp_path / "wedge.off").write_text(text.replace("OFF\n", "OFF", 1))
    assert text.startswith("OFF\n")
    np.testing.assert_allclose(corners(only(tmp_path).mesh()), corners(WEDGE))


def test_merges_the_parts_of_a_scene(tmp_path):
    scene = trimesh.Scene([WEDGE, WEDGE.copy().apply_translation([10, 0, 0])])
    scene.export(tmp_path / "two.glb")
    assert len(only(tmp_path).mesh().faces) == 8


@pytest.mark.parametrize(
    ("path", "axes"),
    [
        ("chair.ply", ("z", "x")),
        ("chair.glb", ("y", "z")),
        ("03001627/1a2b/models/model_normalized.obj", ("y", "-z")),
        ("03001627/1a2b/model.obj", ("y", "-z")),
        ("1a2b/models/model_normalized.obj", ("y", "-z")),
        ("chair/train/chair_0001.off", ("z", "-y")),
        ("chair/test/chair_0900.off", ("z", "-y")),
    ],
)
def test_knows_each_layout_and_how_its_chairs_stand(tmp_path, path, axes):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_bytes(file.suffix[1:]))
    found = only(tmp_path)
    assert found.name == path
    assert (found.up, found.facing) == axes
    given = only(tmp_path, up="x", facing="-y")
    assert (given.up, given.facing) == ("x", "-y")
    assert given.contents() != found.contents()


def test_turns_meshes_upright():
    #  a point that is 1 to the front, 2 to the left, 3 up
    for up, facing, point in [
        ("z", "x", (1, 2, 3)),
        ("y", "-z", (-2, 3, -1)),
        ("y", "z", (2, 3, 1)),
        ("z", "-y", (2, -1, 3)),
        ("-x", "+y", (-3, 1, -2)),
    ]:
        mesh = upright(Mesh(np.array([point], float), np.zeros((0, 3), int)), up, facing)
        np.testing.assert_allclose(mesh.vertices, [[1, 2, 3]])


def test_the_order_depends_on_names_alone(tmp_path):
    for name in "abcdefgh":
        (tmp_path / f"{name}.stl").write_bytes(_bytes("stl"))
    before = [mesh.name for mesh in find_meshes(str(tmp_path))]
    assert sorted(before) == [f"{name}.stl" for name in "abcdefgh"] != before
    (tmp_path / "z.stl").write_bytes(_bytes("stl"))
    after = [mesh.name for mesh in find_meshes(str(tmp_path))]
    assert [name for name in after if name != "z.stl"] == before


def _ply(vertices, faces):
    mesh = trimesh.Trimesh(np.array(vertices, float), faces, process=False)
    return mesh.export(file_type="ply")


BROKEN = {
    "empty.ply": (b"", "can't be read"),
    "noise.ply": (bytes(range(256)) * 9, "can't be read"),
    "cut.ply": (_bytes("ply")[:-20], "can't be read"),
    "cut.glb": (_bytes("glb")[:-40], "can't be read|isn't finite|vertex"),
    "text.off": (b"hello", "can't be read"),
    "empty.obj": (b"", "can't be read|no faces"),
    "points.obj": (b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "can't be read|no faces"),
    "far.off": (b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "can't be read|isn't there"),
    "nan.ply": (_ply([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]]), "isn't finite"),
    "inf.ply": (_ply([[0, 0, 0], [1, 0, 0], [0, np.inf, 0]], [[0, 1, 2]]), "isn't finite"),
    "point.ply": (_ply(np.ones((3, 3)), [[0, 1, 2]]), "it is a (point|line)"),
    "line.ply": (_ply(np.arange(9).reshape(3, 3), [[0, 1, 2]]), "it is a (point|line)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_says_why_a_mesh_is_unusable(tmp_path, name):
    data, reason = BROKEN[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unusable, match=reason):
        normalised(only(tmp_path).mesh())


def test_unused_vertices_do_not_count():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [np.nan, 1e9, 0]])
    mesh = normalised(Mesh(vertices, np.array([[0, 1, 2]])))
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-30, 1e30, 1e300])
def test_any_size_is_scaled_into_the_unit_sphere(scale):
    vertices = scale * (np.asarray(WEDGE.vertices) + 0.5)
    mesh = normalised(Mesh(vertices, np.asarray(WEDGE.faces)))
    middle = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    np.testing.assert_allclose(middle, 0, atol=1e-12)
    assert np.linalg.norm(mesh.vertices, axis=1).max() == pytest.approx(1)


def test_refuses_what_is_too_large(tmp_path, monkeypatch):
    (tmp_path / "wedge.stl").write_bytes(_bytes("stl"))
    monkeypatch.setattr(meshes, "MAX_FACES", 3)
    with pytest.raises(Unusable, match="4 faces, more than 3"):
        only(tmp_path).mesh()
    monkeypatch.setattr(meshes, "MAX_BYTES", 10)
    with pytest.raises(Unusable, match="bytes, more than 10"):
        only(tmp_path).contents()


def test_a_file_that_is_gone_is_unusable(tmp_path):
    (tmp_path / "wedge.stl").write_bytes(_bytes("stl"))
    found = only(tmp_path)
    (tmp_path / "wedge.stl").unlink()
    with pytest.raises(Unusable, match="can't be opened"):
        found.contents()


def test_opens_nothing_that_a_mesh_refers_to(tmp_path):
    (tmp_path / "secret.mtl").mkdir()  # reading it would fail
    text = "mtllib secret.mtl\nusemtl a\n" + _bytes("obj").decode()
    (tmp_path / "wedge.obj").write_text(text)
    assert len(only(tmp_path).mesh().faces) == 4
    scene = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "http://example.invalid/a.bin", "byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
    }
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A)
    (tmp_path / "wedge.obj").unlink()
    (tmp_path / "remote.glb").write_bytes(head + text)
    with pytest.raises(Unusable, match="can't be read"):
        only(tmp_path).mesh()


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"up": "w"}, "up: got 'w'.*'z', '\\+x' or '-y'"),
        ({"facing": "north"}, "facing: got 'north'"),
        ({"up": "y", "facing": "-y"}, "facing: got '-y'.*right angle to up, which is 'y'"),
    ],
)
def test_bad_axes_are_named(tmp_path, axes, message):
    (tmp_path / "wedge.stl").write_bytes(_bytes("stl"))
    with pytest.raises(InputError, match=message):
        find_meshes(str(tmp_path), **axes)


def test_a_folder_without_meshes_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"chairs_root: got.*no meshes \(obj, off, ply, glb, stl"):
        find_meshes(str(tmp_path))
    with pytest.raises(InputError, match=r"chairs_root: got.*nowhere.*no such folder"):
        find_meshes(str(tmp_path / "nowhere"))
