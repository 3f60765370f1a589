"""Progress bars around loops."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

# From an iterable, its length and a description to the same iterable.
Track = Callable[[Iterable[Any], int, str], Iterable[Any]]


def untracked(iterable: Iterable[Any], total: int, description: str) -> Iterable[Any]:
    """Show nothing."""
    return iterable


@contextmanager
def tracking(show: bool) -> Iterator[Track]:
    """Give a function that shows how far a loop is, or one that shows nothing."""
    # the reproduction's script also runs without rich
    if not (show and find_spec("rich")):
        yield untracked
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        yield lambda iterable, total, description: bar.track(
            iterable, total, description=description
        )
