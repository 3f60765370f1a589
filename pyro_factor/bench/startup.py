"""What the first moment costs: imports and --help."""

import subprocess
import sys
from functools import partial

from ..track import Track
from .rows import Row
from .sizes import Sizes
from .timing import spread, take_turns, timed

NAMES = "import pyro_factor; [getattr(pyro_factor, name) for name in pyro_factor.__all__]"
COMMANDS = {
    "import torch": ["-c", "import torch"],
    "import pyro_factor": ["-c", "import pyro_factor"],
    "pyro-factor --help": ["-m", "pyro_factor", "--help"],
    "importing every name of pyro_factor": ["-c", NAMES],
}
BEYOND = ("import pyro_factor", "pyro-factor --help")  # a second beyond torch, at most


def startup(sizes: Sizes, track: Track) -> list[Row]:
    """Processes that import the package, beyond one that imports torch."""
    contestants = {name: timed(partial(_run, words)) for name, words in COMMANDS.items()}
    title = "Start-up"
    times = take_turns(
        contestants, sizes.repetitions, warmup=min(1, sizes.warmup), track=track, title=title
    )
    torch = times["import torch"]
    beyond = [
        Row(
            quantity=f"{name} beyond import torch",
            value=spread(times[name] - torch),
            unit="s",
            at_most=1.0,
        )
        for name in BEYOND
    ]
    plain = [Row(quantity=name, value=spread(t), unit="s") for name, t in times.items()]
    return beyond + plain


def _run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
