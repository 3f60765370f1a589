"""Priors as Pyro functions, their Gaussian form, the networks, and the video VAE."""

from . import gallery, priors
from .autoregression import GaussianAutoregression
from .closed_forms import REGISTRY, closed_form
from .errors import DegeneratePrior, InvalidPairError, NotGaussianPrior
from .gaussian_conditional import GaussianConditional
from .gaussian_form import GaussianForm, gaussian_form
from .glimpse import GlimpseDecoder, GlimpseEncoder
from .mean_field_guide import MeanFieldGuide
from .networks import Decoder, Encoder
from .random_walk import GaussianRandomWalk
from .shuffling_guide import ShufflingGuide
from .smoothing_guide import SmoothingGuide
from .video_vae import VideoVAE

__all__ = [
    "REGISTRY",
    "Decoder",
    "DegeneratePrior",
    "Encoder",
    "GaussianAutoregression",
    "GaussianConditional",
    "GaussianForm",
    "GaussianRandomWalk",
    "GlimpseDecoder",
    "GlimpseEncoder",
    "InvalidPairError",
    "MeanFieldGuide",
    "NotGaussianPrior",
    "ShufflingGuide",
    "SmoothingGuide",
    "VideoVAE",
    "closed_form",
    "gallery",
    "gaussian_form",
    "priors",
]
