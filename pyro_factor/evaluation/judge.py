"""A classifier of real frames that judges decoded ones."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..data import Clips, VideoData
from ..errors import require
from ..inference.seeds import seeded
from ..track import Track, untracked
from .gather import stream

ITERATIONS, FRAMES = 1_000, 128
STREAM = 2  # beside those of the evaluation's clips


class Judge(nn.Module):
    """Tells the static and the temporal label of single frames.

    Args:
        channels: Channels of a frame.
        num_static: Static classes.
        num_temporal: Temporal classes.
    """

    def __init__(self, channels: int, num_static: int, num_temporal: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(8),
            nn.Flatten(),
            nn.Linear(64 * 64, 128),
            nn.ReLU(),
        )
        self.static = nn.Linear(128, num_static)
        self.temporal = nn.Linear(128, num_temporal)

    def forward(
        self, frames: Float[Tensor, "frames channels height width"]
    ) -> tuple[Float[Tensor, "frames static"], Float[Tensor, "frames temporal"]]:
        """Return the log-probabilities of both labels."""
        seen = self.body(frames)
        return self.static(seen).log_softmax(-1), self.temporal(seen).log_softmax(-1)

    @torch.no_grad()
    def judge(
        self, videos: Float[Tensor, "videos frames channels height width"]
    ) -> tuple[Float[Tensor, "videos static"], Float[Tensor, "videos frames temporal"]]:
        """Return log-probabilities of each clip's static label and each frame's temporal one.

        A clip's is the mean of its frames', normalised.
        """
        shape = videos.shape[:2]
        static, temporal = self.eval()(videos.flatten(0, 1))
        return static.unflatten(0, shape).mean(1).log_softmax(-1), temporal.unflatten(0, shape)


def train_judge(
    data: VideoData,
    *,
    iterations: int = ITERATIONS,
    seed: int = 0,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    track: Track = untracked,
) -> Judge:
    """Train a judge on real frames.

    Args:
        data: Clips of the training part.
        iterations: Steps of Adam, of 128 frames each.
        seed: Seed of weights and frames.
        device: Where it is trained.
        track: Shows progress.

    Returns:
        The judge, in evaluation mode.

    Raises:
        InputError: Fewer than 1 iteration.
    """
    require(iterations >= 1, "iterations", iterations, "give 1 or more")
    single, generator = data.replace(num_frames=1), stream(seed, STREAM)
    classes = _num_classes(single, generator, iterations)
    with seeded(seed, STREAM), torch.enable_grad():
        judge = Judge(data.image_shape[0], *classes).to(device)
        adam = torch.optim.Adam(judge.parameters(), 2e-3)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, iterations)
        for _ in track(range(iterations), iterations, "Training a judge"):
            clips = single.batch(FRAMES, generator).to(device)
            static, temporal = judge(clips.videos[:, 0])
            loss = cross_entropy(static, clips.label("static"))
            loss = loss + cross_entropy(temporal, clips.label("temporal")[:, 0])
            adam.zero_grad()
            loss.backward()
            adam.step()
            rate.step()
    return judge.eval()


def _num_classes(data: VideoData, generator: torch.Generator, iterations: int) -> tuple[int, int]:
    """The classes of 5,000 frames, and of those that will be drawn again for the training."""
    static, temporal = _classes(data.batch(5_000, generator))
    start = generator.get_state()
    for _ in range(iterations):  # a rare class may be in these alone
        found = _classes(data.batch(FRAMES, generator))
        static, temporal = max(static, found[0]), max(temporal, found[1])
    generator.set_state(start)
    return static, temporal


def _classes(clips: Clips) -> tuple[int, int]:
    return 1 + int(clips.label("static").max()), 1 + int(clips.label("temporal").max())
