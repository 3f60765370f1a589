"""The guide: a Normal for every frame from that frame alone, and what follows for global draws."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from .gaussian_conditional import GaussianConditional
from .images import Images
from .latent_posterior import LatentPosterior
from .layout import Draw, Layout
from .networks import full_precision
from .prior_reader import PriorReader
from .program import plain_numbers
from .registration import Registering
from .videos import Videos, check_output, check_videos, same_place, sizes


class VideoGuide(Registering):
    """q(h | x) = ∏_i N(μ(x_i), σ²(x_i)) (eq. 12), times p(g | h) for the prior's global draws g.

    The exact conditional of the global draws makes the Monte-Carlo and the analytic ELBO the same
    number in expectation. Called on clips (B, N, C, H, W); draws the sites of the prior.

    Args:
        reader: The prior, read.
        encoder: From images (M, C, H, W) to loc and scale, (M, D) each.
        beta: Weight of the latent draws (eq. 5).
        images: What a frame is.
    """

    name = "independent"  # by which a configuration knows it

    def __init__(
        self, reader: PriorReader, encoder: nn.Module, beta: float, images: Images
    ) -> None:
        super().__init__(reader, beta, images)
        self.hold("encoder", encoder)

    @classmethod
    def check(cls, reader: PriorReader, num_frames: int) -> None:
        """Raise, before training and not in its first step, unless the prior suits the guide."""

    def recognise(self, videos: Videos) -> dist.Normal:
        """Return what the encoder makes of each frame alone, .loc and .scale (B, N, D).

        Raises:
            InputError: The clips have another shape or range, the encoder's weights another dtype
                or device, or its outputs another shape.
        """
        check_videos(videos, self.images)
        encoder = self.network("encoder")
        with same_place(videos, encoder):
            loc, scale = map(full_precision, encoder(videos.flatten(0, 1)))
        frames = num_videos, num_frames = sizes(videos)
        images, features = num_videos * num_frames, self.reader.layout(num_frames).num_features
        check_output("encoder", loc, (images, features))
        check_output("encoder", scale, (images, features), (images, 1))
        return dist.Normal(loc.unflatten(0, frames), scale.unflatten(0, frames))

    def posterior(self, videos: Videos) -> dist.Normal | LatentPosterior:
        """Return q(h | x)."""
        return self.combined(self.recognise(videos))

    def combined(self, frames: dist.Normal) -> dist.Normal | LatentPosterior:
        """Return q(h | x) of what each frame alone says, .loc and .scale (B, N, D)."""
        return frames

    def encode(self, videos: Videos) -> dist.Normal:
        """Return the Normal of every entry of h, .loc and .scale (B, N, D).

        Raises:
            InputError: The clips have another shape or range.
        """
        return marginals(self.posterior(videos), videos.dtype)

    def forward(self, videos: Videos) -> Float[Tensor, "*particles videos frames features"]:
        """Sample all draws; return h."""
        q = self.posterior(videos)
        num_videos, num_frames = sizes(videos)
        layout = self.reader.layout(num_frames)
        # read outside the plate over clips
        known = self._known(layout, q) if layout.global_draws else None
        clips = self.reader.clips(num_videos, num_frames)
        dtype = torch.promote_types(videos.dtype, torch.float32)
        with clips, poutine.scale(scale=self.beta), plain_numbers(dtype, q.loc.device):
            return self._sample(layout, OwnPlates(), q, known)

    def _known(self, layout: Layout, q: Any) -> Any:
        """What is known of the global draws: their conditional."""
        return self.reader.conditional(layout.num_frames)

    def _sample(self, layout: Layout, plates: "OwnPlates", q: Any, known: Any) -> Tensor:
        """Sample the draws of frames, then the global ones."""
        h = layout.stack(self._sample_frames(layout, plates, q))
        if known is not None:
            loc, scale_tril, own = known.loc(h).to(h), known.scale_tril_like(h), layout.global_draws
            sample_in_turn(layout, plates, own, loc, scale_tril, exact_conditional=True)
        return h

    def _sample_frames(self, layout: Layout, plates: "OwnPlates", q: Any) -> dict[str, Tensor]:
        return {draw.name: sample_frames(layout, plates, draw, q) for draw in layout.frame_draws}


def marginals(q: dist.Normal | LatentPosterior, dtype: torch.dtype) -> dist.Normal:
    """The Normal of every entry of q(h | x) by itself."""
    return q if isinstance(q, dist.Normal) else q.marginals(dtype)


class OwnPlates(dict[str, pyro.plate]):
    """The plates that the prior draws sites under, each made once in a run of the guide."""

    @contextmanager
    def of(self, draw: Draw) -> Iterator[None]:
        """Open those of a draw."""
        with ExitStack() as stack:
            for name, dim, size in draw.plates:
                if name not in self:
                    self[name] = pyro.plate(name, size, dim=dim)
                stack.enter_context(self[name])
            yield


def sample_in_turn(
    layout: Layout,
    plates: OwnPlates,
    draws: Sequence[Draw],
    loc: Float[Tensor, "*videos entries"],
    scale_tril: Float[Tensor, "*other entries entries"],
    **infer: Any,
) -> dict[str, Tensor]:
    """Draw sites of a joint Gaussian, each given those before it; inside the plate over clips.

    Args:
        layout: The prior's layout.
        plates: The prior's plates.
        draws: The sites, whose entries lie end to end.
        loc: The joint mean.
        scale_tril: The Cholesky factor of the joint covariance.
        infer: The sites' marks.

    Returns:
        The values by name.
    """
    values: dict[str, Tensor] = {}
    noises: list[Tensor] = []
    start = 0
    for draw in draws:
        stop = start + draw.shape.numel()
        mean, rows = loc[..., start:stop], scale_tril[..., start:stop, :]
        # z_k = m_k + L_k,<k ε_<k + L_kk ε_k
        if noises:
            mean = mean + (rows[..., :start] @ torch.cat(noises, -1).unsqueeze(-1)).squeeze(-1)
        shape = layout.padded_shape(draw)
        q = GaussianConditional(mean, rows[..., start:stop], shape, draw.event_dim)
        with plates.of(draw):
            values[draw.name] = pyro.sample(draw.name, q, infer=dict(infer))  # type: ignore[arg-type]
        noises.append(q.whiten(values[draw.name]))
        start = stop
    return values


def sample_frames(layout: Layout, plates: OwnPlates, draw: Draw, q: dist.Normal) -> Tensor:
    """Draw a site of frames from its entries of q(h); inside the plate over clips."""
    loc, scale = layout.take(q.loc, draw), layout.take(q.scale, draw)
    with plates.of(draw):
        return pyro.sample(draw.name, dist.Normal(loc, scale).to_event(draw.event_dim))
