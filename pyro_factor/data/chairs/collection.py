"""Which chairs there are, and which of them are held out from training."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import UInt8
from torch import Tensor

from ...errors import require
from .camera import Views
from .generator import GeneratedChair
from .library import Chair, Library, load_chairs
from .mesh import check_axes
from .meshes import find_meshes

HELD_OUT = 10  # chairs to test on, and as many to validate on where there are enough
ENOUGH = 3 * HELD_OUT  # from so many on, the splits that are held out are whole
LEAST = {"test": HELD_OUT, "validation": HELD_OUT + 2, "train": HELD_OUT + 2}
SHOWN = 5  # skipped meshes that are named


@dataclass(frozen=True)
class Collection:
    """Chairs from a folder or, without one, from a seed; no chair is in two splits.

    Args:
        root: Folder of meshes, or None.
        num_chairs: How many chairs are generated, or the most that are taken from the folder.
        seed: Seed of the generated ones.
        up: The axis of a mesh that points upwards; the layout's unless given.
        facing: The axis that a mesh's sitter looks along; the layout's unless given.

    Raises:
        InputError: An argument out of its range.
    """

    root: str | None
    num_chairs: int | None
    seed: int
    up: str | None
    facing: str | None

    def __post_init__(self) -> None:
        limited = self.num_chairs is not None
        require(limited or self.root is not None, "num_chairs", None, "say how many to generate")
        require(self.seed >= 0, "chairs_seed", self.seed, "give at least 0")
        check_axes(self.up, self.facing)

    def chairs(self) -> Sequence[Chair]:
        """All of them, in the order in which the splits are taken.

        Files come in an order that their names decide. Generated chairs are alike in kind, and
        come by their numbers: those held out stay the same when more are generated.
        """
        return self._found()[: self.num_chairs]

    def _found(self) -> Sequence[Chair]:
        if self.root is not None:
            return find_meshes(self.root, self.up, self.facing)
        return [GeneratedChair(self.seed, index) for index in range(self.num_chairs or 0)]

    def check(self, split: str) -> None:
        """Raise `InputError` if there is no such folder, or not enough in it to test on.

        Other splits of a folder may be empty: a model of generated chairs is tested on it alone.
        """
        least = LEAST[split]
        enough = self.num_chairs is None or self.num_chairs >= least
        require(enough, "num_chairs", self.num_chairs, f"give at least {least}")
        count = len(self.chairs())
        self._hold(count >= HELD_OUT, f"{count} meshes")

    def load(self, split: str, views: Views) -> Library:
        """The chairs of a split alone, rendered unless they are in the cache.

        A folder of fewer than 12 usable meshes may have none to train or validate on.

        Raises:
            InputError: Too few usable meshes to test on, or the libraries that render are missing.
            StorageError: The cache can't be written to.
        """
        everything = self._found()
        chairs = everything[: self.num_chairs]
        usable = len(chairs) if self.root is None else len(load_chairs(chairs, views, ENOUGH).names)
        validated = HELD_OUT + max(0, min(HELD_OUT, (usable - HELD_OUT) // 2))
        bounds = {"test": (0, HELD_OUT), "validation": (HELD_OUT, validated)}
        start, stop = bounds.get(split, (validated, len(chairs)))
        library = load_chairs(chairs, views, stop)
        self._tell(library, len(everything))
        found = f"{len(library.names)} usable meshes and {len(library.skipped)} others"
        self._hold(len(library.names) >= HELD_OUT, found)
        return Library(library.images[start:], library.names[start:], library.skipped)

    def _hold(self, enough: bool, found: str) -> None:
        advice = f"it has {found}, and the test split needs {HELD_OUT}"
        require(enough, "chairs_root", self.root, advice)

    def _tell(self, library: Library, num_found: int) -> None:
        """Say on stderr which meshes were left out."""
        for name, reason in library.skipped[:SHOWN]:
            print(f"Left out: {name}: {reason}", file=sys.stderr)
        if len(library.skipped) > SHOWN:
            print(f"Left out: {len(library.skipped) - SHOWN} more meshes", file=sys.stderr)
        if self.num_chairs is not None and num_found > self.num_chairs:
            told = f"all but the first {self.num_chairs} of {num_found} meshes"
            print(f"Left out: {told} (num_chairs; None takes all)", file=sys.stderr)


@lru_cache(maxsize=8)
def load_split(collection: Collection, split: str, views: Views) -> Library:
    """A split of a collection, read once."""
    return collection.load(split, views)


@lru_cache(maxsize=8)
def load_images(
    collection: Collection, split: str, views: Views, device: torch.device
) -> UInt8[Tensor, "chairs azimuths height width"]:
    """The images of a split, moved to a device once."""
    return torch.from_numpy(load_split(collection, split, views).images).to(device)
