"""One model and one batch: the encoder run once, its parameters' geometry computed once."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
import pyro
import torch
from jaxtyping import Float
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor

from ..models.gallery import factored_by_frame
from ..models.prior_reader import PriorReader
from ..models.video_vae import VideoVAE
from ..models.videos import Videos
from .contestants import Contestant
from .coordinates import GROUPS, roots
from .frozen import encoded, freeze, hold_statistics
from .noise import Gradients
from .sampling import Draws, sample_terms

REPEATS = 5  # of the timed gradients


class Laboratory:
    """Draws of the ELBO's parts for one batch, and their gradients in parameters.

    Args:
        vae: The model; it is copied, and looked at with β = 1.
        videos: Clips (B, N, C, H, W).
        groups: Groups of the encoder's parameters to look at.
    """

    def __init__(self, vae: VideoVAE, videos: Videos, groups: tuple[str, ...] = GROUPS) -> None:
        self.vae, self.videos = hold_statistics(vae, videos), videos
        self.outputs = encoded(self.vae, videos)
        self.size = sum(output.numel() for output in self.outputs)
        self.roots = roots(self.vae.guide.encoder, videos.flatten(0, 1), groups)

    def kl(
        self, runner: Contestant, draws: Iterable[int], seed: int, reader: PriorReader | None = None
    ) -> Draws:
        """Draws of the terms of minus the KL; of another prior with as many features, if given."""
        pair = freeze(self.vae, *self.outputs, reader)
        estimator = runner.make(self.vae.max_plate_nesting)

        def terms() -> dict[str, Tensor]:
            found = estimator.terms(pair.prior, pair.guide, self.videos)
            return {name: value for name, value in found.items() if name != "reconstruction"}

        return sample_terms(terms, pair.leaves, draws, seed)

    def reconstruction(self, runner: Contestant, draws: Iterable[int], seed: int) -> Draws:
        """Draws of E_q[log p(x|h)], differentiated in the outputs, then in the decoder."""
        pair = freeze(self.vae, *self.outputs)
        estimator = runner.make(self.vae.max_plate_nesting)
        decoder = [p for p in self.vae.model.decoder.parameters() if p.requires_grad]

        def terms() -> dict[str, Tensor]:
            found = estimator.terms(pair.model, pair.guide, self.videos)
            return {"reconstruction": found["reconstruction"]}

        return sample_terms(terms, [*pair.leaves, *decoder], draws, seed)

    def per_site(self, draws: int, seed: int) -> dict[str, Draws]:
        """Draws of minus the KL taken site by site, in the two forms that are valid (section 3).

        `mean_field`: an independent q(hs0), a looser bound. `by_frame`: hs0 integrated out frame
        by frame, the same bound.
        """
        arguments = getattr(self.vae.prior, "keywords", {})
        by_frame = PriorReader(partial(factored_by_frame, **arguments))
        loose, exact = freeze(self.vae, *self.outputs), freeze(self.vae, *self.outputs, by_frame)
        pairs = {
            "mean_field": (loose.prior, loose.mean_field, loose.leaves),
            "by_frame": (exact.prior, exact.guide, exact.leaves),
        }
        elbo = TraceMeanField_ELBO(max_plate_nesting=1)
        found = {}
        for name, (model, guide, leaves) in pairs.items():
            terms = _minus_kl(elbo, model, guide, self.videos)
            found[name] = sample_terms(terms, leaves, range(draws), seed)
        return found

    def encoder_gradients(self, gradients: Float[Tensor, "draws entries"]) -> dict[str, Gradients]:
        """Coordinates of each clip's gradient in the encoder's groups, from gradients in outputs.

        The terms are means over clips, so a clip's own gradient is B times its share of theirs.
        """
        clips = len(self.videos)
        split = gradients[:, : self.size].double().unflatten(1, (2, clips, -1))
        # apart from the first, so that gradients without noise stay equal to the bit
        parts = {
            group: (self._in(group, split - split[0]), self._in(group, split[:1]))
            for group in self.roots
        }
        found = {group: clips * (apart + first) for group, (apart, first) in parts.items()}
        return {"encoder": np.concatenate(list(found.values()), -1), **found}

    def _in(self, group: str, split: Float[Tensor, "draws two clips codes"]) -> Gradients:
        root = self.roots[group].unflatten(0, split.shape[1:])
        return torch.einsum("swbn,wbnk->sbk", split, root).numpy()

    def of_one_clip(self, x: Tensor) -> Gradients:
        """A mean over clips, scaled so that its variance is that of one clip."""
        return len(self.videos) ** 0.5 * x.reshape(len(x), 1, -1).numpy()

    def seconds(self, runner: Contestant) -> float:
        """The time of one gradient of the whole ELBO, encoder and decoder included."""
        loss = runner.make(self.vae.max_plate_nesting)(self.vae.model, self.vae.guide)
        times = []
        with pyro.settings.context(module_local_params=True), torch.random.fork_rng(devices=[]):
            for _ in range(REPEATS + 1):  # the first warms up
                start = time.perf_counter()
                loss(self.videos).backward()
                times.append(time.perf_counter() - start)
                self.vae.zero_grad()
        return statistics.median(times[1:])


def _minus_kl(
    elbo: TraceMeanField_ELBO, model: Callable, guide: Callable, videos: Tensor
) -> Callable[[], Mapping[str, Tensor]]:
    def terms() -> dict[str, Tensor]:
        return {"kl": -elbo.differentiable_loss(model, guide, videos) / len(videos)}

    return terms
