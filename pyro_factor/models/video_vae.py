"""The video VAE: a factored prior and a decoder as a Pyro model, a neural guide (eqs. 5, 12)."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, TypeVar

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Bool, Float
from pyro import poutine
from pyro.nn import PyroModule
from torch import Tensor, nn

from ..errors import require
from .glimpse import default_decoder, default_encoder
from .images import PIXELS
from .latent_posterior import LatentPosterior, global_posterior, smooth
from .networks import ImageShape, check_sizes
from .prior_reader import PriorReader
from .prior_sites import check_sites, check_support
from .program import (
    Prior,
    module_local,
)
from .registration import name_sites
from .shuffling_guide import ShufflingGuide
from .smoothing_guide import SmoothingGuide
from .video_guide import VideoGuide
from .video_model import VideoModel

GUIDES: Mapping[str, type[VideoGuide]] = MappingProxyType(
    {kind.name: kind for kind in (VideoGuide, SmoothingGuide, ShufflingGuide)}
)
Kind = TypeVar("Kind", bound="VideoVAE")


class VideoVAE(nn.Module):
    """A VAE of clips whose prior is any Pyro model function.

    Args:
        prior: Samples, and returns the per-frame code h, (..., N, D); see `models.priors`.
        num_frames: N of the clips it is usually given; model and guide accept any number.
        beta: Weight of the KL term (eq. 5).
        guide: "independent", a Normal for every frame (eq. 12); "smoothing", which combines them
            with the prior's Gaussian form and so keeps the correlations between frames; or
            "shuffling", which in training exchanges the static codes of a clip's frames.
        encoder: From images (M, C, H, W) to loc and scale, (M, D) each; default `Encoder`, or
            `GlimpseEncoder`.
        decoder: From codes (M, D) to logits, or means of Gaussian pixels, (M, C, H, W);
            default `Decoder`, or `GlimpseDecoder`.
        image_shape: (channels, height, width) of a frame.
        pixels: "bernoulli", in [0, 1], or "gaussian".
        pixel_scale: Standard deviation of a Gaussian pixel.
        channels: Channels of the default networks' stages.
        hidden: Units of the default networks' linear layers.
        frequencies: Octaves of `FourierFeatures` before the default decoder; none in the paper.
        glimpse: Pixels across the window that the default networks see and draw, wherever it lies;
            0, the paper's, for the whole frame.

    Raises:
        InputError: An argument is out of range, or the prior fails or returns another shape.
        NotGaussianPrior: The prior isn't linear-Gaussian, and has global draws or a smoothing
            guide; the draw is named.
    """

    def __init__(
        self,
        prior: Prior,
        num_frames: int = 16,
        *,
        beta: float = 1.0,
        guide: str = "independent",
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        image_shape: ImageShape = (1, 64, 64),
        pixels: str = "bernoulli",
        pixel_scale: float = 0.1,
        channels: Sequence[int] = (16, 32, 64, 128),
        hidden: int = 256,
        frequencies: int = 0,
        glimpse: int = 0,
    ) -> None:
        super().__init__()
        require(callable(prior), "prior", prior, "give a Pyro model function")
        whole = isinstance(num_frames, Integral) and num_frames > 0
        require(whole, "num_frames", num_frames, "give a whole number of 1 or more")
        _check_beta(beta)
        require(guide in GUIDES, "guide", guide, f"choose from {', '.join(GUIDES)}")
        check_sizes(image_shape, channels, hidden, frequencies, glimpse)
        require(pixels in PIXELS, "pixels", pixels, f"choose from {', '.join(PIXELS)}")
        self.images = PIXELS[pixels](image_shape, pixel_scale)
        self.num_frames, self.image_shape = num_frames, image_shape
        self.channels, self.hidden = tuple(channels), hidden
        self.frequencies, self.glimpse = frequencies, glimpse
        if isinstance(prior, PyroModule):
            name_sites(prior, "prior")  # before it is read, for its PyroSamples have it in theirs
        sites = check_sites(prior, num_frames)
        reader = PriorReader(prior)
        layout = reader.layout(num_frames)
        reader.check(num_frames)
        for draw in layout.frame_draws:
            check_support(sites.get(draw.name))
        GUIDES[guide].check(reader, num_frames)
        self.num_features = layout.num_features
        self.default_networks = encoder is None and decoder is None  # others may have other sizes
        frames = (self.num_features, image_shape, glimpse)
        sizes: dict[str, Any] = {"channels": self.channels, "hidden": hidden}
        # a PyroModule made with this setting also works without it, but not the other way round
        with module_local(*(part for part in (encoder, decoder) if part is not None)):
            dark = self.images.dark
            decoder = decoder or default_decoder(*frames, dark, frequencies=frequencies, **sizes)
            encoder = encoder or default_encoder(*frames, **sizes)
            self.model = VideoModel(reader, decoder, beta, self.images)
            self.guide = GUIDES[guide](reader, encoder, beta, self.images)

    @classmethod
    def from_pretrained(cls: type[Kind], name: str) -> Kind:
        """Load a trained model that comes with the package.

        Args:
            name: One of `pretrained_names()`, such as "bouncing-mnist-2".

        Returns:
            The model in evaluation mode, on the CPU.

        Raises:
            InputError: There is no such model, or its file is damaged.
        """
        from .pretrained import read_pretrained

        return read_pretrained(name).vae(cls)

    @staticmethod
    def pretrained_names() -> list[str]:
        """The names that `from_pretrained` knows."""
        from .pretrained import pretrained_names

        return pretrained_names()

    @property
    def prior(self) -> Prior:
        """The prior, as it was given."""
        return self.model.reader.prior

    @property
    def beta(self) -> float:
        """The weight of the KL term (eq. 5), which may be set to another."""
        return self.model.beta

    @beta.setter
    def beta(self, beta: float) -> None:
        _check_beta(beta)
        self.model.beta = self.guide.beta = beta

    @property
    def settings(self) -> dict[str, Any]:
        """The keywords that describe such a model, but for its networks and the frames' shape."""
        return {
            "beta": float(self.beta),
            "guide": self.guide.name,
            "pixels": self.images.name,
            "pixel_scale": float(self.images.scale),
            "channels": self.channels,
            "hidden": self.hidden,
            "frequencies": self.frequencies,
            "glimpse": self.glimpse,
        }

    @property
    def factors(self) -> dict[str, list[int]]:
        """Columns of h by draw, such as {"hs": [0, 1], "ht": [2, 3]}."""
        return self.model.reader.factors(self.num_frames)

    @property
    def max_plate_nesting(self) -> int:
        """Plate dimensions of the pair: one for the clips, and the prior's own."""
        return 1 + self.model.reader.layout(self.num_frames).plate_nesting

    def encode(self, videos: Float[Tensor, "..."]) -> dist.Normal:
        """Return the guide's Normal over h, .loc and .scale (B, N, D) (eq. 12).

        Args:
            videos: Clips (B, N, C, H, W) of any number of frames.

        Raises:
            InputError: The clips have another shape or range.
        """
        return self.guide.encode(videos)

    def decode(
        self, h: Float[Tensor, "*videos frames features"]
    ) -> Float[Tensor, "*videos frames channels height width"]:
        """Return the means of the pixels of codes (..., N, D).

        Raises:
            InputError: The codes have another number of features, or are no floats.
        """
        shape, advice = tuple(h.shape), f"give codes (..., frames, {self.num_features})"
        fits = len(shape) > 1 and 0 not in shape and shape[-1] == self.num_features
        require(fits, "h", shape, advice)
        require(h.is_floating_point(), "h", h.dtype, "give floats")
        return self.images.mean(self.model.outputs(h))

    def smooth(
        self,
        videos: Float[Tensor, "..."],
        num_frames: int | None = None,
        seen: Bool[Tensor, "frames"] | None = None,
    ) -> LatentPosterior:
        """Return the codes' joint posterior: the prior times the guide's factor of each seen frame.

        Args:
            videos: Clips (B, N, C, H, W).
            num_frames: Frames to answer for; those after the clips' own are predicted.
            seen: Which of the clips' frames count, (N,); the others are imputed. All unless given.

        Returns:
            A joint Gaussian for each clip, its loc (B, num_frames, D).

        Raises:
            InputError: Clips of another shape or range, fewer frames than they have, or a mask
                that isn't one truth value for each.
            NotGaussianPrior: The prior has no Gaussian form; the draw is named.
        """
        q = self.guide.recognise(videos)
        num_frames = videos.shape[1] if num_frames is None else num_frames
        advice = f"give {videos.shape[1]}, the frames of the clips, or more"
        require(num_frames >= videos.shape[1], "num_frames", num_frames, advice)
        mask = isinstance(seen, Tensor) and seen.dtype == torch.bool
        fits = seen is None or (mask and seen.shape == videos.shape[1:2])
        require(fits, "seen", seen, f"give a tensor of {videos.shape[1]} truth values")
        return smooth(self.model.reader.form(num_frames), q.loc, q.scale, seen)

    def global_posterior(self, videos: Float[Tensor, "..."]) -> dict[str, LatentPosterior]:
        """Return what the guide believes of each global draw, such as hs0.

        Args:
            videos: Clips (B, N, C, H, W).

        Returns:
            A joint Gaussian over each draw's entries, by its name, for each clip.

        Raises:
            InputError: Clips of another shape or range.
            NotGaussianPrior: The prior isn't Gaussian; the draw is named.
        """
        q, num_frames = self.guide.posterior(videos), videos.shape[1]
        places = self.model.reader.layout(num_frames).global_places
        if not places:
            return {}
        found = global_posterior(self.model.reader.conditional(num_frames), q)
        return {
            name: LatentPosterior(found.loc[..., at], found.covariance[..., at, at])
            for name, at in places.items()
        }

    def sample_prior(
        self, num_videos: int, num_frames: int | None = None
    ) -> Float[Tensor, "videos frames features"]:
        """Draw codes of some clips from the prior.

        Args:
            num_videos: Clips.
            num_frames: Frames of each; the model's unless given.

        Raises:
            InputError: No clips, or no frames.
        """
        require(num_videos >= 1, "num_videos", num_videos, "give 1 or more")
        num_frames = self.num_frames if num_frames is None else num_frames
        reader = self.model.reader
        sample = reader.sampler(num_frames, self.model.like)
        local = pyro.settings.context(module_local_params=True)
        with local, poutine.block(), reader.clips(num_videos, num_frames):
            return sample()


def _check_beta(beta: float) -> None:
    number = isinstance(beta, Real) and 0 < beta < float("inf")
    require(number, "beta", beta, "give a positive, finite weight")
