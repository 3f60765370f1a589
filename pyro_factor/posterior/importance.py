"""How far the guide is from the posterior, by importance weights p(x, h) / q(h | x)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import require
from ..inference.seeds import seeded
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from ..track import Track, untracked
from .draws import draw, smoothed_log_weights
from .inference_data import import_arviz

DRAWN = 250  # draws of one clip at a time
LEAST = 25  # weights to fit a tail to
GOOD = 0.7  # the k̂ up to which importance sampling with the guide can be relied on
EQUAL = 0.01  # nats: weights no further apart are as good as draws of the posterior
ROUNDED = 16  # ε of their size by which sums of many frames' pixels round apart, at most


@dataclass(frozen=True)
class Importance:
    """What importance sampling says of one clip.

    Args:
        elbo: The mean log weight at β = 1, nats.
        bounds: Of log p(x) from K weights, by K, nats: their expectations rise with K.
        pareto_k: k̂ of the largest weights (Vehtari et al., arXiv:1507.02646). Above 0.7 the guide
            is too far from the posterior for its weights to be used, and infinite weights' variance
            begins at 0.5. 0 where the weights are equal up to rounding, or within 1%.
        num_samples: Weights.
    """

    elbo: float
    bounds: dict[int, float]
    pareto_k: float
    num_samples: int

    @property
    def gap(self) -> float:
        """How much the bound of all weights is above the ELBO, nats: at most KL(q ‖ posterior)."""
        return self.bounds[self.num_samples] - self.elbo


def importance(
    vae: VideoVAE,
    videos: Videos,
    *,
    guide: str = "own",
    num_samples: int = 1_000,
    bounds: Sequence[int] = (10, 100, 1_000),
    seed: int = 0,
    track: Track = untracked,
) -> list[Importance]:
    """Weigh draws of the guide, clip by clip.

    Args:
        vae: The model; it is put into evaluation mode.
        videos: Clips (B, N, C, H, W).
        guide: "own", or "smoothed": its factors combined with the prior's Gaussian form.
        num_samples: Weights for each clip, 25 or more, which a tail can be fitted to.
        bounds: Numbers of weights K for the bounds E log 1/K Σ w; those up to `num_samples`.
        seed: Seed of the draws.
        track: Shows progress.

    Returns:
        One for each clip.

    Raises:
        InputError: Too few weights; an unknown guide; ArviZ is not installed.
        NotGaussianPrior: The prior has no form to combine the factors with.

    Burda, Grosse and Salakhutdinov, arXiv:1509.00519; Yao et al., arXiv:1802.02538.
    """
    require(num_samples >= LEAST, "num_samples", num_samples, f"give {LEAST} or more")
    require(guide in GUIDES, "guide", guide, f"choose from {', '.join(GUIDES)}")
    require(all(k >= 1 for k in bounds), "bounds", tuple(bounds), "give 1 or more")
    import_arviz()
    if guide == "smoothed":
        vae.model.reader.form(videos.shape[1])  # raises before progress is shown
    found = []
    for number in track(range(len(videos)), len(videos), f"Weighing draws, {guide}"):
        with seeded(seed, number):
            video = videos[number : number + 1]
            log_weights = _log_weights(GUIDES[guide], vae.eval(), video, num_samples)
        found.append(weigh(log_weights, bounds, video.dtype))
    return found


def weigh(
    log_weights: Float[np.ndarray, "draws"],
    bounds: Sequence[int],
    dtype: torch.dtype = torch.float64,
) -> Importance:
    """What some independent log weights of one clip, computed in a dtype, say."""
    arviz, number = import_arviz(), len(log_weights)
    # equal weights have no tail, and what rounding leaves between them is none
    k = 0.0 if _equal(log_weights, dtype) else arviz.psislw(log_weights)[1]
    kept = {size: bound(log_weights, size) for size in sorted({*bounds, number}) if size <= number}
    return Importance(float(log_weights.mean()), kept, float(k), number)


def _equal(log_weights: Float[np.ndarray, "draws"], dtype: torch.dtype) -> bool:
    # their size is that of the smallest, since some may be infinite
    rounding = ROUNDED * torch.finfo(dtype).eps * np.abs(log_weights).min()
    return bool(np.ptp(log_weights) <= max(EQUAL, rounding))


def bound(log_weights: Float[np.ndarray, "draws"], size: int) -> float:
    """The mean over groups of K weights of log 1/K Σ w, in nats."""
    groups = log_weights[: len(log_weights) // size * size].reshape(-1, size)
    return float(np.mean(np.logaddexp.reduce(groups, axis=1) - math.log(size)))


def _log_weights(
    guide: Callable[..., Tensor], vae: VideoVAE, video: Tensor, num_samples: int
) -> Float[np.ndarray, "draws"]:
    sizes = [DRAWN] * (num_samples // DRAWN) + [num_samples % DRAWN] * (num_samples % DRAWN > 0)
    return torch.cat([guide(vae, video, size)[:, 0] for size in sizes]).double().numpy(force=True)


def _own_log_weights(vae: VideoVAE, video: Tensor, num_samples: int) -> Tensor:
    return draw(vae, video, num_samples).log_weight


GUIDES: dict[str, Callable[..., Tensor]] = {
    "own": _own_log_weights,
    "smoothed": smoothed_log_weights,
}
