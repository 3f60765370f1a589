"""Some frames of a prior, the others integrated out."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)  # a prior need not be hashable
class KeptFrames:
    """The prior of the frames 1, 1 + every, 1 + 2 every, ... of a prior.

    Args:
        prior: A Pyro model function.
        every: Frames from one that is kept to the next.
        num_frames: Frames of the whole clip, for a prior whose frames depend on their number; all
            that are left after the last one kept are integrated out too.
    """

    prior: Callable[..., Tensor]
    every: int
    num_frames: int = 1

    def whole(self, num_kept: int) -> int:
        """Frames of the whole clip, of which so many are kept."""
        return max(self.num_frames, self.every * (num_kept - 1) + 1)

    def __call__(self, num_kept: int) -> Float[Tensor, "*videos frames features"]:
        """Sample the prior's draws; return h of the frames that are kept."""
        h = self.prior(self.whole(num_kept))
        return h[..., :: self.every, :][..., :num_kept, :]
