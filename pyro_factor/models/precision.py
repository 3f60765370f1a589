"""The precision of the frames' draws, held in the smallest structure that it has.

Each structure maps codes x, (..., N, D), to Px by `@`, and gives P's diagonal, (N, D), and P whole.
It is read off products of P with probes, and the first that a random product confirms is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

Product = Callable[[Tensor], Tensor]  # from K codes, (K, N, D), to P times each
CHUNK = 256  # probes of a whole matrix at a time
TOLERANCE = 1e-9


class Structure:
    """What the structures share."""

    def __matmul__(self, x: Float[Tensor, "*videos frames features"]) -> Tensor:
        raise NotImplementedError

    def diagonal(self) -> Float[Tensor, "frames features"]:
        """The diagonal of P."""
        raise NotImplementedError

    def dense(self) -> Float[Tensor, "entries entries"]:
        """P whole, frame-major."""
        diagonal = self.diagonal()
        return (self @ _units(*diagonal.shape).to(diagonal)).flatten(1)

    def to(self, device: torch.device) -> "Structure":
        """The same on another device."""
        (tensor,) = vars(self).values()
        return type(self)(tensor.to(device))  # type: ignore[call-arg]


@dataclass(frozen=True)
class Banded(Structure):
    """Frames at most `reach` apart are coupled, all features with each other.

    Args:
        blocks: Block (o, n) couples frame n with frame n + o - reach, (2·reach + 1, N, D, D).
    """

    blocks: Float[Tensor, "offsets frames features features"]

    def __matmul__(self, x: Float[Tensor, "*videos frames features"]) -> Tensor:
        reach, num_frames = len(self.blocks) // 2, x.shape[-2]
        padded = torch.nn.functional.pad(x, (0, 0, reach, reach))
        # (..., offsets, N, D)
        shifted = padded.unfold(-2, num_frames, 1).mT
        return torch.einsum("onij,...onj->...ni", self.blocks, shifted)

    def diagonal(self) -> Float[Tensor, "frames features"]:
        """The diagonal of P."""
        return self.blocks[len(self.blocks) // 2].diagonal(dim1=-2, dim2=-1)


@dataclass(frozen=True)
class ByFeature(Structure):
    """All frames are coupled, no features with each other.

    Args:
        matrices: P of each feature, (D, N, N).
    """

    matrices: Float[Tensor, "features frames frames"]

    def __matmul__(self, x: Float[Tensor, "*videos frames features"]) -> Tensor:
        return torch.einsum("dnm,...md->...nd", self.matrices, x)

    def diagonal(self) -> Float[Tensor, "frames features"]:
        """The diagonal of P."""
        return self.matrices.diagonal(dim1=-2, dim2=-1).mT


@dataclass(frozen=True)
class Dense(Structure):
    """All is coupled with all.

    Args:
        matrix: P, (N, D, N, D).
    """

    matrix: Float[Tensor, "frames features frames features"]

    def __matmul__(self, x: Float[Tensor, "*videos frames features"]) -> Tensor:
        return torch.einsum("ndme,...me->...nd", self.matrix, x)

    def diagonal(self) -> Float[Tensor, "frames features"]:
        """The diagonal of P."""
        size = self.matrix.shape[:2]
        return self.matrix.flatten(2).flatten(0, 1).diagonal().unflatten(0, size)


def read_banded(product: Product, num_frames: int, num_features: int, reach: int) -> Banded:
    """Read a band off one product for each feature and each frame modulo the band's width."""
    width, frames = 2 * reach + 1, torch.arange(num_frames)
    coloured = (frames % width == torch.arange(width)[:, None]).to(torch.get_default_dtype())
    # probe (c, j) has ones in feature j of the frames of colour c
    probes = coloured[:, None, :, None] * torch.eye(num_features)[:, None, :]
    products = product(probes.flatten(0, 1)).unflatten(0, (width, num_features))
    blocks = []
    for offset in range(-reach, reach + 1):
        other = frames + offset
        inside = (other >= 0) & (other < num_frames)
        # of frame n, the product with the one frame of the other's colour within reach
        block = products[other % width, :, frames].mT
        blocks.append(block * inside[:, None, None])
    return Banded(torch.stack(blocks))


def read_by_feature(product: Product, num_frames: int, num_features: int) -> ByFeature:
    """Read a matrix for each feature off one product a frame."""
    probes = torch.eye(num_frames)[..., None].expand(-1, -1, num_features)
    return ByFeature(_in_chunks(product, probes).permute(2, 1, 0))


def read_dense(product: Product, num_frames: int, num_features: int) -> Dense:
    """Read all of P, one product an entry."""
    products = _in_chunks(product, _units(num_frames, num_features))
    return Dense(products.unflatten(0, (num_frames, num_features)).permute(2, 3, 0, 1))


Reader = Callable[[Product, int, int], Structure]
READERS: tuple[Reader, ...] = (
    *(partial(read_banded, reach=reach) for reach in (0, 1, 2)),
    read_by_feature,
)


def read_precision(
    product: Product, num_frames: int, num_features: int, hint: Reader | None = None
) -> tuple[Structure, Reader]:
    """Find the smallest structure that P has.

    Args:
        product: P times codes.
        num_frames: N.
        num_features: D.
        hint: The reader that fitted before, to be tried first: a learned prior's may change.

    Returns:
        P, and the reader that fitted.
    """
    check = torch.randn(2, num_frames, num_features)
    expected = product(check).detach()
    for read in [hint, *READERS] if hint else READERS:
        found = read(product, num_frames, num_features)
        error = ((found @ check).detach() - expected).abs()
        # row by row, since a tight draw's precision would hide what couples the others
        size = expected.abs() + (found.diagonal().detach() * check).abs()
        if (error <= TOLERANCE * size.amax(0)).all():
            return found, read
    return read_dense(product, num_frames, num_features), read_dense


def _in_chunks(product: Product, probes: Tensor) -> Tensor:
    return torch.cat([product(chunk) for chunk in probes.split(CHUNK)])


def _units(num_frames: int, num_features: int) -> Tensor:
    return torch.eye(num_frames * num_features).unflatten(-1, (num_frames, num_features))
