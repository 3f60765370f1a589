"""Chair meshes in a folder: where they are, which way they stand, and how they are read."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import require
from .mesh import Mesh, Unusable, check_axes, upright

FORMATS = ("obj", "off", "ply", "glb", "stl")
MAX_BYTES = 200_000_000
MAX_FACES = 2_000_000


@dataclass(frozen=True)
class Layout:
    """Where a data set keeps its chairs, and which way they stand.

    Args:
        patterns: Globs under the root.
        up: The axis that points upwards.
        facing: The axis that a sitter looks along.
    """

    patterns: tuple[str, ...]
    up: str
    facing: str


# The first layout that finds a file is taken.
LAYOUTS = (
    # ShapeNetCore's chairs, versions 2 and 1, from its root or from the chairs' own folder
    Layout(("03001627/*/models/*.obj", "03001627/*/*.obj"), "y", "-z"),
    Layout(("*/models/*.obj", "*/model.obj"), "y", "-z"),
    Layout(("chair/train/*.off", "chair/test/*.off"), "z", "-y"),  # ModelNet
    Layout(("*",), "z", "x"),
)
GLB_AXES = ("y", "z")  # its standard's; a flat folder may mix formats


@dataclass(frozen=True)
class MeshFile:
    """A chair's file, and which way the chair in it stands."""

    path: Path
    name: str
    up: str
    facing: str

    def contents(self) -> str:
        """What its images depend on, beside the views.

        Raises:
            Unusable: It can't be read, or is too large.
        """
        digest = hashlib.sha256(self._bytes()).hexdigest()
        return f"{self.path.suffix.lower()} file {digest}, up {self.up}, facing {self.facing}"

    def mesh(self) -> Mesh:
        """Its shape, upright, of any size; textures are ignored and nothing else is opened.

        Raises:
            Unusable: It can't be read, or is too large.
        """
        import trimesh

        data = self._bytes()
        try:
            # from memory, so that no file that it refers to is looked for
            read = trimesh.load_mesh(
                io.BytesIO(data), self.path.suffix[1:].lower(), process=False, skip_materials=True
            )
        except Exception as error:  # a parser may fail in any way on what is no mesh
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise Unusable(f"it can't be read ({reason})") from error
        if len(read.faces) > MAX_FACES:
            raise Unusable(f"it has {len(read.faces)} faces, more than {MAX_FACES}")
        return upright(
            Mesh(np.asarray(read.vertices), np.asarray(read.faces)), self.up, self.facing
        )

    def _bytes(self) -> bytes:
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise Unusable(f"it has {size} bytes, more than {MAX_BYTES}")
            return self.path.read_bytes()
        except OSError as error:
            raise Unusable(f"it can't be opened ({error.strerror})") from error


def find_meshes(root: str, up: str | None = None, facing: str | None = None) -> list[MeshFile]:
    """The mesh files of a folder, in an order that only their names decide.

    Args:
        root: A folder of meshes, or ShapeNetCore's or ModelNet's root.
        up: The axis that points upwards, such as "y" or "-z"; the layout's unless given.
        facing: The axis that a sitter looks along; the layout's unless given.

    Returns:
        The files, ordered by a hash of their names.

    Raises:
        InputError: No such folder, no mesh in it, or axes that aren't two at a right angle.
    """
    folder = Path(root)
    require(folder.is_dir(), "chairs_root", root, "no such folder")
    layout, paths = next(
        ((layout, paths) for layout in LAYOUTS if (paths := _glob(folder, layout))),
        (LAYOUTS[-1], []),
    )
    advice = f"it has no meshes ({', '.join(FORMATS)}), nor ShapeNetCore's or ModelNet's folders"
    require(len(paths) > 0, "chairs_root", root, advice)
    meshes = []
    for path in paths:
        glb = layout is LAYOUTS[-1] and path.suffix.lower() == ".glb"
        default = GLB_AXES if glb else (layout.up, layout.facing)
        axes = (up or default[0], facing or default[1])
        check_axes(*axes)
        meshes.append(MeshFile(path, path.relative_to(folder).as_posix(), *axes))
    return sorted(meshes, key=lambda mesh: hashlib.sha256(mesh.name.encode()).digest())


def _glob(folder: Path, layout: Layout) -> list[Path]:
    found = {path for pattern in layout.patterns for path in folder.glob(pattern)}
    return sorted(path for path in found if path.suffix[1:].lower() in FORMATS and path.is_file())
