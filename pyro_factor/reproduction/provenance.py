"""What made a result: device, versions, the code itself."""

import hashlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("torch", "pyro-ppl", "numpy", "scikit-learn", "pyro-factor")


def describe_device(device: torch.device, precision: str) -> str:
    """The processor by name, its threads and the precision: "NVIDIA H200, bfloat16"."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {precision}"
    return f"{_processor()}, {torch.get_num_threads()} threads, {precision}"


def versions() -> dict[str, str | None]:
    """Of Python and the libraries that compute; None for one that isn't installed."""
    return {"python": platform.python_version()} | {name: _version(name) for name in LIBRARIES}


def commit() -> str | None:
    """The commit of the package's checkout, "-dirty" added if its files differ from it.

    None where the package is in no checkout of its own, but installed within somebody's project.
    """
    head = _git("rev-parse", "HEAD")
    if head is None or not _git("ls-files", "--", "__init__.py"):
        return None
    return head + ("-dirty" if _git("status", "--porcelain", "--", ".") else "")


def source() -> str:
    """A checksum of the package's files, the same for every copy of them."""
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
