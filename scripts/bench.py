"""`pyro-factor bench` from a copied checkout, where only torch, Pyro and scikit-learn are.

    python scripts/bench.py --only gpu sharing --output docs/performance.json

What it measures on a machine with a GPU goes to the file; on another machine, `pyro-factor bench
--output docs/performance.json --page docs/performance.md` adds the rest to it and writes the page.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from parsing import find_package, parse

find_package()

from pyro_factor.bench.command import Bench  # noqa: E402
from pyro_factor.errors import report  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    return report(parse(Bench, arguments, {"output": Path, "page": Path}, {"only": str}))


if __name__ == "__main__":
    sys.exit(main())
