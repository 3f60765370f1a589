"""Which draw of a prior is which entry of the per-frame code h.

A draw that appears in h as it is belongs to frames; any other draw is global. h has shape (N, D),
and entry (n, d) of it is number n·D + d.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from jaxtyping import Float
from torch import Tensor

from .copies import Copies
from .gaussian_conditional import flat


@dataclass(frozen=True)
class Draw:
    """One `pyro.sample` statement of a prior.

    Args:
        name: The site's name.
        shape: Its shape for one clip: its plates, then its event.
        event_dim: How many dimensions are the event's.
        plates: Its own vectorised plates, as (name, dim, size).
        index: For a draw of frames, the entry of h that each of its entries is; else None.
    """

    name: str
    shape: torch.Size
    event_dim: int
    plates: tuple[tuple[str, int, int], ...]
    index: Tensor | None = None


@dataclass(frozen=True)
class Layout:
    """The draws of a prior for N frames, and where each goes in h.

    Args:
        num_frames: N.
        num_features: D.
        plate_nesting: How many plate dimensions the prior itself uses.
        draws: Every draw, in the order of the program.
        direct: Whether h consists of whole draws, each entry once.
    """

    num_frames: int
    num_features: int
    plate_nesting: int
    draws: tuple[Draw, ...]
    direct: bool

    @cached_property
    def frame_draws(self) -> tuple[Draw, ...]:
        """The draws that h consists of."""
        return tuple(draw for draw in self.draws if draw.index is not None)

    @cached_property
    def global_draws(self) -> tuple[Draw, ...]:
        """Every other draw."""
        return tuple(draw for draw in self.draws if draw.index is None)

    @cached_property
    def global_places(self) -> dict[str, slice]:
        """Where each global draw's entries are among those of all of them, laid end to end."""
        sizes = [draw.shape.numel() for draw in self.global_draws]
        stops = zip(self.global_draws, sizes, accumulate(sizes), strict=True)
        return {draw.name: slice(stop - size, stop) for draw, size, stop in stops}

    @cached_property
    def factors(self) -> dict[str, list[int]]:
        """Columns of h by draw; draws `name_<i>` that hold the same columns form one `name`."""
        columns = {draw.name: self._columns(draw) for draw in self.frame_draws}
        stems: dict[str, list[list[int]]] = {}
        for name, held in columns.items():
            stems.setdefault(_stem(name), []).append(held)
        merged = {stem for stem, held in stems.items() if all(h == held[0] for h in held)}
        return {(_stem(n) if _stem(n) in merged else n): held for n, held in columns.items()}

    @cached_property
    def single_site(self) -> "Layout":
        """The layout of a pair whose only latent site is `h`, distributed as the form itself."""
        shape = torch.Size((self.num_frames, self.num_features))
        with torch.inference_mode(False):  # as in `entries`
            draw = Draw("h", shape, 2, (), torch.arange(shape.numel()).reshape(shape))
        return Layout(self.num_frames, self.num_features, 0, (draw,), direct=True)

    def _columns(self, draw: Draw) -> list[int]:
        assert draw.index is not None
        return sorted(set((draw.index.flatten() % self.num_features).tolist()))

    def take(self, h: Tensor, draw: Draw) -> Tensor:
        """Read a draw's entries off h, (*batch, N, D), in the shape it has under the plates."""
        assert draw.index is not None
        entries = h.flatten(-2)[..., self._copies.on(h.device, draw.name, draw.index)]
        return entries.reshape(*h.shape[:-2], *self.padded_shape(draw))

    def take_global(self, entries: Tensor, draw: Draw) -> Tensor:
        """Read a global draw's entries off those of all of them, (*batch, G), in the same way."""
        own = entries[..., self.global_places[draw.name]]
        return own.reshape(*entries.shape[:-1], *self.padded_shape(draw))

    def padded_shape(self, draw: Draw) -> torch.Size:
        """The shape of a draw with a dimension for each plate that the prior opens anywhere."""
        padding = self.plate_nesting + draw.event_dim - len(draw.shape)
        return torch.Size((1,) * padding + draw.shape)

    def stack(self, values: Mapping[str, Tensor]) -> Tensor:
        """Put the values of all draws of frames together: the inverse of `take`."""
        entries = []
        for draw in self.frame_draws:
            value = values[draw.name]
            entries.append(flat(value, self.plate_nesting + draw.event_dim))
        h = torch.cat(entries, -1)[..., self._copies.on(entries[0].device, "", self._order)]
        return h.unflatten(-1, (self.num_frames, self.num_features))

    @cached_property
    def entries(self) -> Tensor:
        """The entries of h, (N·D,), in the order of the draws of frames, laid end to end."""
        indices = [draw.index.flatten() for draw in self.frame_draws if draw.index is not None]
        with torch.inference_mode(False):  # it is kept, and gradients may flow through it later
            return torch.cat(indices)

    @cached_property
    def _order(self) -> Tensor:
        """Where each entry of h is among them."""
        with torch.inference_mode(False):
            return self.entries.argsort()

    @cached_property
    def _copies(self) -> Copies:
        """The indices of draws by name, and of h without one."""
        return Copies()


def columns_of(
    h: Float[Tensor, "*batch features"], columns: Sequence[int]
) -> Float[Tensor, "*batch columns"]:
    """Some columns of a code; a list of indices would be copied to a GPU in every step."""
    features = h.unbind(-1)
    return torch.stack([features[i] for i in columns], -1)


def _stem(name: str) -> str:
    return re.sub(r"_\d+$", "", name)
