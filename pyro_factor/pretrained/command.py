"""The command `pretrained`."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """List the trained models that come with the package, or make a run folder of one."""

    name: Positional[str | None] = None
    """A model: shows its card, unless --folder is given."""
    folder: Path | None = None
    """The run folder to make of it."""

    def __call__(self) -> None:
        """Run the command."""
        from rich.console import Console

        from ..errors import require
        from ..evaluation.tables import tables
        from ..models.pretrained import pretrained_names
        from .card import read_model
        from .folder import write_run
        from .listing import list_models
        from .page import render

        if self.name is None:
            require(self.folder is None, "--folder", str(self.folder), "name a model too")
            models = [read_model(name) for name in pretrained_names()]
            Console().print(tables([list_models(models)]))
        elif self.folder is None:
            print(render(read_model(self.name)), end="")
        else:
            run = shlex.quote(str(write_run(read_model(self.name), self.folder)))
            print(f"Next: pyro-factor figures {run}")
