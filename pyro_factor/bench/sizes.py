"""How large the benchmarks are."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of what is measured; the defaults are the paper's networks and clips.

    Args:
        videos: Clips in a batch; a quarter of the paper's, which the CPU's memory likes better.
        frames: Frames in a clip.
        features: Features of each factor.
        image_size: Height and width of a frame.
        channels: Channels of the networks' stages.
        hidden: Units of their linear layers.
        repetitions: Times of each contestant.
        warmup: Rounds before these.
        apart: Whether contestants have a process each, as settings of the whole process need.
        matrix: Side of the matrices whose product and copy set the limit.
        gpu_matrix: The same on a GPU, which smaller ones do not fill.
        curve: Iterations of loss curves.
        seeds: Seeds of loss curves.
        judged_frames: Frames that the classifiers are fitted on, and scored on.
        judged_features: Features of which all splits are searched.
        encoded_frames: Frames encoded at a time.
        gpu_videos: Clips in a batch on a GPU, the paper's.
        processes: Numbers of processes that share a GPU.
        process_steps: Steps of each of them.
        command: The words after `pyro-factor` of the process whose memory is measured.
        growth: Points of each quantity that grows.
    """

    videos: int = 16
    frames: int = 16
    features: int = 2
    image_size: int = 64
    channels: tuple[int, ...] = (16, 32, 64, 128)
    hidden: int = 256
    repetitions: int = 15
    warmup: int = 3
    apart: bool = True
    matrix: int = 2048
    gpu_matrix: int = 8192
    curve: int = 100
    seeds: tuple[int, ...] = (0, 1, 2)
    judged_frames: int = 20_000
    judged_features: int = 8
    encoded_frames: int = 5_120  # whole batches of clips
    gpu_videos: int = 64
    processes: tuple[int, ...] = (1, 2, 4)
    process_steps: int = 500
    command: str = "quickstart --iterations 30"
    growth: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("frames", (4, 8, 16, 32)),
        ("features", (2, 8, 32, 128)),
        ("videos", (4, 8, 16, 32)),
        ("image_size", (32, 64, 96, 128)),
    )

    def replace(self, **changes: Any) -> "Sizes":
        """The same with some changed."""
        return replace(self, **changes)


FULL = Sizes()
QUICK = Sizes(
    videos=2,
    frames=3,
    image_size=32,
    channels=(4, 8),
    hidden=16,
    repetitions=1,
    warmup=0,
    apart=False,
    matrix=64,
    gpu_matrix=64,
    curve=3,
    seeds=(0, 1),
    judged_frames=300,
    judged_features=3,
    encoded_frames=12,
    gpu_videos=2,
    processes=(1, 2),
    process_steps=2,
    command="train --frames 3 --image-size 32 --channels 4 --hidden 8 --videos 2 --iterations 2",
    growth=(("image_size", (28, 56)),),
)
