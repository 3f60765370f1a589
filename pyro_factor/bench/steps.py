"""Ways to do a training step: ours, and one written by hand, under several settings."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyro
import torch
from torch import Tensor

from ..allocator import keep_freed_memory
from ..config import TrainingConfig
from ..data import BouncingDigits
from ..inference.hardware import Kernels, choose_precision, kernels
from ..inference.trainer import Trainer
from ..models import VideoVAE, priors
from . import by_hand
from .sizes import Sizes


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to do a training step.

    Args:
        sizes: Sizes of the batch and the networks.
        by_hand: Whether it is the step written by hand; ours otherwise.
        elbo: The estimator; by hand it is the analytic one.
        precision: "auto", "float32" or "bfloat16".
        channels_last: Whether the networks' memory is laid out so.
        fused: Whether Adam is fused.
        keeps_memory: Whether the process keeps freed memory; only in a process of its own.
        cuda_graph: Whether ours is launched as one CUDA graph, on a GPU.
        kernels: How cuDNN's are chosen on a GPU; as training does unless given.
        compiled: Whether the convolutions are compiled by `torch.compile`.
        validates: Whether Pyro checks every distribution and shape in every step.
        device: Where it computes.
        seed: Seed of weights, clips and draws.
    """

    sizes: Sizes
    by_hand: bool = False
    elbo: str = "analytic"
    precision: str = "auto"
    channels_last: bool = True
    fused: bool = True
    keeps_memory: bool = True
    cuda_graph: bool = False
    kernels: Kernels = "deterministic"
    compiled: bool = False
    validates: bool = False
    device: str = "cpu"
    seed: int = 0

    def build(self) -> Callable[[], object]:
        """Build the model and return a function that does one step on the same clips."""
        if self.keeps_memory:
            keep_freed_memory()
        update = self.updates(self.model())
        videos = self.draw(0)
        return lambda: update(0, videos)

    def updates(self, vae: VideoVAE) -> Callable[[int, Tensor], Tensor]:
        """Return a function from an iteration and its clips to its loss, which trains a model."""
        update = self._by_hand(vae) if self.by_hand else self._ours(vae)

        def updated(iteration: int, videos: Tensor) -> Tensor:
            with kernels(self.kernels):
                return update(iteration, videos)

        return updated

    def draw(self, iteration: int) -> Tensor:
        """Draw the clips of an iteration."""
        generator = torch.Generator(self.device).manual_seed(self._seed(iteration))
        videos = self.data.batch(self.sizes.videos, generator).videos
        return videos.to(torch.get_default_dtype())

    @property
    def data(self) -> BouncingDigits:
        """The clips."""
        return BouncingDigits(num_frames=self.sizes.frames, image_size=self.sizes.image_size)

    def model(self) -> VideoVAE:
        """The model with the seed's weights, in training mode."""
        sizes = self.sizes
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            vae = VideoVAE(
                partial(priors.factored, static=sizes.features, temporal=sizes.features),
                sizes.frames,
                image_shape=(1, sizes.image_size, sizes.image_size),
                channels=sizes.channels,
                hidden=sizes.hidden,
            ).to(torch.get_default_dtype())
        if self.channels_last:
            vae.to(memory_format=torch.channels_last)
        if self.compiled:
            vae.guide.encoder.convolutions.compile()
            vae.model.decoder.convolutions.compile()
        return vae.to(self.device).train()

    def _seed(self, iteration: int) -> int:
        return 1_000_000 * self.seed + iteration

    def trainer(self, vae: VideoVAE) -> Trainer:
        """Our trainer of a model."""
        given: Any = {name: getattr(self, name) for name in ("elbo", "precision", "cuda_graph")}
        config = TrainingConfig(videos=self.sizes.videos, **given)
        with pyro.settings.context(module_local_params=True):
            return Trainer(vae, self.data, config, torch.device(self.device))

    def _ours(self, vae: VideoVAE) -> Callable[[int, Tensor], Tensor]:
        trainer = self.trainer(vae)

        def update(iteration: int, videos: Tensor) -> Tensor:
            with ExitStack() as stack:
                stack.enter_context(pyro.settings.context(module_local_params=True))
                stack.enter_context(pyro.validation_enabled(self.validates))
                torch.manual_seed(self._seed(iteration))
                return trainer.update(iteration, videos)["loss"]

        return update

    def _by_hand(self, vae: VideoVAE) -> Callable[[int, Tensor], Tensor]:
        parameters = [*vae.guide.parameters(), *vae.model.parameters()]
        fused = True if self.fused else None  # None is PyTorch's default form
        optimiser = torch.optim.Adam(parameters, 1e-3, fused=fused)
        precision = choose_precision(self.precision, torch.device(self.device))
        networks = (vae.guide.encoder, vae.model.decoder)

        def update(iteration: int, videos: Tensor) -> Tensor:
            torch.manual_seed(self._seed(iteration))
            noise = self._noise()
            loss = partial(by_hand.loss, *networks, videos, noise, static=self.sizes.features)
            return by_hand.step(loss, optimiser, precision)

        return update

    def _noise(self) -> Tensor:
        """The noise that the guide draws h with: hs, then ht."""
        shape = (self.sizes.videos, self.sizes.frames, self.sizes.features)
        return torch.cat([torch.randn(shape, device=self.device) for _ in range(2)], -1)
