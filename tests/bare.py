"""A machine that has torch, Pyro and scikit-learn, and a copied checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

# what a machine without them lacks; the script has stand-ins for what it needs
ABSENT = ("jaxtyping", "matplotlib", "pydantic", "pyro_factor", "rich", "safetensors", "tyro")
ABSENT += ("torchvision",)


def make_bare(folder):
    """An environment that has torch, Pyro, scikit-learn and what these need, and a checkout."""
    (folder / "site").mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.suffix != ".pth" and not path.name.startswith(ABSENT):
            (folder / "site" / path.name).symlink_to(path)
    root = Path(__file__).parents[1]
    for name in ("pyro_factor", "scripts"):
        (folder / name).symlink_to(root / name)
    return folder


def run_bare(folder, script, *arguments):
    """Run a script of the checkout there."""
    environment = os.environ | {"PYTHONPATH": str(folder / "site"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-S", folder / "scripts" / script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
