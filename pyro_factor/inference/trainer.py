"""One step of training after another, each a function of the seed and its number alone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..config import TrainingConfig
from ..data import VideoData
from ..models.networks import full_precision
from ..models.registration import unregistered
from ..models.thinned import thinned_pair
from ..models.video_guide import marginals
from ..models.video_vae import VideoVAE
from .captured import Captured, Step
from .estimators import make_estimator
from .hardware import choose_precision
from .orthogonality import orthogonality_penalty
from .persistence import TEMPORAL, Persistence
from .warm_up import discount, missing_weights


class Trainer:
    """A model, an estimator of its ELBO and Adam; `draw`, then `update`, make an iteration.

    Use it inside `pyro.settings.context(module_local_params=True)`: the global parameter store has
    no part in it.

    Args:
        vae: The model, already on its device.
        data: The training clips.
        config: Estimator, schedule and seed.
        device: The model's device.
    """

    def __init__(
        self, vae: VideoVAE, data: VideoData, config: TrainingConfig, device: torch.device
    ) -> None:
        self.vae, self.data, self.config, self.device = vae, data, config, device
        self.pair = thinned_pair(vae, config.every)
        self.elbo = make_estimator(config.elbo, config.particles, self.pair.max_plate_nesting)
        self.loss = self.elbo(self.pair.model, self.pair.guide)
        self.names: dict[Tensor, str] = {
            parameter: name for name, parameter in vae.named_parameters()
        }
        kept = vae.factors.get(TEMPORAL, [])
        self.persistence = Persistence(kept, config.persistence_order, config.persistence_memory)
        self.persistence.to(device)
        self.precision = choose_precision(config.precision, device)
        self.optimiser = torch.optim.Adam(
            self.loss.parameters(), fused=device.type in {"cpu", "cuda"}
        )
        self._captured: Step | None = None
        if config.cuda_graph and device.type == "cuda":
            self.capture()

    def capture(self, make: Callable[[Step, torch.device], Step] = Captured) -> None:
        """Have steps launched as one CUDA graph; what changes from one to the next is in tensors.

        Args:
            make: What captures a step.
        """
        rate = torch.zeros((), device=self.device)
        missing = {name: torch.zeros_like(rate) for name in self.config.warm_up}
        for group in self.optimiser.param_groups:
            group["capturable"] = True
        self._rate, self._missing = rate, missing
        self._captured = make(lambda videos: self._step(videos, rate, missing), self.device)

    def draw(self, iteration: int) -> Tensor:
        """Draw the clips of an iteration, numbered from 0, and seed its latent draws."""
        generator = self.seed(iteration)
        return self.data.batch(self.config.videos, generator).videos[:, :: self.config.every]

    def update(self, iteration: int, videos: Tensor) -> dict[str, Tensor]:
        """Do one step of the optimiser.

        Args:
            iteration: Its number, from 0.
            videos: Clips (B, N, C, H, W).

        Returns:
            The loss and the ELBO's terms, nats per video, the largest entry of the gradient
            ("gradient"), and the penalty if it has a weight, still on the device.
        """
        rate = self.learning_rate(iteration)
        missing = missing_weights(self.config.warm_up, iteration)
        if self._captured is None:
            return self._step(videos, rate, {name: w for name, w in missing.items() if w > 0})
        self._rate.fill_(rate)
        for name, weight in missing.items():
            self._missing[name].fill_(weight)
        return self._captured(videos)

    def _step(
        self, videos: Tensor, rate: float | Tensor, missing: Mapping[str, float | Tensor]
    ) -> dict[str, Tensor]:
        loss, penalties = self.objective(videos, missing)
        self.optimiser.zero_grad()
        loss.backward()
        gradients = [p.grad for p in self.names if p.grad is not None]
        largest = torch.nn.utils.get_total_norm(gradients, norm_type=torch.inf)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return {
            "loss": loss.detach(),
            "gradient": largest,
            **{name: penalty.detach() for name, penalty in penalties.items()},
            **self.elbo.last_terms,
        }

    def objective(
        self, videos: Tensor, missing: Mapping[str, float | Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what a step lowers, nats per video, and the penalties in it.

        Args:
            videos: Clips (B, N, C, H, W).
            missing: What is missing of the weights of factors' KLs, as `discount` takes it.
        """
        low = self.precision is torch.bfloat16
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=low),
            outputs(self.pair.guide.encoder) as encoded,
            unregistered(self.pair.guide, self.pair.model),
        ):
            loss = self.loss(videos) / len(videos)
        if not (missing or self.config.orthogonality or self.config.persistence):
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
            found["orthogonality"] = orthogonality_penalty(q.loc, self.vae.factors)
        if self.config.persistence:
            found["persistence"] = self.persistence(q.loc)
        return found

    def _normals(self, encoded: tuple[Tensor, Tensor], videos: Tensor) -> dist.Normal:
        """The guide's Normals, by what the encoder has made of the clips' frames, (B, N, D)."""
        loc, scale = (full_precision(each).unflatten(0, videos.shape[:2]) for each in encoded)
        return marginals(self.pair.guide.combined(dist.Normal(loc, scale)), loc.dtype)

    def seed(self, iteration: int) -> torch.Generator:
        """Seed the latent draws of an iteration, and give the generator of its clips."""
        sequence = np.random.SeedSequence(self.config.seed, spawn_key=(iteration,))
        latents, clips = sequence.generate_state(2, np.uint64).tolist()
        torch.manual_seed(latents)
        return torch.Generator(self.device).manual_seed(clips)

    def learning_rate(self, iteration: int) -> float:
        """The learning rate of an iteration: multiplied by `decay` every `decay_every`."""
        config = self.config
        return config.learning_rate * config.decay ** (iteration // config.decay_every)

    def memory(self) -> dict[str, Tensor]:
        """What the penalty remembers, by name; nothing where it has no memory."""
        return self.persistence.state_dict() if self.persistence.memory > 1 else {}

    def restore_memory(self, saved: Mapping[str, Tensor]) -> None:
        """Put back what the penalty remembers."""
        if saved:
            self.persistence.load_state_dict(saved)

    def optimiser_state(self) -> dict[str, Tensor]:
        """Adam's state by parameter and quantity: `<parameter>.exp_avg` and so on."""
        return {
            f"{self.names[parameter]}.{quantity}": torch.as_tensor(value)
            for parameter, state in self.optimiser.state.items()
            for quantity, value in state.items()
        }

    def restore_optimiser(self, saved: Mapping[str, Tensor]) -> None:
        """Put Adam's state back, in the parameters' memory layout."""
        for parameter, name in self.names.items():
            state = {
                key: saved[f"{name}.{key}"].to(self.device)
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"{name}.{key}" in saved
            }
            for key in state.keys() - {"step"}:
                state[key] = torch.empty_like(parameter).copy_(state[key]).detach()
            if state:
                self.optimiser.state[parameter] = state


@contextmanager
def outputs(module: nn.Module) -> Iterator[list[Any]]:
    """Keep what a module gives while it is called by others: first by checks of a new pair."""
    kept: list[Any] = []
    handle = module.register_forward_hook(lambda _, inputs, output: kept.append(output))
    try:
        yield kept
    finally:
        handle.remove()
