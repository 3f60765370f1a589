"""Make a model that comes with the package of a finished run: its weights file and its card.

    python scripts/release.py runs/mnist bouncing-mnist-2 --data-root data

Both go to pyro_factor/models/weights; commit them together. The ledger says what trained the run.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from parsing import find_package
from tyro.conf import Positional

find_package()

from pyro_factor.errors import report  # noqa: E402
from pyro_factor.pretrained.release import release  # noqa: E402
from pyro_factor.reproduction.reproduce import LEDGER  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Release:
    """Make a model that comes with the package of a finished run."""

    run: Positional[Path]
    """The run folder, trained to its end and evaluated."""
    name: Positional[str]
    """The model's name."""
    data_root: Path | None = None
    """Where the digits are now, if not where they were in training."""
    ledger: Path = LEDGER
    """The ledger whose row of this run says what trained it."""

    def __call__(self) -> None:
        """Run the command."""
        made = release(self.run, self.name, data_root=self.data_root, ledger=self.ledger)
        print(*made, sep="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    return report(tyro.cli(Release, args=arguments))


if __name__ == "__main__":
    sys.exit(main())
