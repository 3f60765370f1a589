"""Clips of one's own, cut out of files into windows of frames."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from ..errors import require
from .clips import Clips
from .described import Described
from .digits import SPLITS
from .own import Footage, Skipped, read_footage
from .own.arrays import LAYOUTS
from .own.footage import say_skipped
from .own.labels import Labels, LabelsFile, find_labels, load_labels
from .own.splits import LEAST, split_clips
from .own.windows import span, windows

SOURCE = "clips"


@dataclass(frozen=True)
class VideoClips(Described):
    """Windows of frames from arrays, folders of pictures and video files, drawn by the batch.

    The files are read once, when the first such object is made, and held in memory as bytes: 4 kB
    for a grey frame of 64×64. docs/data.md says which files are read, and how.

    Args:
        root: A file, or a folder that is looked through with all its folders.
        source: "clips": that these are one's own, in a description of a run.
        split: "train", "validation" or "test"; no clip has windows in two of them.
        num_frames: Frames in a window.
        image_size: Height and width of a frame in pixels.
        image_channels: 1 for grey, 3 for colour.
        frame_step: Steps in the clip from one frame of a window to the next.
        stride: Steps in the clip from one window to the next; unless given, they do not overlap.
        layout: Which axis of an array comes first, "videos-first" or "frames-first"; unless given,
            videos, and frames in Moving MNIST's file.
        labels: A CSV file; `labels.csv` in the root, or beside it if that is a file, where it is
            there, unless given.

    Raises:
        InputError: An argument out of its range, files that can't be used, wrong labels.
    """

    root: str | Path | None
    _: KW_ONLY
    source: str = SOURCE
    split: str = "train"
    num_frames: int = 16
    image_size: int = 64
    image_channels: int = 1
    frame_step: int = 1
    stride: int | None = None
    layout: str | None = None
    labels: str | Path | None = None

    temporal_task: ClassVar[str] = "frame"

    def __post_init__(self) -> None:
        require(self.root is not None, "root", None, "give the file or folder of your clips")
        require(self.source == SOURCE, "source", self.source, f"give {SOURCE!r}, or leave it out")
        require(self.split in SPLITS, "split", self.split, f"choose from {', '.join(SPLITS)}")
        for name in ("num_frames", "image_size", "frame_step", "stride"):
            number = getattr(self, name)
            require(number is None or number >= 1, name, number, "give at least 1")
        advice = "give 1 (grey) or 3 (colour)"
        require(self.image_channels in {1, 3}, "image_channels", self.image_channels, advice)
        known = self.layout is None or self.layout in LAYOUTS
        require(known, "layout", self.layout, f"choose from {', '.join(LAYOUTS)}")
        self._make_absolute("root", "labels")
        self._labels(torch.device("cpu"))  # what is wrong shows here, not in the first batch

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame."""
        return (self.image_channels, self.image_size, self.image_size)

    @property
    def contents(self) -> dict[str, int]:
        """How many clips and windows this part has; none of either where it is empty."""
        clip = _cut(self, torch.device("cpu")).clip
        return {"clips": len(clip.unique()), "windows": len(clip)}

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Clips of this part that are too short, and all that can't be read, with the reason."""
        return _cut(self, torch.device("cpu")).skipped

    @property
    def class_names(self) -> Mapping[str, Sequence[str]]:
        """What the file of labels calls their classes, by label, in the order of their numbers."""
        return self._labels(torch.device("cpu")).names

    def scoring(self, split: str) -> tuple["VideoClips", "VideoClips"]:
        """Classifiers are fitted on training clips and scored on those of a split.

        Raises:
            InputError: One of the two parts has no clips.
        """
        fitted, scored = self.replace(split="train"), self.replace(split=split)
        for part in (fitted, scored):
            _check_part(part, _cut(part, torch.device("cpu")))
        return fitted, scored

    def batch(self, num_videos: int, generator: torch.Generator) -> Clips:
        """Draw windows, each as likely as any other, on the generator's device.

        Args:
            num_videos: How many windows.
            generator: The same state gives the same windows.

        Returns:
            Clips with videos (num_videos, num_frames, C, image_size, image_size), and those
            labels that there are.

        Raises:
            InputError: `num_videos` is below 1, or this part has no clips.
        """
        require(num_videos >= 1, "num_videos", num_videos, "give at least 1")
        cut, device = _cut(self, generator.device), generator.device
        _check_part(self, cut)
        chosen = torch.randint(len(cut.clip), (num_videos,), generator=generator, device=device)
        steps = self.frame_step * torch.arange(self.num_frames, device=device)
        frames = cut.start[chosen][:, None] + steps
        clip, (static, temporal, position, _) = cut.clip[chosen], self._labels(device)
        return Clips(
            cut.frames[frames].float() / 255,
            None if static is None else static[clip],
            None if temporal is None else temporal[frames],
            None if position is None else position[frames],
            clip,
        )

    @cached_property
    def _labels_file(self) -> LabelsFile | None:
        """The file of labels as it was when this object was made; later objects see later ones."""
        labels = None if self.labels is None else str(self.labels)
        return find_labels(labels, str(self.root), _cut(self, torch.device("cpu")).footage)

    def _labels(self, device: torch.device) -> Labels:
        if self._labels_file is None:
            return Labels()
        return load_labels(self._labels_file, _cut(self, torch.device("cpu")).footage, device)


