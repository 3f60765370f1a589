"""What a batch of clips must look like."""

from jaxtyping import Float
from pyro.poutine.util import is_validation_enabled
from torch import Tensor

from ..errors import InputError, require
from .networks import ImageShape

Videos = Float[Tensor, "videos frames channels height width"]


def check_videos(videos: Tensor, image_shape: ImageShape) -> None:
    """Raise unless these are clips (B, N, C, H, W) of some image shape, with values in [0, 1].

    The values are looked at only while Pyro's validation is on, as it is by default.

    Raises:
        InputError: The shape, dtype or range is wrong.
    """
    channels, height, width = image_shape
    wanted = f"give clips (videos, frames, {channels}, {height}, {width})"
    require(isinstance(videos, Tensor), "videos", type(videos).__name__, wanted)
    shape = tuple(videos.shape)
    require(
        len(shape) == 5 and 0 not in shape and shape[2:] == tuple(image_shape),
        "videos",
        shape,
        wanted,
    )
    require(videos.is_floating_point(), "videos", videos.dtype, "give floats in [0, 1]")
    if is_validation_enabled():
        low, high = (float(v) for v in videos.detach().aminmax())
        if not (low >= 0 and high <= 1):  # also NaN
            raise InputError(f"videos: values from {low} to {high}; scale pixels to [0, 1]")
