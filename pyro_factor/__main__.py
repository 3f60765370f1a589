"""The command `pyro-factor`, also as `python -m pyro_factor`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
