"""The generative half: codes from the prior, pixels from the codes."""

from collections.abc import Mapping

import pyro
import torch
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from .errors import InvalidPairError
from .images import Images
from .latent_posterior import LatentPosterior
from .networks import full_precision
from .prior_reader import PriorReader
from .program import OBSERVED
from .registration import Registering
from .videos import Videos, check_output, check_videos, sizes


class VideoModel(Registering):
    """p(h) p(x | h), called on clips x of shape (B, N, C, H, W).

    Args:
        reader: The prior, read.
        decoder: From codes (M, D) to logits or means (M, C, H, W).
        beta: Weight of the latent draws (eq. 5).
        images: What a frame is.
    """

    def __init__(
        self, reader: PriorReader, decoder: nn.Module, beta: float, images: Images
    ) -> None:
        super().__init__(reader, beta, images)
        self.hold("decoder", decoder)

    def forward(self, videos: Videos) -> Float[Tensor, "*particles videos frames features"]:
        """Sample h from the prior and observe the clips as `x`; return h.

        Raises:
            InputError: The clips have another shape or range.
        """
        check_videos(videos, self.images)
        num_videos, num_frames = sizes(videos)
        sample = self.reader.sampler(num_frames, like=self.like)
        if self.registers:
            self.reader.register(num_frames)
            getattr(self, "prior", None)  # of a plain module Pyro hears when it is read
        with self.reader.clips(num_videos, num_frames):
            with poutine.scale(scale=self.beta):
                h = sample()
            self.observe(videos, h)
        return h

    @property
    def like(self) -> Tensor:
        """A tensor of the dtype and on the device of the codes that the decoder takes."""
        return next(self.network("decoder").parameters(), torch.empty(0))

    def observe(
        self, videos: Videos, h: Float[Tensor, "*particles videos frames features"]
    ) -> None:
        """Observe the clips as `x` given their codes; inside the plate over clips."""
        num_videos, num_frames = sizes(videos)
        # one dimension for each plate of the prior, all of them right of the clips' plate
        outputs, ones = self.outputs(h), (1,) * self.reader.layout(num_frames).plate_nesting
        outputs = outputs.reshape(*outputs.shape[:-4], *ones, *outputs.shape[-4:])
        pixels = self.images.pixels(outputs).to_event(4)
        pyro.sample(OBSERVED, pixels, obs=videos.reshape(num_videos, *ones, *videos.shape[1:]))

    def outputs(
        self, h: Float[Tensor, "*videos frames features"]
    ) -> Float[Tensor, "*videos frames channels height width"]:
        """Decode codes, frame by frame, in at least float32: logits or means of pixels.

        Raises:
            InputError: The decoder gives another shape than the frames'.
        """
        decoded = self.network("decoder")(h.flatten(0, -2).to(self.like.dtype))
        check_output("decoder", decoded, (h[..., 0].numel(), *self.images.shape))
        return full_precision(decoded).unflatten(0, h.shape[:-1])

    def expected_log_prior(
        self, normals: Mapping[str, tuple[Tensor, Tensor]], videos: Videos
    ) -> dict[str, Float[Tensor, "*videos"]]:
        """Return E_q[log p(h)] by terms, global draws integrated out: what `AnalyticKL_ELBO` asks.

        Args:
            normals: The guide's loc and scale of each draw of frames.
            videos: The clips the model is called on.

        Returns:
            Terms in nats per video.

        Raises:
            InvalidPairError: The guide draws a global itself.
        """
        layout = self.reader.layout(videos.shape[1])
        for name in normals.keys() & {draw.name for draw in layout.global_draws}:
            raise InvalidPairError(
                f"AnalyticKL_ELBO: the guide draws {name!r} from a Normal of its own, and this "
                'model integrates it out; draw it as vae.guide does, infer={"exact_conditional": '
                "True}, or use Trace_ELBO or TraceMeanField_ELBO"
            )
        loc = layout.stack({name: loc for name, (loc, _) in normals.items()})
        scale = layout.stack({name: scale for name, (_, scale) in normals.items()})
        return self.reader.expected_log_prior(loc, scale)

    def expected_log_prior_jointly(
        self, q: LatentPosterior, videos: Videos
    ) -> dict[str, Float[Tensor, "*videos"]]:
        """Return the same for a guide whose draws of frames are jointly Gaussian.

        Args:
            q: What the guide draws them from.
            videos: The clips the model is called on.

        Returns:
            One term, in nats per video.

        Raises:
            NotGaussianPrior: The prior has no Gaussian form; the draw is named.
        """
        form = self.reader.form(videos.shape[1])
        return {"prior": form.expected_log_prob_jointly(q.loc, q.covariance)}


class PriorAlone(VideoModel):
    """A model without its likelihood: what is left of its ELBO is minus the KL."""

    def observe(
        self, videos: Videos, h: Float[Tensor, "*particles videos frames features"]
    ) -> None:
        """Observe nothing."""
