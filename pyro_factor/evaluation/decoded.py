"""Everything that is measured on decoded frames, gathered from a run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from ..errors import InputError, check_seed, require
from ..files import write_json
from ..inference.runs import Run
from ..models import NotGaussianPrior
from ..track import tracking
from .evaluate import scores_file
from .gather import TEST_STREAM, evaluating, stream
from .judge import ITERATIONS, train_judge
from .reconstruction import WINDOW, Likeness, likeness
from .swaps import Verdict, measure_swaps
from .tables import Listing
from .unseen_frames import REAL, measure_unseen

CLIPS = 256


@dataclass(frozen=True)
class Decoded:
    """What decoded frames are worth.

    Args:
        clips: How many clips were judged.
        num_frames: Frames of each.
        static: The static columns.
        swaps: A judge's verdicts, see `measure_swaps`; none for clips that lack a label, or a
            model without static columns.
        reconstruction: Of frames decoded from the guide's means.
        unseen: Of frames that were not seen, see `measure_unseen`; none where the prior has no
            Gaussian form, or a clip one frame.
        data_split: Which part of the data the clips are of.
        iteration: Of the run, whose weights they were decoded with; None where it wasn't noted.
    """

    clips: int
    num_frames: int
    static: list[int]
    swaps: Mapping[str, Verdict]
    reconstruction: Likeness
    unseen: Mapping[str, Mapping[str, Likeness]]
    data_split: str = "test"
    iteration: int | None = None

    def write(self, path: Path) -> None:
        """Write the measures as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Decoded":
        """Read the measures back from their JSON file.

        Raises:
            InputError: The file is damaged or foreign.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(cls).validate_json(path.read_bytes(), strict=True)
        except (OSError, ValidationError):
            raise InputError(f"{path}: damaged; evaluate the run with --images again") from None


def decoded_path(scores: Path) -> Path:
    """Where the measures of decoded frames lie: beside the scores of the same clips."""
    return scores.with_name("decoded" + scores.name.removeprefix("scores"))


def measure_decoded(
    run: Run,
    columns: Sequence[int],
    *,
    num_frames: int | None = None,
    split: str = "test",
    clips: int = CLIPS,
    iterations: int = ITERATIONS,
    seed: int = 0,
    progress: bool = True,
) -> Decoded:
    """Train a judge, and measure swaps, reconstructions and unseen frames of held-out clips.

    Args:
        run: The run, as `train` and `load_run` return it.
        columns: The static columns: the model's own, or those of the best split, or none.
        num_frames: Frames of a clip; the model's own number unless given.
        split: Which part of the data the clips are of, "test" or "validation".
        clips: How many, an even number.
        iterations: Steps of the judge's training.
        seed: Seed of clips, judge and prior draws.
        progress: Whether to show progress.

    Returns:
        The measures, also written to the run folder: decoded.json, or as the file of the scores
        of such clips is called, for example decoded-validation-32-frames.json (see `evaluate`).

    Raises:
        InputError: A number is out of range.
    """
    vae, frames = run.vae, run.vae.num_frames if num_frames is None else num_frames
    require(clips >= 2 and clips % 2 == 0, "clips", clips, "give an even number, 2 or more")
    require(frames >= 1, "num_frames", frames, "give 1 or more")
    check_seed(seed)
    height, width = vae.image_shape[1:]
    advice = f"likeness is judged in windows of {WINDOW} pixels; train on frames as large"
    require(min(height, width) >= WINDOW, "image_shape", tuple(vae.image_shape), advice)
    with tracking(progress) as track, evaluating(vae, seed) as device:
        given = {"iterations": iterations, "seed": seed, "device": device, "track": track}
        real, test = run.data.replace(num_frames=frames).scoring(split)
        drawn = test.batch(clips, stream(seed, TEST_STREAM)).to(device)
        swaps: Mapping[str, Verdict] = {}
        if columns and drawn.static is not None and drawn.temporal is not None:
            judge = train_judge(real, **given)  # type: ignore[arg-type]
            swaps = measure_swaps(vae, judge, drawn, columns)
        decoded = vae.decode(vae.encode(drawn.videos).loc)
        found = Decoded(
            clips=clips,
            num_frames=frames,
            static=list(columns),
            swaps=swaps,
            reconstruction=likeness(decoded.flatten(0, 1), drawn.videos.flatten(0, 1)),
            unseen=_unseen(run, drawn.videos),
            data_split=split,
            iteration=run.iteration,
        )
    found.write(decoded_path(scores_file(run, split, frames)))
    return found


def _unseen(run: Run, videos: Tensor) -> Mapping[str, Mapping[str, Likeness]]:
    if videos.shape[1] == 1:
        return {}
    try:
        return measure_unseen(run.vae, videos)
    except NotGaussianPrior:
        return {}


def decoded_listings(found: Decoded) -> list[Listing]:
    """The measures as tables of words."""
    swaps = [
        (
            name,
            *("" if share is None else f"{share:.3f}" for share in (one.static, one.temporal)),
            f"{one.inception:.2f}",
            f"{one.conditional_entropy:.2f}",
            f"{one.entropy:.2f}",
        )
        for name, one in found.swaps.items()
    ]
    frames = {"reconstructed": found.reconstruction}
    for kind, each in found.unseen.items():
        frames |= {f"{kind}: {name}": one for name, one in each.items()}
    likenesses = [
        # a real frame is sure of every pixel, so that its BCE says where the cut-off is
        (name, f"{one.psnr:.2f}", f"{one.ssim:.3f}", "" if REAL in name else f"{one.bce:.1f}")
        for name, one in frames.items()
    ]
    shown = f"{found.clips} {found.data_split} clips"
    title = f"What a judge tells of {shown} (static columns {found.static})"
    header = ("clips", "static", "temporal", "inception", "H(y|x)", "H(y)")
    frames_listing = Listing("Frames", ("frames", "PSNR, dB", "SSIM", "BCE, nats"), likenesses)
    return [*([Listing(title, header, swaps)] if swaps else []), frames_listing]
