"""What a step of training lowers: a negative ELBO, discounted in a warm-up, and penalties."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyro.distributions as dist
import torch
from pyro.infer import ELBO
from torch import Tensor, nn

from ..config import TrainingConfig
from ..models.networks import full_precision
from ..models.registration import unregistered
from ..models.video_guide import marginals
from ..models.video_vae import VideoVAE
from .orthogonality import orthogonal_parts, orthogonality_penalty
from .persistence import Persistence
from .warm_up import discount


class Objective:
    """The objective of a pair of model and guide.

    Args:
        pair: Model and guide.
        elbo: The estimator of their ELBO.
        config: The weights of the penalties.
        low: Whether the networks compute in bfloat16.
        persistence: The penalty on what ht keeps, if it counts for this pair.
    """

    def __init__(
        self,
        pair: VideoVAE,
        elbo: ELBO,
        config: TrainingConfig,
        low: bool,
        persistence: Persistence | None,
    ) -> None:
        self.pair, self.config, self.low, self.persistence = pair, config, low, persistence
        self.parts = orthogonal_parts(pair, config.orthogonality_of)
        self.loss = elbo(pair.model, pair.guide)

    def __call__(
        self, videos: Tensor, missing: Mapping[str, float | Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the objective, nats per video, and the penalties in it by name.

        Args:
            videos: Clips (B, N, C, H, W).
            missing: What is missing of the weights of factors' KLs, as `discount` takes it.
        """
        with (
            torch.autocast(videos.device.type, torch.bfloat16, enabled=self.low),
            outputs(self.pair.guide.encoder) as encoded,
            unregistered(self.pair.guide, self.pair.model),
        ):
            loss = self.loss(videos) / len(videos)
        if not (missing or self.config.orthogonality or self.persistence):
            return loss, {}
        q = self._normals(encoded[-1], videos)
        if missing:
            loss = loss - discount(self.pair, q, missing)
        penalties = self._penalties(q)
        for name, penalty in penalties.items():
            loss = loss + getattr(self.config, name) * penalty
        return loss, penalties

    def _penalties(self, q: dist.Normal) -> dict[str, Tensor]:
        """The penalties that have a weight in the configuration, by its name."""
        found = {}
        if self.config.orthogonality:
            found["orthogonality"] = orthogonality_penalty(q.loc, self.parts)
        if self.persistence:
            found["persistence"] = self.persistence(q.loc)
        return found

    def _normals(self, encoded: tuple[Tensor, Tensor], videos: Tensor) -> dist.Normal:
        """The guide's Normals, by what the encoder has made of the clips' frames, (B, N, D)."""
        loc, scale = (full_precision(each).unflatten(0, videos.shape[:2]) for each in encoded)
        return marginals(self.pair.guide.combined(dist.Normal(loc, scale)), loc.dtype)


@contextmanager
def outputs(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module gives while it is called by others: first by checks of a new pair."""
    kept: list[Any] = []
    handle = module.register_forward_hook(lambda _, inputs, output: kept.append(output))
    try:
        yield kept
    finally:
        handle.remove()
