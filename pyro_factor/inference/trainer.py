"""One step of training after another, each a function of the seed and its number alone."""

import functools
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from ..config import TrainingConfig
from ..data import VideoData
from ..models.thinned import thinned_pairs, thinned_videos
from ..models.video_vae import VideoVAE
from .captured import Captured, Step
from .estimators import make_estimator
from .hardware import choose_precision
from .objective import Objective
from .persistence import TEMPORAL, Persistence
from .warm_up import missing_weights


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
        self.names: dict[Tensor, str] = {
            parameter: name for name, parameter in vae.named_parameters()
        }
        self.optimiser = torch.optim.Adam(self.names, fused=device.type in {"cpu", "cuda"})
        self.precision = choose_precision(config.precision, device)
        kept = vae.factors.get(TEMPORAL, [])
        self.persistence = Persistence(kept, config.persistence_order, config.persistence_memory)
        self.persistence.to(device)
        pairs = thinned_pairs(vae, config.every)
        nesting = max(pair.max_plate_nesting for pair in pairs.values())
        self.elbo = make_estimator(config.elbo, config.particles, nesting)
        self.objectives = {every: self._objective(every, pair) for every, pair in pairs.items()}
        self._captured: dict[int, Step] = {}
        if config.cuda_graph and device.type == "cuda":
            self.capture()

    def _objective(self, every: int, pair: VideoVAE) -> Objective:
        low = self.precision is torch.bfloat16
        # between frames that lie near each other what moves is kept as well as what stays
        left_out = self.config.persistence_at == "largest" and every < max(self.config.every)
        counts = self.config.persistence > 0 and not left_out
        return Objective(pair, self.elbo, self.config, low, self.persistence if counts else None)

    def capture(self, make: Callable[[Step, torch.device], Step] = Captured) -> None:
        """Have steps launched as CUDA graphs; what changes from one to the next is in tensors.

        There is one for each distance of frames.

        Args:
            make: What captures a step.
        """
        rate = torch.zeros((), device=self.device)
        missing = {name: torch.zeros_like(rate) for name in self.config.warm_up}
        for group in self.optimiser.param_groups:
            group["capturable"] = True
        self._rate, self._missing = rate, missing
        for every in self.objectives:
            step = functools.partial(self._step, every, rate=rate, missing=missing)
            self._captured[every] = make(step, self.device)

    def draw(self, iteration: int) -> Tensor:
        """Draw the clips of an iteration, numbered from 0, and seed its latent draws."""
        every = self.distance(iteration)
        whole = self.data.batch(self.config.videos, self.seed(iteration)).videos
        return thinned_videos(whole, every, self.objectives[every].pair.num_frames)

    def update(self, iteration: int, videos: Tensor) -> dict[str, Tensor]:
        """Do one step of the optimiser.

        Args:
            iteration: Its number, from 0.
            videos: Clips (B, N, C, H, W).

        Returns:
            The loss and the ELBO's terms, nats per video, the largest entry of the gradient
            ("gradient"), and the penalty if it has a weight, still on the device.
        """
        every, rate = self.distance(iteration), self.learning_rate(iteration)
        missing = missing_weights(self.config.warm_up, iteration)
        if not self._captured:
            left = {name: weight for name, weight in missing.items() if weight > 0}
            return self._step(every, videos, rate, left)
        self._rate.fill_(rate)
        for name, weight in missing.items():
            self._missing[name].fill_(weight)
        return self._captured[every](videos)

    def _step(
        self,
        every: int,
        videos: Tensor,
        rate: float | Tensor,
        missing: Mapping[str, float | Tensor],
    ) -> dict[str, Tensor]:
        loss, penalties = self.objectives[every](videos, missing)
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

    def distance(self, iteration: int) -> int:
        """Frames from one that an iteration trains on to the next: each of several in its turn."""
        return self.config.every[iteration % len(self.config.every)]

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
