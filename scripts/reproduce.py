"""`pyro-factor reproduce` from a copied checkout, where only torch, Pyro and scikit-learn are.

    python scripts/reproduce.py --schedule paper --data-root data

Stand-ins for the other libraries lie in `standins`, at the end of the path: an installed library is
used instead. They hold what training and scoring need, and no more.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.append(str(HERE / "standins"))

from pyro_factor.errors import report  # noqa: E402
from pyro_factor.reproduction.command import Reproduce  # noqa: E402

SEVERAL = {"only": str, "seeds": int, "merge": Path}
ONE = {"max_minutes": float} | dict.fromkeys(("data_root", "chairs_root", "ledger", "runs"), Path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    return report(_parse(arguments))


def _parse(arguments: Sequence[str] | None) -> Reproduce:
    parser = argparse.ArgumentParser(description=Reproduce.__doc__)
    for field in fields(Reproduce):
        flag = "--" + field.name.replace("_", "-")
        if field.name in SEVERAL:
            parser.add_argument(flag, nargs="+", type=SEVERAL[field.name], default=field.default)
        elif isinstance(field.default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=ONE.get(field.name, str), default=field.default)
    given = vars(parser.parse_args(arguments))
    return Reproduce(**{k: tuple(v) if k in SEVERAL else v for k, v in given.items()})


if __name__ == "__main__":
    sys.exit(main())
