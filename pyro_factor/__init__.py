"""The workbench for factored temporal priors in Pyro."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data import BouncingDigits, RotatingChairs, VideoClips
    from .errors import InputError
    from .evaluation import evaluate
    from .inference import AnalyticKL_ELBO, load, train
    from .models import GaussianForm, NotGaussianPrior, VideoVAE, gallery, gaussian_form, priors

# Imported when they are first used, so that a command's --help need not wait for torch.
_ROOMS = {
    "AnalyticKL_ELBO": "inference",
    "BouncingDigits": "data",
    "GaussianForm": "models",
    "InputError": "errors",
    "NotGaussianPrior": "models",
    "RotatingChairs": "data",
    "VideoClips": "data",
    "VideoVAE": "models",
    "evaluate": "evaluation",
    "gallery": "models",
    "gaussian_form": "models",
    "load": "inference",
    "priors": "models",
    "train": "inference",
}

__all__ = [
    "AnalyticKL_ELBO",
    "BouncingDigits",
    "GaussianForm",
    "InputError",
    "NotGaussianPrior",
    "RotatingChairs",
    "VideoClips",
    "VideoVAE",
    "evaluate",
    "gallery",
    "gaussian_form",
    "load",
    "priors",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
