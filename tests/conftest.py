"""Shapes in signatures are enforced: jaxtyping checks them wherever a test calls."""

from jaxtyping import install_import_hook

hook = install_import_hook("pyro_factor", "beartype.beartype")

import pyro  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    """Every test starts from the same random state and an empty parameter store."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
