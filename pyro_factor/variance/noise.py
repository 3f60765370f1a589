"""How noisy gradients are, with intervals: pure functions of arrays of draws.

x has shape (draws, clips, entries): the gradient of each clip's loss, or coordinates of it that
keep inner products. Variances are total ones, summed over the entries, and of one clip; a batch of
B clips has 1/B of them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..evaluation.intervals import Estimate, bare, independent_ratio, mean, positive

Gradients = Float[np.ndarray, "draws clips _"]


@dataclass(frozen=True)
class Variance:
    """A total variance, and what each draw had to do with it.

    Args:
        value: The variance.
        contributions: Whose mean it is, (draws,).
    """

    value: float
    contributions: Float[np.ndarray, "draws"]

    @property
    def estimate(self) -> Estimate:
        """The variance with its interval."""
        return positive(self.value, self.influence)

    @property
    def influence(self) -> Float[np.ndarray, "draws"]:
        """What each draw adds to the variance's logarithm, times the number of draws."""
        return self.contributions / self.value if self.value > 0 else 0 * self.contributions


def latent_variance(x: Gradients) -> Variance:
    """The variance over draws of one clip's gradient, the mean over these clips.

    Args:
        x: Gradients, of two draws or more.
    """
    draws, x = len(x), x - x[0]  # so that what has no noise has none of rounding either
    distances = np.square(x - x.mean(0)).sum(-1).mean(1) * draws / (draws - 1)
    return Variance(float(distances.mean()), distances)


def clip_variance(x: Gradients) -> Estimate:
    """The variance over clips of a clip's mean gradient: what minibatches add.

    Unbiased: the draws' share, their variance over their number, is taken out.

    Args:
        x: Gradients of two clips or more.
    """
    draws, clips = x.shape[:2]
    means = x.mean(0)
    rest = latent_variance(x).value / draws if draws > 1 else 0.0
    distances = np.square(means - means.mean(0)).sum(-1) * clips / (clips - 1) - rest
    value = float(distances.mean())
    return positive(value, distances / value) if value > 0 else bare(value)


def signal(x: Gradients) -> Estimate:
    """The squared norm of the expected gradient: the noise's own share is taken out."""
    draws, clips = x.shape[:2]
    batch = x.mean(1)
    centre = batch.mean(0)
    share = latent_variance(x).value / (draws * clips) if draws > 1 else 0.0
    value = float(np.square(centre).sum()) - share
    if value <= 0:
        return bare(0.0)
    # d ‖m‖² = 2 m · dm
    return positive(value, 2 * (batch - centre) @ centre / value)


def signal_to_noise(x: Gradients) -> Estimate:
    """The norm of the expected gradient over the standard deviation of one clip's over draws."""
    value, variance = signal(x), latent_variance(x)
    if value.value == 0:
        return bare(0.0)
    if variance.value == 0:
        return Estimate(np.inf, np.inf, np.inf)
    return Estimate(*(float(np.sqrt(end)) for end in independent_ratio(value, variance.estimate)))


def ratio(a: Variance, b: Variance) -> Estimate:
    """How many times b's variance a's is; pairwise where both have the same draws."""
    if b.value == 0:
        return Estimate(np.inf, np.inf, np.inf) if a.value else Estimate(np.nan, np.nan, np.nan)
    if a.value == 0:
        return Estimate(0.0, 0.0, 0.0)
    if len(a.contributions) == len(b.contributions):
        return positive(a.value / b.value, a.influence - b.influence)
    return independent_ratio(a.estimate, b.estimate)


def value_bias(values: Float[np.ndarray, "draws"], truth: float) -> Estimate:
    """How far the mean of some values is from the true one, with its interval."""
    return mean(values - truth)
