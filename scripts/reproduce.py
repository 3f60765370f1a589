"""`pyro-factor reproduce` from a copied checkout, where only torch, Pyro and scikit-learn are.

    python scripts/reproduce.py --schedule paper --data-root data

Stand-ins for the other libraries lie in `standins`, at the end of the path: an installed library is
used instead. They hold what training and scoring need, and no more.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from parsing import find_package, parse

find_package()

from pyro_factor.errors import report  # noqa: E402
from pyro_factor.reproduction.command import Reproduce  # noqa: E402

SEVERAL = {"only": str, "seeds": int, "merge": Path}
ONE = {"max_minutes": float, "jobs": int}
ONE |= dict.fromkeys(("data_root", "chairs_root", "ledger", "runs"), Path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    return report(parse(Reproduce, arguments, ONE, SEVERAL))


if __name__ == "__main__":
    sys.exit(main())
