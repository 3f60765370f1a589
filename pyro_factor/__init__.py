"""The workbench for factored temporal priors in Pyro."""

from .data import BouncingDigits
from .errors import InputError
from .evaluation import evaluate
from .inference import AnalyticKL_ELBO, load, train
from .models import GaussianForm, NotGaussianPrior, VideoVAE, gaussian_form, priors

__all__ = [
    "AnalyticKL_ELBO",
    "BouncingDigits",
    "GaussianForm",
    "InputError",
    "NotGaussianPrior",
    "VideoVAE",
    "evaluate",
    "gaussian_form",
    "load",
    "priors",
    "train",
]
