"""Dense covariances over frames, (N, N), of one feature of each Gaussian prior of the gallery."""

import math

import numpy as np
from oracles import frame_major, static_covariance, walk_covariance
from scipy.integrate import quad
from scipy.linalg import block_diag, toeplitz
from scipy.special import gamma, kv
from scipy.stats import norm


def multi_rate(num_frames, features=1, scales=(0.03, 0.1, 0.3)):
    """Cov(h), frame-major."""
    return frame_major([walk_covariance(num_frames, s) for s in scales for _ in range(features)])


def damped(num_frames, damping=0.9, scale=0.1):
    """(I - A) h = s ε, so that Cov(h) = (I - A)⁻¹ s² (I - A)⁻ᵀ."""
    inverse = np.linalg.inv(np.eye(num_frames) - damping * np.eye(num_frames, k=-1))
    variances = np.where(np.arange(num_frames) == 0, 1, scale**2)
    return inverse @ np.diag(variances) @ inverse.T


def ornstein_uhlenbeck(num_frames, length_scale=8.0):
    return toeplitz(np.exp(-np.arange(num_frames) / length_scale))


def integrated(num_frames, velocity=0.1, acceleration=0.03):
    """h_i = h_1 + (i - 1) v ε_2 + a Σ_{j=3}^i (i - j + 1) ε_j."""
    i = np.arange(num_frames)
    response = acceleration * np.maximum(i[:, None] - i + 1, 0.0)
    response[:, :1] = 1.0
    response[:, 1:2] = velocity * i[:, None]
    return response @ response.T


def autoregressive(num_frames, coefficients=(1.7, -0.9), terms=5_000):
    """h_i = σ Σ_k ψ_k ε_{i-k}, so that Cov(h_i, h_{i+j}) ∝ Σ_k ψ_k ψ_{k+j}."""
    psi = [1.0]
    for _ in range(terms):
        psi.append(sum(a * p for a, p in zip(coefficients, psi[::-1], strict=False)))
    psi = np.array(psi)
    products = np.array([psi[: len(psi) - j] @ psi[j:] for j in range(num_frames)])
    return toeplitz(products / products[0])


def gp_rbf(num_frames, length_scale=4.0, noise=0.1):
    lag = np.arange(num_frames)
    return toeplitz(np.exp(-(lag**2) / (2 * length_scale**2))) + noise**2 * np.eye(num_frames)


def gp_matern(num_frames, smoothness=1.5, length_scale=4.0, noise=0.1):
    """2^{1-ν} / Γ(ν) r^ν K_ν(r), with K the modified Bessel function."""
    r = np.arange(1, num_frames) * math.sqrt(2 * smoothness) / length_scale
    kernel = 2 ** (1 - smoothness) / gamma(smoothness) * r**smoothness * kv(smoothness, r)
    return toeplitz([1.0, *kernel]) + noise**2 * np.eye(num_frames)


def gp_periodic(num_frames, period=8.0, length_scale=1.0, noise=0.1):
    # 2 sin²(x) = 1 - cos(2x)
    turn = 2 * math.pi * np.arange(num_frames) / period
    kernel = np.exp((np.cos(turn) - 1) / length_scale**2)
    return toeplitz(kernel) + noise**2 * np.eye(num_frames)


def fractional_brownian(num_frames, hurst=0.9, scale=0.1):
    t = np.arange(num_frames, dtype=float)
    power = t ** (2 * hurst)
    apart = np.abs(t[:, None] - t) ** (2 * hurst)
    return 1 + 0.5 * scale**2 * (power[:, None] + power - apart)


def brownian_bridge(num_frames, scale=2.0):
    """A walk of N + 1 steps of variance scale² / (N + 1), given that it ends at zero."""
    i = np.arange(1, num_frames + 2)
    walk = scale**2 / (num_frames + 1) * np.minimum.outer(i, i)
    return walk[:-1, :-1] - np.outer(walk[:-1, -1], walk[-1, :-1]) / walk[-1, -1]


def groups(num_frames, clips=2, static=2, temporal=2, clip_scale=0.5, scale=0.1):
    """Cov(h), frame-major."""
    length = num_frames // clips
    one_clip = clip_scale**2 + scale**2 * np.eye(length)
    statics = 1 + block_diag(*[one_clip] * clips)
    temporals = block_diag(*[walk_covariance(length, scale)] * clips)
    return frame_major([statics] * static + [temporals] * temporal)


def factored_autoregressive(
    num_frames, static=2, temporal=2, scale=0.1, coefficients=(1.82, -0.87)
):
    """Cov(h), frame-major."""
    features = [static_covariance(num_frames, scale)] * static
    return frame_major(features + [autoregressive(num_frames, coefficients)] * temporal)


def normal_expectation(function, loc, scale):
    """E[function(X)], X ~ N(loc, scale²), by quadrature; the function may have a corner at 0."""
    ends = loc - 12 * scale, loc + 12 * scale
    points = [0.0] if ends[0] < 0 < ends[1] else None
    value, _ = quad(
        lambda x: function(x) * norm.pdf(x, loc, scale), *ends, points=points, epsabs=1e-12
    )
    return value
