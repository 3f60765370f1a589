"""What every data set offers to training and evaluation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from .clips import Clips


@runtime_checkable
class VideoData(Protocol):
    """Labelled clips of one part of a data set, drawn by the batch."""

    @property
    def split(self) -> str:
        """Which part: train, validation or test; nothing that stays is in two of them."""

    @property
    def num_frames(self) -> int:
        """Frames in a video."""

    @property
    def temporal_task(self) -> str:
        """What the D-score asks of what moves (section 4.1).

        "frame": the temporal label of single frames; "order": whether three are in their order.
        """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame."""

    @property
    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, ready for JSON; `source` names the data set."""

    @property
    def contents(self) -> dict[str, int]:
        """How much this part has of what stays."""

    @property
    def skipped(self) -> Sequence[tuple[str, str]]:
        """What can't be used, by name, each with the reason."""

    def replace(self, **changes: Any) -> "VideoData":
        """The same clips with some of the constructor's arguments changed."""

    def scoring(self, split: str) -> tuple["VideoData", "VideoData"]:
        """The clips that classifiers are fitted on, and those of a split they are scored on."""

    def batch(self, num_videos: int, generator: torch.Generator) -> Clips:
        """Draw clips on the generator's device; all randomness is the generator's."""


@runtime_checkable
class NamedClasses(Protocol):
    """Clips whose labels' classes have names."""

    @property
    def class_names(self) -> Mapping[str, Sequence[str]]:
        """What the classes are called, by label, in the order of their numbers."""


def open_data(settings: Mapping[str, Any]) -> VideoData:
    """The data set whose `settings` these are.

    Args:
        settings: Its constructor's arguments with `source`.

    Raises:
        InputError: An argument out of its range, or data that can't be found.
    """
    from .bouncing_digits import BouncingDigits
    from .rotating_chairs import RotatingChairs
    from .video_clips import VideoClips

    kinds: dict[str, Callable[..., VideoData]] = {"chairs": RotatingChairs, "clips": VideoClips}
    return kinds.get(settings["source"], BouncingDigits)(**settings)
