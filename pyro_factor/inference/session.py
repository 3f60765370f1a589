"""One stretch of a training: iterations, rows of metrics, checkpoints, and how it stops."""

import math
import shlex
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import pyro
import torch

from ..checkpoint import Checkpoint, weights, write_checkpoint
from ..config import Config, fingerprint, write_config
from ..data import VideoData
from ..errors import StorageError, TimeUp, TrainingDiverged, TrainingInterrupted
from ..files import explained
from ..models.video_vae import VideoVAE
from .hardware import determinism, kernels, name_precision
from .interrupts import deferred_interrupt
from .metrics import Metrics, NonFinite
from .progress import Progress
from .runs import checkpoint_path, config_path, kept_path, metrics_path
from .trainer import Trainer


class Session:
    """One stretch of a training, from a checkpoint or from the start.

    Args:
        folder: The run folder; a new run's files are made at once.
        config: The description of the run.
        vae: The model, on its device, with the checkpoint's weights.
        data: The training clips.
        checkpoint: Where to go on; None for a new run.
        max_seconds: Stop between two iterations after this time.
    """

    def __init__(
        self,
        folder: Path,
        config: Config,
        vae: VideoVAE,
        data: VideoData,
        checkpoint: Checkpoint | None,
        max_seconds: float = math.inf,
    ) -> None:
        self.folder, self.config, self.vae = folder, config.training, vae
        self.device = next(vae.parameters()).device
        self.fingerprint, self.max_seconds = fingerprint(config), max_seconds
        start = checkpoint or Checkpoint(self.fingerprint, 0, 0.0, {})
        self.saved, self.seconds_before = start.iteration, start.seconds
        with pyro.settings.context(module_local_params=True):
            self.trainer = Trainer(vae, data, self.config, self.device)
        # an infinity that a buffer holds from the start is meant, as in an attention's mask
        self.meant = {name for name, b in vae.named_buffers() if not b.isfinite().all()}
        self.trainer.restore_optimiser(start.part("optimiser"))
        self.trainer.restore_memory(start.part("memory"))
        pending = {name: v.to(self.device) for name, v in start.part("pending").items()}
        if checkpoint is not None:  # before a longer run drops the unfinished row of a shorter one
            write_config(config_path(folder), config)
        self.metrics = Metrics(metrics_path(folder), self.config.log_every, self.saved, pending)
        self.began = time.monotonic()  # without what a process's first trainer has to import
        self._keep()
        if checkpoint is None:
            self.save()  # before the configuration, which makes the folder a run
            write_config(config_path(folder), config)
        self.whole = True  # whether weights, metrics and what is written are of one iteration

    def run(self, show: bool) -> None:
        """Do the iterations that are left.

        Raises:
            TrainingDiverged: The loss or the weights stopped being finite.
            TrainingInterrupted: Ctrl-C; the state is saved.
            TimeUp: `max_seconds` are over; the state is saved.
            StorageError: The folder can't be written to; the last checkpoint is whole.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with (
            torch.random.fork_rng(devices),
            torch.enable_grad(),
            kernels(),
            determinism(self.config.deterministic),
            pyro.settings.context(module_local_params=True),
            Progress(self.folder, self.saved, self.config.iterations, show) as progress,
            deferred_interrupt() as interrupted,
            warnings.catch_warnings(),
        ):
            # `check` says more about it
            warnings.filterwarnings("ignore", "Encountered NaN", UserWarning)
            try:
                try:
                    self._iterate(progress, interrupted)
                except KeyboardInterrupt:
                    raise TrainingInterrupted(self._stop()) from None
            except StorageError as error:  # also while it stops
                raise StorageError(error.errno, f"{error.strerror}. {self._where()}") from None

    def _iterate(self, progress: Progress, interrupted: Callable[[], bool]) -> None:
        self.vae.train()
        start = self.saved
        for iteration in range(start, self.config.iterations):
            # the first iteration checks every distribution and shape
            with pyro.validation_enabled(iteration == start):
                self._step(iteration)
            done, last = iteration + 1, iteration + 1 == self.config.iterations
            progress.advance(done)
            # a row before the checkpoint that counts on it; nobody would come back for the last
            if last or done % self.config.log_every == 0:
                self._log(progress, iteration)
            self._keep()  # before the checkpoint, after which nobody would come back for them
            self.whole = True
            if last or done % self.config.checkpoint_every == 0:
                self.save()
            if interrupted() and not last:
                raise KeyboardInterrupt
            if time.monotonic() - self.began > self.max_seconds and not last:
                raise TimeUp(self._stop())

    def _step(self, iteration: int) -> None:
        videos = self.trainer.draw(iteration)
        self.whole = False
        self.metrics.record(self.trainer.update(iteration, videos))

    def _log(self, progress: Progress, iteration: int) -> None:
        self.check()
        rate = self.trainer.learning_rate(iteration)
        row = self.metrics.flush(learning_rate=rate, seconds=round(self.seconds, 3))
        progress.report(row)

    @property
    def seconds(self) -> float:
        """Time spent on the run, this stretch included."""
        return self.seconds_before + time.monotonic() - self.began

    def save(self) -> None:
        """Write a checkpoint, unless something in it isn't finite."""
        state = {
            "weights": self._finite_weights(),
            "optimiser": self.trainer.optimiser_state(),
            "memory": self.trainer.memory(),
            "pending": self.metrics.pending,
        }
        self.metrics.sync()
        self._write(checkpoint_path(self.folder), state)
        self.saved = self.metrics.iteration

    def _keep(self) -> None:
        """Write the weights alone, if this iteration's are to be kept."""
        if self.metrics.iteration in self.config.keep:
            path = kept_path(self.folder, self.metrics.iteration)
            with explained(path):
                path.parent.mkdir(exist_ok=True)
            self._write(path, {"weights": self._finite_weights()})

    def _write(self, path: Path, state: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
        tensors = {f"{part}.{k}": t for part, group in state.items() for k, t in group.items()}
        iteration, seconds = self.metrics.iteration, self.seconds
        write_checkpoint(path, Checkpoint(self.fingerprint, iteration, seconds, tensors))

    def _finite_weights(self) -> dict[str, torch.Tensor]:
        self.check()
        found = weights(self.vae)
        for name, tensor in found.items():
            if name not in self.meant and not tensor.isfinite().all():
                raise self._diverged(NonFinite(self.metrics.iteration, [name], []))
        return found

    def check(self) -> None:
        """Raise if a value since the last row of metrics isn't finite."""
        found = self.metrics.first_nonfinite()
        if found is not None:
            raise self._diverged(found)

    def _diverged(self, found: NonFinite) -> TrainingDiverged:
        names = " and ".join(found.names) + (" is" if len(found.names) == 1 else " are")
        rate = self.trainer.learning_rate(found.iteration - 1)
        gradients = ", then ".join(f"{gradient:.3g}" for gradient in found.gradients)
        return TrainingDiverged(
            f"iteration {found.iteration}: {names} not finite; stopped. "
            + (f"The gradient's largest entry was {gradients}. " if gradients else "")
            + f"The learning rate was {rate:g}, the precision {self.precision}. "
            f"The checkpoint of iteration {self.saved} is kept in {self.folder}. "
            "Start again with a lower learning rate"
            + ("" if self.precision == "float32" else ", or in float32")
        )

    @property
    def precision(self) -> str:
        """The precision that the networks compute in."""
        return name_precision(self.trainer.precision)

    def _stop(self) -> str:
        if self.whole:
            self.save()
        return f"Stopped. {self._where()}"

    def _where(self) -> str:
        command = f"pyro-factor train --folder {shlex.quote(str(self.folder))} --resume"
        return (
            f"{self.saved} of {self.config.iterations} iterations are saved in "
            f"{self.folder}. Go on with:\n  {command}"
        )
