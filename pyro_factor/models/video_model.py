"""The generative half: codes from the prior, Bernoulli pixels from the codes."""

from collections.abc import Mapping

import pyro
import pyro.distributions as dist
from jaxtyping import Float
from pyro import poutine
from pyro.nn import PyroModule
from torch import Tensor, nn

from .networks import ImageShape, full_precision
from .prior_reader import PriorReader
from .videos import Videos, check_videos


class VideoModel(PyroModule):
    """p(h) p(x | h), called on clips x of shape (B, N, C, H, W) in [0, 1].

    Args:
        reader: The prior, read.
        decoder: From codes (M, D) to logits (M, C, H, W).
        beta: Weight of the latent draws (eq. 5).
        image_shape: (C, H, W).
    """

    def __init__(
        self, reader: PriorReader, decoder: nn.Module, beta: float, image_shape: ImageShape
    ) -> None:
        super().__init__()
        self.reader, self.beta, self.image_shape = reader, beta, image_shape
        if isinstance(reader.prior, nn.Module):
            # so that its parameters train; it has been run, so it can't become a PyroModule's own
            self.add_module("prior", reader.prior)
        self.decoder = decoder

    def forward(self, videos: Videos) -> Float[Tensor, "*particles videos frames features"]:
        """Sample h from the prior and observe the clips as `x`; return h.

        Raises:
            InputError: The clips have another shape or range.
        """
        check_videos(videos, self.image_shape)
        num_videos, num_frames = videos.shape[:2]
        sample = self.reader.sampler(num_frames, like=next(self.decoder.parameters()))
        with self.reader.clips(num_videos, num_frames):
            with poutine.scale(scale=self.beta):
                h = sample()
            self.observe(videos, h)
        return h

    def observe(
        self, videos: Videos, h: Float[Tensor, "*particles videos frames features"]
    ) -> None:
        """Observe the clips as `x` given their codes; inside the plate over clips."""
        num_videos, num_frames = videos.shape[:2]
        # one dimension for each plate of the prior, all of them right of the clips' plate
        logits, ones = self.logits(h), (1,) * self.reader.layout(num_frames).plate_nesting
        logits = logits.reshape(*logits.shape[:-4], *ones, *logits.shape[-4:])
        # grey pixels lie outside a Bernoulli's support; their log-density is cross-entropy
        pixels = dist.Bernoulli(logits=logits, validate_args=False).to_event(4)
        pyro.sample("x", pixels, obs=videos.reshape(num_videos, *ones, *videos.shape[1:]))

    def logits(
        self, h: Float[Tensor, "*videos frames features"]
    ) -> Float[Tensor, "*videos frames channels height width"]:
        """Decode codes, frame by frame, to logits in at least float32."""
        return full_precision(self.decoder(h.flatten(0, -2))).unflatten(0, h.shape[:-1])

    def expected_log_prior(
        self, normals: Mapping[str, tuple[Tensor, Tensor]], videos: Videos
    ) -> dict[str, Float[Tensor, "*videos"]]:
        """Return E_q[log p(h)] by terms, global draws integrated out: what `AnalyticKL_ELBO` asks.

        Args:
            normals: The guide's loc and scale of each draw of frames.
            videos: The clips the model is called on.

        Returns:
            Terms in nats per video.
        """
        layout = self.reader.layout(videos.shape[1])
        loc = layout.stack({name: loc for name, (loc, _) in normals.items()})
        scale = layout.stack({name: scale for name, (_, scale) in normals.items()})
        return self.reader.expected_log_prior(loc, scale)


class PriorAlone(VideoModel):
    """A model without its likelihood: what is left of its ELBO is minus the KL."""

    def observe(
        self, videos: Videos, h: Float[Tensor, "*particles videos frames features"]
    ) -> None:
        """Observe nothing."""
