"""What a data set holds, as a table and as pictures."""

from pathlib import Path

import torch

from ..data import RotatingChairs, VideoData
from ..data.digits import SPLITS
from .contact_sheet import contact_sheet
from .pictures import examples_figure
from .style import save
from .tables import Listing

SHOWN_CLIPS = 8


def contents_listings(data: VideoData) -> list[Listing]:
    """The parts of a data set with what they hold, and what was left out with the reason.

    Raises:
        InputError: A part has too little to draw clips from.
    """
    parts = {split: data.replace(split=split) for split in SPLITS}
    contents = {split: part.contents for split, part in parts.items()}
    header = ("part", *contents["train"])
    rows = [(name, *(f"{count:,}" for count in held.values())) for name, held in contents.items()]
    left_out = dict(pair for part in parts.values() for pair in part.skipped)
    listings = [Listing(f"{data.settings['source']}: frames {data.image_shape}", header, rows)]
    if left_out:
        listings.append(Listing("Left out", ("name", "reason"), list(left_out.items())))
    return listings


def draw_contents(data: VideoData, path: Path, seed: int = 0) -> Path:
    """Write a picture of a part: chairs as a contact sheet, other data as clips.

    Raises:
        StorageError: The file can't be written.
    """
    if isinstance(data, RotatingChairs):
        return contact_sheet(data, path)
    clips = data.batch(SHOWN_CLIPS, torch.Generator().manual_seed(seed))
    return save(examples_figure(clips.videos), path)
