"""What a batch of clips must look like."""

from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Float
from pyro.poutine.util import is_validation_enabled
from torch import Tensor, nn

from ..errors import InputError, require
from .images import Images

Videos = Float[Tensor, "videos frames channels height width"]


def check_videos(videos: Tensor, images: Images) -> None:
    """Raise unless these are clips (B, N, C, H, W) of such images, pixels in their range.

    The values are looked at only while Pyro's validation is on, as it is by default.

    Raises:
        InputError: The shape, dtype or range is wrong.
    """
    channels, height, width = images.shape
    wanted = f"give clips (videos, frames, {channels}, {height}, {width})"
    require(isinstance(videos, Tensor), "videos", type(videos).__name__, wanted)
    shape = tuple(videos.shape)
    require(
        len(shape) == 5 and 0 not in shape and shape[2:] == tuple(images.shape),
        "videos",
        shape,
        wanted,
    )
    within = f"[{images.low:g}, {images.high:g}]"
    require(videos.is_floating_point(), "videos", videos.dtype, f"give floats in {within}")
    if is_validation_enabled():
        low, high = (float(v) for v in videos.detach().aminmax())
        if not (low >= images.low and high <= images.high):  # also NaN
            raise InputError(f"videos: values from {low} to {high}; scale pixels to {within}")


def check_output(network: str, given: Tensor, *wanted: tuple[int, ...]) -> None:
    """Raise unless what a network gives has one of some shapes.

    Raises:
        InputError: It has none of them.
    """
    shape = tuple(map(int, given.shape))  # tensors where Pyro's JIT traces
    require(shape in wanted, network, f"outputs {shape}", f"have it give {wanted[0]}")


def sizes(videos: Tensor) -> tuple[int, int]:
    """How many clips, of how many frames; whole numbers also where Pyro's JIT has tensors."""
    num_videos, num_frames = map(int, videos.shape[:2])
    return num_videos, num_frames


@contextmanager
def same_place(videos: Tensor, encoder: nn.Module) -> Iterator[None]:
    """Explain a failure of the encoder by clips of another dtype, or on another device.

    Only a failure: an encoder of one's own may convert clips, and autocast does.

    Raises:
        InputError: The encoder failed, and its weights are of another dtype or elsewhere.
    """
    try:
        yield
    except RuntimeError as error:
        weight = next(encoder.parameters(), videos)
        given, own = (f"{each.dtype} on {each.device}" for each in (videos, weight))
        if given == own:
            raise
        move = f"vae.to({str(videos.device)!r}, {videos.dtype})"
        advice = f"give {own}, as the encoder's weights are, or bring these there: {move}"
        raise InputError(f"videos: got {given}; {advice}") from error
