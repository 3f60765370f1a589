"""Simulation-based calibration: does the guide cover codes that the model itself drew?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..inference.seeds import forked
from ..models.video_vae import VideoVAE
from .draws import draw_prior

LEVELS = (0.5, 0.9)


@dataclass(frozen=True)
class Calibration:
    """How the guide did on clips whose codes are known.

    Args:
        scores: By site, (true value - guide's mean) / guide's scale of every entry, (B, entries):
            standard Normal if the guide is the posterior.
    """

    scores: Mapping[str, Float[np.ndarray, "videos _"]]

    def ranks(self, site: str) -> Float[np.ndarray, "videos _"]:
        """The guide's distribution function at the true values: uniform if it is the posterior."""
        from scipy.special import ndtr

        return ndtr(self.scores[site])

    def coverage(self, site: str, level: float) -> float:
        """How often the guide's central intervals of a level hold the true values."""
        return float(np.mean(np.abs(2 * self.ranks(site) - 1) <= level))

    def spread(self, site: str) -> float:
        """The root mean square of the scores: 1 if calibrated, 2 if intervals are half as wide."""
        return float(np.sqrt(np.square(self.scores[site]).mean()))

    def uniformity(self, site: str) -> float:
        """The p-value of a test that the ranks are uniform.

        Kolmogorov and Smirnov's of the ranks, which sees a bias, and of their distances from the
        middle, which sees intervals too narrow or too wide: the smaller p, doubled, as of two
        tests. Entries of one clip depend on each other, so one entry of each clip is tested, in
        turn.
        """
        from scipy.stats import kstest

        ranks = self.ranks(site)
        entries = np.arange(len(ranks)) % ranks.shape[1]
        tested = ranks[np.arange(len(ranks)), entries]
        smaller = min(kstest(each, "uniform").pvalue for each in (tested, abs(2 * tested - 1)))
        return min(1.0, 2 * float(smaller))


@torch.no_grad()
def calibrate(
    vae: VideoVAE,
    *,
    videos: int = 200,
    num_frames: int | None = None,
    seed: int = 0,
    batch_size: int = 32,
) -> Calibration:
    """Draw codes from the prior and clips from the decoder, and ask the guide for the codes.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips, 2 or more.
        num_frames: Frames of each; the model's own number unless given.
        seed: Seed of the draws.
        batch_size: Clips at a time.

    Returns:
        The guide's scores by site.

    Raises:
        InputError: A number is out of range.
        NotGaussianPrior: The prior has global draws and isn't Gaussian.

    Talts et al., arXiv:1804.06788; for Gaussian guides the rank statistic's limit is in closed
    form, so that no draws of the guide are needed.
    """
    require(videos >= 2, "videos", videos, "give 2 or more")
    num_frames = vae.num_frames if num_frames is None else num_frames
    require(num_frames >= 1, "num_frames", num_frames, "give 1 or more")
    require(batch_size >= 1, "batch_size", batch_size, "give 1 or more")
    vae.eval()
    parts: dict[str, list[Tensor]] = {}
    with forked(seed):
        for numbers in torch.arange(videos).split(batch_size):
            for name, scores in _scores(vae, len(numbers), num_frames).items():
                parts.setdefault(name, []).append(scores)
    return Calibration({name: torch.cat(found).numpy(force=True) for name, found in parts.items()})


def _scores(vae: VideoVAE, videos: int, num_frames: int) -> dict[str, Tensor]:
    layout = vae.model.reader.layout(num_frames)
    true = draw_prior(vae, videos, num_frames)
    codes = layout.stack({draw.name: true[draw.name] for draw in layout.frame_draws})
    clips = vae.images.sample(vae.model.outputs(codes)).to(codes.dtype)
    q = vae.encode(clips)
    found = {}
    for draw in layout.frame_draws:
        loc, scale = layout.take(q.loc, draw), layout.take(q.scale, draw)
        found[draw.name] = ((true[draw.name] - loc) / scale).reshape(videos, -1)
    for name, posterior in vae.global_posterior(clips).items():
        distance = true[name].reshape(videos, -1) - posterior.loc
        found[name] = distance / posterior.scale.reshape(videos, -1)
    return found
