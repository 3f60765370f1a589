"""The guide: a Normal for every frame from that frame alone, and what follows for global draws."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from pyro import poutine
from pyro.nn import PyroModule
from torch import Tensor, nn

from .exact_conditional import ExactConditional
from .global_conditional import GlobalConditional
from .layout import Draw, Layout
from .networks import ImageShape, full_precision
from .prior_reader import PriorReader
from .program import plain_numbers
from .videos import Videos, check_videos


class VideoGuide(PyroModule):
    """q(h | x) = ∏_i N(μ(x_i), σ²(x_i)) (eq. 12), times p(g | h) for the prior's global draws g.

    The exact conditional of the global draws makes the Monte-Carlo and the analytic ELBO the same
    number in expectation. Called on clips (B, N, C, H, W); draws the sites of the prior.

    Args:
        reader: The prior, read.
        encoder: From images (M, C, H, W) to loc and scale, (M, D) each.
        beta: Weight of the latent draws (eq. 5).
        image_shape: (C, H, W).
    """

    def __init__(
        self, reader: PriorReader, encoder: nn.Module, beta: float, image_shape: ImageShape
    ) -> None:
        super().__init__()
        self.reader, self.beta, self.image_shape = reader, beta, image_shape
        if isinstance(reader.prior, nn.Module):
            # so that its parameters train; it has been run, so it can't become a PyroModule's own
            self.add_module("prior", reader.prior)
        self.encoder = encoder

    def encode(self, videos: Videos) -> dist.Normal:
        """Return the Normal over h, .loc and .scale (B, N, D).

        Raises:
            InputError: The clips have another shape or range.
        """
        check_videos(videos, self.image_shape)
        loc, scale = map(full_precision, self.encoder(videos.flatten(0, 1)))
        frames = videos.shape[:2]
        return dist.Normal(loc.unflatten(0, frames), scale.unflatten(0, frames))

    def forward(self, videos: Videos) -> Float[Tensor, "*particles videos frames features"]:
        """Sample the draws of frames, then the global ones; return h."""
        q = self.encode(videos)
        num_videos, num_frames = videos.shape[:2]
        layout = self.reader.layout(num_frames)
        # read outside the plate over clips
        conditional = self.reader.conditional(num_frames) if layout.global_draws else None
        clips = self.reader.clips(num_videos, num_frames)
        with clips, poutine.scale(scale=self.beta), plain_numbers(q.loc.dtype, q.loc.device):
            h = layout.stack({d.name: sample_frames(layout, d, q) for d in layout.frame_draws})
            if conditional is not None:
                _sample_globals(layout, conditional, h)
        return h


def _sample_globals(
    layout: Layout,
    conditional: GlobalConditional,
    h: Float[Tensor, "*particles videos frames features"],
) -> None:
    """Draw each global site given the frames' draws and the global draws before it."""
    loc, scale_tril = conditional.loc(h).to(h), conditional.scale_tril.to(h)
    noise, start = loc[..., :0], 0
    for draw in layout.global_draws:
        stop = start + draw.shape.numel()
        # g_k = m_k + L_k,<k ε_<k + L_kk ε_k
        mean = loc[..., start:stop] + noise @ scale_tril[start:stop, :start].T
        q = ExactConditional(
            mean, scale_tril[start:stop, start:stop], layout.padded_shape(draw), draw.event_dim
        )
        with own_plates(draw):
            value = pyro.sample(draw.name, q, infer={"exact_conditional": True})  # type: ignore[arg-type]
        noise, start = torch.cat([noise, q.whiten(value)], -1), stop


def sample_frames(layout: Layout, draw: Draw, q: dist.Normal) -> Tensor:
    """Draw a site of frames from its entries of q(h); inside the plate over clips."""
    loc, scale = layout.take(q.loc, draw), layout.take(q.scale, draw)
    with own_plates(draw):
        return pyro.sample(draw.name, dist.Normal(loc, scale).to_event(draw.event_dim))


@contextmanager
def own_plates(draw: Draw) -> Iterator[None]:
    """Open the plates that the prior draws a site under."""
    with ExitStack() as stack:
        for name, dim, size in draw.plates:
            stack.enter_context(pyro.plate(name, size, dim=dim))
        yield
