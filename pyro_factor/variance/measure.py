"""The noise of estimators at one point of training, on one batch of clips."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite

import torch
from torch import Tensor

from ..evaluation.intervals import Estimate
from ..inference.seeds import seeded
from ..models.prior_reader import PriorReader
from ..models.priors import factored
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from ..track import Track, untracked
from . import noise
from .contestants import Contestant
from .laboratory import Laboratory
from .rows import Row
from .sampling import Draws

ANALYTIC = Contestant("analytic", 1)


@dataclass
class Report:
    """Turns draws into rows, each variance beside the first estimator's.

    Args:
        lab: Where the draws are from.
        study: Named in the rows.
        point: Named in the rows.
        first: The estimator that the others are held against.
        baseline: Its variances by part and group.
    """

    lab: Laboratory
    study: str
    point: float
    first: str | None = None
    baseline: dict[tuple[str, str], noise.Variance] = field(default_factory=dict)

    def rows(self, estimator: str, parts: Draws, exact: float) -> Iterator[Row]:
        """A row for each part and group.

        Args:
            estimator: Its name.
            parts: Its draws.
            exact: The true value of minus the KL.
        """
        for part, values in parts.values.items():
            bias = noise.value_bias(values.double().numpy(), exact) if part == "kl" else None
            for group, x in self._groups(part, values, parts.gradients[part]).items():
                variance = noise.latent_variance(x)
                if self.first in (None, estimator):
                    self.first = estimator
                    self.baseline[part, group] = variance
                base = self.baseline.get((part, group))  # None: a term that it has not
                several = x.shape[1] > 1
                yield Row(
                    study=self.study,
                    point=self.point,
                    estimator=estimator,
                    part=part,
                    group=group,
                    draws=len(x),
                    variance=variance.estimate,
                    ratio=noise.ratio(variance, base) if base and base.value > 0 else None,
                    between=noise.clip_variance(x) if several else None,
                    signal_to_noise=_finite(noise.signal_to_noise(x)) if several else None,
                    bias=bias if group == "value" else None,
                )

    def _groups(self, part: str, values: Tensor, gradients: Tensor) -> dict[str, noise.Gradients]:
        found = {"value": self.lab.of_one_clip(values), **self.lab.encoder_gradients(gradients)}
        if part == "reconstruction":
            found["decoder"] = self.lab.of_one_clip(gradients[:, self.lab.size :])
        return found


def _finite(estimate: Estimate) -> Estimate | None:
    return estimate if isfinite(estimate.value) else None


def measure(
    vae: VideoVAE,
    videos: Videos,
    contestants: Sequence[Contestant],
    *,
    study: str = "training",
    point: float = 0.0,
    draws: int = 200,
    seed: int = 0,
    track: Track = untracked,
) -> list[Row]:
    """Measure estimators on one batch.

    Args:
        vae: The model; the total has its β.
        videos: Clips (B, N, C, H, W); two or more, so that there is a variance between them.
        contestants: The estimators; those of K particles are drawn a K-th as often, so that all
            decode the same number of clips.
        study: Named in the rows.
        point: Named in the rows.
        draws: Gradients of an estimator of one particle.
        seed: Seed of all draws.
        track: Shows progress.

    Returns:
        A row for each estimator, part of the ELBO and group of parameters. The analytic one is
        always among them, and the KL's two valid per-site forms where the prior is the paper's.
    """
    with seeded(seed):  # the draws at whose statistics batch normalisation is held
        lab = Laboratory(vae, videos)
    report, exact = Report(lab, study, point), exact_value(lab, seed)
    decoded: dict[Contestant, Draws] = {}
    rows: list[Row] = []
    for runner in [ANALYTIC, *(c for c in contestants if c != ANALYTIC)]:
        number, source = draws // runner.particles, decoder_of(runner)
        if source not in decoded:
            shown = track(range(number), number, f"{study} {point:g}, {source.name}")
            decoded[source] = lab.reconstruction(source, shown, seed)
        kl = lab.kl(runner, range(number), seed)
        found = report.rows(runner.name, parts_of(kl, decoded[source], vae.beta), exact)
        seconds = lab.seconds(runner)
        rows += [replace(r, seconds=seconds) if r.part == "total" else r for r in found]
    if is_factored(vae):
        for name, kl in lab.per_site(draws, seed).items():
            rows += report.rows(name, kl, exact)
    return rows


def exact_value(lab: Laboratory, seed: int, reader: PriorReader | None = None) -> float:
    """Minus the KL, in nats per video; with another prior, if given."""
    return float(sum(lab.kl(ANALYTIC, [0], seed, reader).values.values()))


def decoder_of(runner: Contestant) -> Contestant:
    """Whose reconstruction an estimator shares: that of as many independent particles."""
    spread = runner.elbo in {"antithetic", "sobol"}
    return runner if spread else Contestant("analytic", runner.particles)


def is_factored(vae: VideoVAE) -> bool:
    """Whether the prior is the paper's, with whatever hyperparameters."""
    prior = vae.prior
    return (prior.func if isinstance(prior, partial) else prior) is factored


def parts_of(kl: Draws, reconstruction: Draws, beta: float) -> Draws:
    """The terms, the whole of minus the KL, the reconstruction and the total, draw by draw.

    The reconstruction's gradients go on with the decoder's; the others end with the outputs'.
    """
    values, gradients = dict(kl.values), dict(kl.gradients)
    values["kl"] = torch.stack(list(kl.values.values())).sum(0)
    gradients["kl"] = torch.stack(list(kl.gradients.values())).sum(0)
    values |= reconstruction.values
    gradients |= reconstruction.gradients
    codes = gradients["kl"].shape[1]
    # eq. 5
    values["total"] = values["reconstruction"] + beta * values["kl"]
    gradients["total"] = gradients["reconstruction"][:, :codes] + beta * gradients["kl"]
    return Draws(values, gradients)
