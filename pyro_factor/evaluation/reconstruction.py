"""How near decoded frames are to real ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, conv2d

from ..errors import require

WINDOW, WIDTH = 11, 1.5  # of SSIM, in pixels
C1, C2 = 0.01**2, 0.03**2
Frames = Float[Tensor, "frames channels height width"]


@dataclass(frozen=True)
class Likeness:
    """Means over frames.

    Args:
        psnr: Peak signal-to-noise ratio, dB.
        ssim: Structural similarity, at most 1.
        bce: Binary cross-entropy, nats per frame.
    """

    psnr: float
    ssim: float
    bce: float


def likeness(decoded: Frames, real: Frames) -> Likeness:
    """Compare frames, pixels in [0, 1].

    Args:
        decoded: Frames; what lies outside [0, 1] is cut off.
        real: The frames they should be.

    Returns:
        The means over the frames.

    Raises:
        InputError: Frames smaller than SSIM's window of 11 pixels.
    """
    decoded = decoded.clamp(0, 1)
    error = (decoded - real).square().mean((1, 2, 3)).clamp_min(1e-10)  # 100 dB at most
    bce = binary_cross_entropy(decoded, real, reduction="none").sum((1, 2, 3))
    means = (-10 * error.log10()).mean(), ssim(decoded, real).mean(), bce.mean()
    return Likeness(*map(float, means))


def ssim(a: Frames, b: Frames) -> Float[Tensor, "frames"]:
    """Structural similarity of frames, by a Gaussian window inside the frame.

    Args:
        a: Frames, pixels in [0, 1].
        b: Others.

    Returns:
        For each frame, the mean over pixels and channels.

    Raises:
        InputError: Frames smaller than the window of 11 pixels.

    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity".
    """
    advice = f"give frames of {WINDOW} pixels or more each way"
    require(min(a.shape[-2:]) >= WINDOW, "frames", tuple(a.shape), advice)
    maps = torch.stack([a, b, a * a, b * b, a * b])
    single = maps.flatten(0, 2).unsqueeze(1)
    window = _window().to(a)
    blurred = conv2d(conv2d(single, window[None, None, :, None]), window[None, None, None])
    mean_a, mean_b, aa, bb, ab = blurred[:, 0].unflatten(0, maps.shape[:3])
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    covariance, variances = ab - mean_a * mean_b, aa - mean_a**2 + bb - mean_b**2
    return (luminance * (2 * covariance + C2) / (variances + C2)).mean((1, 2, 3))


def _window() -> Tensor:
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-0.5 * (offsets / WIDTH) ** 2)
    return weights / weights.sum()
