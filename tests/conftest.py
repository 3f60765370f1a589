"""Shapes in signatures are enforced: jaxtyping checks them wherever a test calls."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # programs of two threads would be in the way

from jaxtyping import config, install_import_hook

hook = install_import_hook("pyro_factor", "beartype.beartype")

import pyro  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from bare import make_bare  # noqa: E402
from hypothesis import settings  # noqa: E402
from released import copy_released, make_released  # noqa: E402

# a busy machine is no failure
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _seed():
    """Every test starts from the same random state and an empty parameter store."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


@pytest.fixture
def unchecked():
    """Shapes as users have them: not enforced, so that our own checks are what answers."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def float64():
    """Numbers are double, as an exact identity needs."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A folder with an environment of torch, Pyro and scikit-learn alone, and a checkout."""
    return make_bare(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def _released(tmp_path_factory):
    return make_released(tmp_path_factory.mktemp("released"))


@pytest.fixture
def released(_released, tmp_path, monkeypatch):
    """A folder with a small run and the model released of it, which is the package's only one."""
    return copy_released(_released, tmp_path / "released", monkeypatch)
