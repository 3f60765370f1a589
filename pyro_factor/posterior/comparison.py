"""The guide beside the true posterior that NUTS draws from: means, scales, correlations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float

from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from .groups import Group, dimensions
from .inference_data import dataset, import_arviz
from .nuts import Chain, gaussian

if TYPE_CHECKING:
    import arviz

# chains that never moved have no spread to divide by: R̂ is infinite, their correlations unknown
STUCK = np.errstate(divide="ignore", invalid="ignore")


@dataclass(frozen=True)
class Comparison:
    """One clip's codes of one draw of the prior, entry by entry.

    Args:
        r_hat: R̂ of the chains (rank-normalised), the largest; not a finite number where no chain
            has moved, as `error`, `scale` and the correlations aren't.
        ess: Effective sample size (bulk), the smallest.
        error: |guide's mean - posterior's| / posterior's scale, root mean square.
        scale: Guide's scale / posterior's: the median.
        neighbours: The posterior's correlation of a feature in neighbouring frames, root mean
            square.
        guide_neighbours: The guide's.
        within: The posterior's correlation of two features in one frame, root mean square.
        guide_within: The guide's.
    """

    r_hat: float
    ess: float
    error: float
    scale: float
    neighbours: float
    guide_neighbours: float
    within: float
    guide_within: float


def nuts_data(
    vae: VideoVAE, videos: Videos, chains: Sequence[Sequence[Chain]]
) -> "arviz.InferenceData":
    """The chains of some clips, for ArviZ.

    Args:
        vae: The model.
        videos: The clips (B, N, C, H, W).
        chains: As `sample_chains` returns them.

    Returns:
        InferenceData with the groups posterior (draws of frames, by their names), sample_stats
        (`diverging`) and constant_data (the guide's `NAME_loc` and `NAME_scale`).
    """
    layout = vae.model.reader.layout(videos.shape[1])
    codes = torch.from_numpy(np.stack([[c.codes for c in each] for each in chains], 2))
    diverging = np.stack([[c.diverging for c in each] for each in chains], 2)
    q = vae.eval().encode(videos)
    posterior: Group = {}
    constant: Group = {}
    named = dimensions(layout)
    for draw in layout.frame_draws:
        names = ("video", *named[draw.name])

        def read(values: torch.Tensor, draw=draw) -> np.ndarray:  # type: ignore[no-untyped-def]
            batch = values.shape[:-2]
            return layout.take(values, draw).reshape(*batch, *draw.shape).numpy(force=True)

        posterior[draw.name] = (("chain", "draw", *names), read(codes))
        constant[f"{draw.name}_loc"] = (names, read(q.loc))
        constant[f"{draw.name}_scale"] = (names, read(q.scale))
    groups: dict[str, Group] = {
        "posterior": posterior,
        "sample_stats": {"diverging": (("chain", "draw", "video"), diverging)},
        "constant_data": constant,
    }
    data = {name: dataset(group, {}) for name, group in groups.items()}
    return import_arviz().InferenceData(**data)


def compare(
    vae: VideoVAE, videos: Videos, chains: Sequence[Sequence[Chain]]
) -> list[dict[str, Comparison]]:
    """Put the guide beside the posterior.

    Args:
        vae: The model.
        videos: The clips (B, N, C, H, W).
        chains: As `sample_chains` returns them.

    Returns:
        For each clip, a comparison for each factor of the codes.
    """
    vae.eval()
    return [
        {
            name: _compare(vae, videos[clip : clip + 1], np.stack([c.codes for c in each]), columns)
            for name, columns in vae.factors.items()
        }
        for clip, each in enumerate(chains)
    ]


@STUCK
def _compare(
    vae: VideoVAE,
    video: Videos,
    codes: Float[np.ndarray, "chains draws frames features"],
    columns: list[int],
) -> Comparison:
    arviz = import_arviz()
    drawn = codes[..., columns]
    flat = drawn.reshape(-1, *drawn.shape[2:]).astype(np.float64)
    mean, scale = flat.mean(0), flat.std(0, ddof=1)
    loc, spread, guide = guide_gaussian(vae, video, columns)
    posterior, size = correlations(flat), len(columns)
    dataset_ = arviz.convert_to_dataset({"h": drawn.astype(np.float64)})
    return Comparison(
        r_hat=float(arviz.rhat(dataset_)["h"].max()),
        ess=float(arviz.ess(dataset_)["h"].min()),
        error=_rms((loc - mean) / scale),
        scale=float(np.median(spread / scale)),
        neighbours=_rms(neighbours(posterior, size)),
        guide_neighbours=_rms(neighbours(guide, size)),
        within=_rms(within(posterior, size)),
        guide_within=_rms(within(guide, size)),
    )


def guide_gaussian(
    vae: VideoVAE, video: Videos, columns: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The guide's means and scales (N, F) and correlations (N·F, N·F) of some columns of a clip."""
    loc, covariance = gaussian(vae, video)
    num_frames, num_features = loc.shape[1:]
    entries = (torch.arange(num_frames)[:, None] * num_features + torch.tensor(columns)).flatten()
    part = covariance[0][entries][:, entries].numpy(force=True)
    spread = np.sqrt(np.diag(part))
    found = part / np.outer(spread, spread)
    return loc[0][:, columns].numpy(force=True), spread.reshape(num_frames, -1), found


@STUCK
def correlations(codes: Float[np.ndarray, "draws frames features"]) -> np.ndarray:
    """The correlations of all entries, frame-major, (N·F, N·F)."""
    return np.atleast_2d(np.corrcoef(codes.reshape(len(codes), -1).T))


def neighbours(matrix: np.ndarray, features: int) -> np.ndarray:
    """The correlations of each feature in neighbouring frames, off a frame-major matrix."""
    return np.diag(matrix, features)


def within(matrix: np.ndarray, features: int) -> np.ndarray:
    """The correlations of each two features in one frame, off a frame-major matrix."""
    frame = np.arange(len(matrix)) // features
    same = frame[:, None] == frame
    return matrix[np.triu(same, 1)]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
