"""The guide's companion for per-site KLs: global draws independent of the frames' draws."""

from typing import Any

import pyro
import pyro.distributions as dist
from torch import Tensor

from ..errors import require
from .layout import Draw, Layout
from .video_guide import OwnPlates, VideoGuide, sample_frames


class MeanFieldGuide(VideoGuide):
    """∏_i N(μ(x_i), σ²(x_i)) times a Normal for every entry of the global draws.

    With it `pyro.infer.TraceMeanField_ELBO` is valid, as it is not with the exact conditional. Of
    all independent Normals these have the highest bound: the conditional's mean at the guide's
    means, the conditional's precision. It is looser than the paper's bound: for each feature of the
    factored prior by Σ σ_i² / (2 σs² (N + σs²)).

        guide = MeanFieldGuide.of(vae.guide)
        TraceMeanField_ELBO()(vae.model, guide)(videos)
    """

    _of: tuple[VideoGuide, ...] = ()

    @classmethod
    def of(cls, guide: VideoGuide) -> "MeanFieldGuide":
        """The companion of a guide, with the same encoder.

        Raises:
            InputError: The guide's frames are not independent.
        """
        advice = "its companion needs a guide of independent frames"
        require(guide.name == VideoGuide.name, "guide", guide.name, advice)
        companion = cls(guide.reader, guide.encoder, guide.beta, guide.images)
        companion._of = (guide,)  # in a tuple, so that its weights are not there twice
        return companion

    @property
    def beta(self) -> float:
        """Weight of the latent draws: that of the guide whose companion it is."""
        return self._of[0].beta if self._of else self._beta

    @beta.setter
    def beta(self, beta: float) -> None:
        self._beta = beta

    def _sample(self, layout: Layout, plates: OwnPlates, q: Any, known: Any) -> Tensor:
        """Sample all draws, in the order of the prior."""
        drawn = {
            draw.name: sample_frames(layout, plates, draw, q)
            if draw.index is not None
            else _sample_global(plates, draw, known[draw.name])
            for draw in layout.draws
        }
        return layout.stack(drawn)

    def _known(self, layout: Layout, q: dist.Normal) -> dict[str, dist.Normal]:
        """The Normal of each global draw, in the shape it has under the plates."""
        conditional = self.reader.conditional(layout.num_frames)
        loc = conditional.loc(q.loc).to(q.loc)
        scale = conditional.precision.rsqrt().to(q.loc).expand_as(loc)
        return {
            draw.name: dist.Normal(layout.take_global(loc, draw), layout.take_global(scale, draw))
            for draw in layout.global_draws
        }


def _sample_global(plates: OwnPlates, draw: Draw, q: dist.Normal) -> Tensor:
    with plates.of(draw):
        return pyro.sample(draw.name, q.to_event(draw.event_dim))
