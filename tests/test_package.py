"""What is installed, and which room may know which."""

import ast
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LARGEST = 20e6  # bytes of what is published: models are few and small

# room -> the rooms it may not import
STUDIES = {"variance", "posterior", "reproduction", "bench", "pretrained", "cli", "commands"}
FORBIDDEN = {
    "data": {"models", "inference", "evaluation", *STUDIES},
    "models": {"data", "inference", "evaluation", *STUDIES},
    "inference": {"evaluation", *STUDIES},
    "evaluation": STUDIES,
    "variance": STUDIES - {"variance"},
    "posterior": STUDIES - {"posterior"},
    "reproduction": STUDIES - {"reproduction"},
    "bench": STUDIES - {"bench", "reproduction"},
    "pretrained": STUDIES - {"pretrained", "reproduction"},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def sources():
    return {str(path.relative_to(ROOT)) for path in ROOT.glob("pyro_factor/**/*.py")}


def in_wheel(built):
    (path,) = built.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def in_source(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_holds_the_package_and_no_top_level_rooms(built):
    names = in_wheel(built)
    tops = {name.split("/")[0] for name in names}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert tops == {"pyro_factor", f"pyro_factor-{version}.dist-info"}
    assert sources() <= names


def test_the_source_distribution_holds_every_room_too(built):
    assert sources() <= in_source(built)


def test_the_trained_models_and_their_cards_are_in_what_is_published(built):
    folder = ROOT / "pyro_factor/models/weights"
    models = {path.stem for path in folder.glob("*.safetensors")}
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}" for name in models for kind in ("safetensors", "md")
    }
    shipped = {str(path.relative_to(ROOT)) for path in folder.iterdir()}
    for names in (in_wheel(built), in_source(built)):
        assert shipped | {"pyro_factor/pretrained/card.md"} <= names
    assert max(path.stat().st_size for path in built.iterdir()) < LARGEST


@pytest.mark.parametrize("room", ["models", "inference", "evaluation"])
def test_the_links_at_the_root_lead_into_the_package(room):
    link = ROOT / room
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / "pyro_factor" / room


def imported_rooms(path):
    """Top-level rooms that a module imports, relatively or by name."""
    depth = len(path.relative_to(ROOT / "pyro_factor").parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyro_factor."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("pyro_factor.")
            )


@pytest.mark.parametrize("room", FORBIDDEN)
def test_dependencies_point_one_way(room):
    for path in (ROOT / "pyro_factor" / room).rglob("*.py"):
        assert not set(imported_rooms(path)) & FORBIDDEN[room], path


def test_importing_the_package_is_quick_until_a_name_is_used():
    slow = ["arviz", "matplotlib", "sklearn", "torchvision"]
    code = (
        "import sys, pyro_factor; assert 'torch' not in sys.modules; "
        "[getattr(pyro_factor, name) for name in pyro_factor.__all__]; "
        f"assert not set({slow}) & set(sys.modules), set({slow}) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
