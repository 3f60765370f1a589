"""The evaluation's times: the search over splits, encoding, figures."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from ..evaluation import figures
from ..evaluation.codes import Codes, Split
from ..evaluation.gather import batch_sizes, batches, evaluating, gather
from ..evaluation.scores import rank, search
from ..inference import train
from ..track import Track
from .rows import Row
from .sizes import Sizes
from .steps import Way
from .timing import Times, spread, take_turns, timed

FRAMES = 100_000
FEW = 3  # repetitions of what takes a minute


def judging(sizes: Sizes, track: Track) -> list[Row]:
    """The D-score's search, encoding, and all figures of a run."""
    few = min(FEW, sizes.repetitions)
    searched, encoded, drawn = (
        _search(sizes, few, track),
        _encode(sizes, track),
        _draw(sizes, few, track),
    )
    splits = 2**sizes.judged_features - 2
    alone = splits * searched["one split"]
    scaled = encoded["ours"] * FRAMES / sizes.encoded_frames
    forward = encoded["by hand"] / encoded["ours"]
    return [
        Row(
            quantity=f"{splits} splits one by one over the search",
            value=spread(alone / searched["search"]),
        ),
        Row(
            quantity=f"the search: {splits} splits, {sizes.judged_frames:,} frames",
            value=spread(searched["search"]),
            unit="s",
        ),
        Row(quantity="the encoder alone over encoding clips", value=spread(forward)),
        Row(
            quantity=f"encoding {FRAMES:,} frames (scaled from {sizes.encoded_frames:,})",
            value=spread(scaled),
            unit="s",
        ),
        Row(quantity="all figures of a run", value=spread(drawn["figures"]), unit="s"),
    ]


def _search(sizes: Sizes, repetitions: int, track: Track) -> Times:
    train, test = _codes(sizes, 0), _codes(sizes, 1)
    half = sizes.judged_features // 2
    one = Split(list(range(half)), list(range(half, sizes.judged_features)))
    contestants = {
        "search": timed(lambda: search(train, test)),
        "one split": timed(lambda: rank(train, test, [one])),
    }
    title = "The search over splits"
    return take_turns(contestants, repetitions, warmup=0, track=track, title=title)


def _codes(sizes: Sizes, seed: int) -> Codes:
    """Codes around a centre for each digit and for each place."""
    rng, centres = np.random.default_rng(seed), np.random.default_rng(2)
    digit, place = (rng.integers(0, n, sizes.judged_frames) for n in (10, 9))
    of_digit, of_place = (centres.normal(size=(n, sizes.judged_features)) for n in (10, 9))
    noise = rng.normal(size=(sizes.judged_frames, sizes.judged_features))
    return Codes(of_digit[digit] + of_place[place] + noise, digit, place)


def _encode(sizes: Sizes, track: Track) -> Times:
    way = Way(sizes=sizes)
    vae, data = way.model().eval(), way.data
    count = max(1, sizes.encoded_frames // sizes.frames)
    parts = batch_sizes(count, sizes.frames)
    images = data.batch(parts[0], torch.Generator().manual_seed(0)).videos.flatten(0, 1)

    def ours() -> None:
        with evaluating(vae, 0):
            gather(vae, batches(data, count, torch.Generator().manual_seed(0)))

    def by_hand() -> None:
        with torch.no_grad():
            for _ in parts:
                vae.guide.encoder(images)

    contestants = {"ours": timed(ours), "by hand": timed(by_hand)}
    return take_turns(contestants, min(5, sizes.repetitions), track=track, title="Encoding")


def _draw(sizes: Sizes, repetitions: int, track: Track) -> Times:
    way = Way(sizes=sizes)
    with TemporaryDirectory() as folder:
        quiet = {"progress": False, "log_every": 1}
        place = Path(folder, "run")
        run = train(way.model(), way.data, 2, sizes.videos, place, **quiet)  # type: ignore[arg-type]
        drawing = timed(lambda: figures(run, say=lambda _: None))
        return take_turns({"figures": drawing}, repetitions, warmup=0, track=track, title="Figures")
