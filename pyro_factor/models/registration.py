"""Networks within Pyro modules, whose weights Pyro needs to hear of only for its own optimisers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from pyro.nn import PyroModule
from torch import nn


class Registering(PyroModule):
    """A Pyro module with networks in it."""

    registers = True  # weight by weight, each time a network is used

    def network(self, name: str) -> nn.Module:
        """One of its networks, its weights registered with Pyro unless within `unregistered`."""
        # Pyro registers whatever is read as an attribute
        held = getattr(self, name) if self.registers else self._modules[name]
        return cast(nn.Module, held)


@contextmanager
def unregistered(*modules: Registering) -> Iterator[None]:
    """Spare the registration: for losses whose optimiser has the weights from the modules."""
    for module in modules:
        module.registers = False
    try:
        yield
    finally:
        for module in modules:
            module.registers = True
