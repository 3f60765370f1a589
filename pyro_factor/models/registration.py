"""Networks within Pyro modules, whose weights Pyro needs to hear of only for its own optimisers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from pyro.nn import PyroModule
from torch import nn

from .images import Images
from .prior_reader import PriorReader


class Registering(PyroModule):
    """Half of a pair: a Pyro module with networks in it, and with a prior's where it has some.

    Args:
        reader: The prior, read.
        beta: Weight of the latent draws (eq. 5).
        images: What a frame is.
    """

    registers = True  # weight by weight, each time a network is used

    def __init__(self, reader: PriorReader, beta: float, images: Images) -> None:
        super().__init__()
        self.reader, self.beta, self.images = reader, beta, images
        if isinstance(reader.prior, nn.Module):
            self.hold("prior", reader.prior)  # so that its parameters train

    def network(self, name: str) -> nn.Module:
        """One of its networks, its weights registered with Pyro unless within `unregistered`."""
        # Pyro registers whatever is read as an attribute
        held = getattr(self, name) if self.registers else self._modules[name]
        return cast(nn.Module, held)

    def hold(self, name: str, module: nn.Module) -> None:
        """Have a module that may have been run, or held, before: it keeps a context of its own."""
        if isinstance(module, PyroModule):
            name_sites(module, name)
        nn.Module.add_module(self, name, module)


def name_sites(module: PyroModule, name: str) -> None:
    """Give a PyroModule, and those in it, the name that their sites and parameters begin with.

    Pyro's own way refuses modules within it that have been run.
    """
    module._pyro_name = name
    for key, part in module._modules.items():
        if isinstance(part, PyroModule):
            name_sites(part, f"{name}.{key}")


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
