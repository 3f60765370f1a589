"""What can go wrong, or end a training: each with a message that says what to do."""

import os
import re
import signal
import sys
from collections.abc import Callable


class InputError(ValueError):
    """Bad input: names the argument, what was given and what to do.

    The command line prints the message alone and exits with code 2.
    """

    def __str__(self) -> str:
        # Pyro adds the shapes so far to whatever is raised while it traces
        return re.split(r"\n\s*Trace Shapes:", super().__str__(), maxsplit=1)[0]


class InUse(InputError):
    """Another process writes to the folder."""


class StorageError(OSError):
    """A file can't be written: names it, the reason and what to do."""

    def __str__(self) -> str:
        return str(self.strerror)


class TrainingDiverged(ArithmeticError):
    """The loss or the weights are no longer finite; the message says where and what is kept."""


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped from outside and its state saved: the message says how to go on."""


class TimeUp(Exception):
    """The time a training was given is over and its state saved: the message says how to go on."""


def require(condition: bool, argument: str, given: object, advice: str) -> None:
    """Raise `InputError` unless `condition` holds.

    Args:
        condition: What must hold.
        argument: The argument's name, as the user wrote it.
        given: What was given.
        advice: What to do instead.

    Raises:
        InputError: `condition` is false.
    """
    if not condition:
        raise InputError(f"{argument}: got {given!r}; {advice}")


def check_seed(seed: int, argument: str = "seed") -> None:
    """Raise `InputError` unless a number can seed PyTorch's generators."""
    require(0 <= seed < 2**64, argument, seed, "give 0 or more, below 2**64")


EXIT_CODES: dict[type[BaseException], int] = {
    InputError: 2,
    OSError: 2,
    TrainingDiverged: 1,
    TimeUp: 3,
    KeyboardInterrupt: 130,
}


def report(command: Callable[[], object]) -> int:
    """Run a command, print what ends it, and return its exit code, 0 if nothing did."""
    try:
        command()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 128 + signal.SIGPIPE
    except tuple(EXIT_CODES) as error:
        print(str(error) or "Stopped.", file=sys.stderr)
        return next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind))
    return 0
