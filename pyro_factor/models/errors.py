"""What a prior, or a pair of model and guide, can be refused for."""

from ..errors import InputError


class NotGaussianPrior(InputError):
    """The prior is not linear-Gaussian: the message names the draw."""


class DegeneratePrior(InputError):
    """p(h) has no density: some combination of the entries of h is fixed."""


class InvalidPairError(ValueError):
    """An estimator was asked for a pair of model and guide on which it is not valid."""
