"""The images of many chairs, rendered by several processes, each chair once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from ...errors import InputError
from ...files import user_cache
from .cache import Images, locate, read, write
from .camera import Views
from .mesh import Mesh, Unusable, normalised
from .render import render

# Another process takes seconds to start, in which this one renders some fifty chairs.
MIN_CHAIRS_A_PROCESS = 64


@runtime_checkable
class Chair(Protocol):
    """What can be rendered."""

    @property
    def name(self) -> str:
        """What to call it."""

    def contents(self) -> str:
        """All that its images depend on, beside the views; raises `Unusable`."""

    def mesh(self) -> Mesh:
        """Its shape, upright; raises `Unusable`."""


@dataclass(frozen=True)
class Library:
    """Chairs from all around.

    Attributes:
        images: Grey levels, (chairs, azimuths, height, width).
        names: The chairs' names.
        skipped: Names of unusable meshes, each with the reason.
    """

    images: UInt8[np.ndarray, "chairs azimuths height width"]
    names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def load_chairs(
    chairs: Sequence[Chair],
    views: Views,
    wanted: int | None = None,
    folder: Path | None = None,
    processes: int | None = None,
    show: bool = True,
) -> Library:
    """Read chairs from the cache and render those it lacks, which a later call then finds there.

    Args:
        chairs: Meshes in files, or generated.
        views: The views of each.
        wanted: Stop after so many usable ones; all unless given.
        folder: The cache; the user's unless given.
        processes: Most processes to render with; one a core unless given.
        show: Whether to show a progress bar where there is something to render.

    Returns:
        The first `wanted` usable chairs in the order given, and what was skipped before them.

    Raises:
        InputError: The libraries that render are missing.
        StorageError: The cache can't be written to.
    """
    wanted = len(chairs) if wanted is None else min(wanted, len(chairs))
    size = views.image_size
    images = np.empty((wanted, views.num_azimuths, size, size), np.uint8)
    names: list[str] = []
    skipped: list[tuple[str, str]] = []
    rest = list(chairs)
    while rest and len(names) < wanted:
        count = wanted - len(names)  # an unusable chair is made up for by a later one
        batch, rest = rest[:count], rest[count:]
        outcomes = _outcomes(batch, views, folder or user_cache() / "chairs", processes, show)
        for chair, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Unusable):
                skipped.append((chair.name, str(outcome)))
            else:
                images[len(names)] = outcome
                names.append(chair.name)
    return Library(images[: len(names)], tuple(names), tuple(skipped))


def _outcomes(
    chairs: list[Chair], views: Views, folder: Path, processes: int | None, show: bool
) -> Iterable[Images | Unusable]:
    """The images of each chair, or why it has none."""
    outcomes = [_cached(chair, views, folder) for chair in chairs]
    absent = [number for number, outcome in enumerate(outcomes) if outcome is None]
    if absent:
        _check_libraries()
        rendered = _render_all([chairs[number] for number in absent], views, folder, processes)
        for number, outcome in zip(absent, _shown(rendered, len(absent), show), strict=True):
            outcomes[number] = outcome
    return [outcome for outcome in outcomes if outcome is not None]


def _cached(chair: Chair, views: Views, folder: Path) -> Images | Unusable | None:
    try:
        return read(locate(chair.contents(), views, folder), views)
    except Unusable as reason:
        return reason


def _render_all(
    chairs: list[Chair], views: Views, folder: Path, processes: int | None
) -> Iterable[Images | Unusable]:
    """Render in processes of their own, in order; joblib's need no guard around a user's script."""
    from joblib import Parallel, cpu_count, delayed

    most = processes or cpu_count()
    jobs = max(1, min(most, len(chairs) // MIN_CHAIRS_A_PROCESS))
    parallel = Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    return parallel(delayed(_render)(chair, views, folder) for chair in chairs)


def _render(chair: Chair, views: Views, folder: Path) -> Images | Unusable:
    """Render a chair and keep its images."""
    try:
        images = render(normalised(chair.mesh()), views)
        write(locate(chair.contents(), views, folder), images)
    except Unusable as reason:
        return reason
    return images


def _shown(
    outcomes: Iterable[Images | Unusable], total: int, show: bool
) -> Iterable[Images | Unusable]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(outcomes, "Rendering chairs", total, console=console, disable=not show)


def _check_libraries() -> None:
    """Raise `InputError` unless what renders is installed."""
    missing = [name for name in ("trimesh", "embreex") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"data: got 'chairs', which need {' and '.join(missing)}; "
            "install with: pip install 'pyro-factor[chairs]'"
        )