class _Cut(NamedTuple):
    """Frames of all clips, where each window of one part starts, and in which clip.

    `lengths` are those of the part's clips, the ones that are too short included. The footage, of
    all parts, is on the CPU.
    """

    footage: Footage
    frames: UInt8[Tensor, "frames channels size size"]
    clip: Int[Tensor, "windows"]
    start: Int[Tensor, "windows"]
    skipped: tuple[Skipped, ...]
    lengths: Int[Tensor, "clips"]


@lru_cache(maxsize=16)
def _cut(data: VideoClips, device: torch.device) -> _Cut:
    """Cut the clips of a part into windows, once."""
    given = (str(data.root), data.layout, data.image_size, data.image_channels)
    if device.type != "cpu":
        cut = _cut(data, torch.device("cpu"))
        return cut._replace(
            frames=read_footage(*given, device).frames,
            clip=cut.clip.to(device),
            start=cut.start.to(device),
        )
    footage = read_footage(*given, device)
    numbers = split_clips(footage.names, footage.file is not None)[data.split]
    lengths, apart = footage.lengths[numbers], data.stride or data.num_frames * data.frame_step
    within, start = windows(lengths, data.num_frames, data.frame_step, apart)
    short = _short(footage, numbers, span(data.num_frames, data.frame_step))
    # a part without a long one is empty, which is no matter until clips are drawn
    _check_length(data, footage.lengths, "clip")
    say_skipped(str(data.root), short)
    clip = torch.tensor(numbers, dtype=torch.long)[within]
    before = footage.lengths.cumsum(0) - footage.lengths
    skipped = footage.skipped + short
    return _Cut(footage, footage.frames, clip, before[clip] + start, skipped, lengths)


def _check_length(data: VideoClips, lengths: Int[Tensor, "clips"], what: str) -> None:
    longest = int(lengths.max())
    advice = f"the longest {what} has {longest} frames; give fewer, or longer clips"
    enough = longest >= span(data.num_frames, data.frame_step)
    require(enough, "num_frames", data.num_frames, advice)


def _check_part(data: VideoClips, cut: _Cut) -> None:
    parts = f"folders or files {', '.join(SPLITS)}"
    advice = f"it has no such clip; give {LEAST} clips or more, or {parts}"
    require(len(cut.lengths) > 0, "split", data.split, advice)
    _check_length(data, cut.lengths, f"{data.split} clip")


def _short(footage: Footage, numbers: Sequence[int], least: int) -> tuple[Skipped, ...]:
    lengths = footage.lengths.tolist()
    return tuple(
        Skipped(footage.names[i], f"{lengths[i]} frames, fewer than {least}")
        for i in numbers
        if lengths[i] < least
    )
