"""Slow, independent answers: dense Gaussians, Monte Carlo, the paper's formulas as printed."""

import math

import numpy as np
import torch
from scipy.stats import multivariate_normal


def static_covariance(num_frames, scale):
    """Cov(hs) of one feature: hs_i = hs0 + σs ε_i."""
    return np.ones((num_frames, num_frames)) + scale**2 * np.eye(num_frames)


def walk_covariance(num_frames, scale):
    """Cov(ht) of one feature: Cov(h_i, h_j) = 1 + (min(i, j) - 1) σt²."""
    i = np.arange(num_frames)
    return 1.0 + np.minimum.outer(i, i) * scale**2


def frame_major(features):
    """Cov(h) of independent features with these covariances over frames, (D, N, N)."""
    size, num_frames = len(features), len(features[0])
    covariance = np.zeros((num_frames, size, num_frames, size))
    for d, block in enumerate(features):
        covariance[:, d, :, d] = block
    return covariance.reshape(num_frames * size, num_frames * size)


def factored_covariance(num_frames, static=2, temporal=2, static_scale=0.1, temporal_scale=0.1):
    """Cov(h) of the factored prior, frame-major."""
    features = [static_covariance(num_frames, static_scale)] * static
    return frame_major(features + [walk_covariance(num_frames, temporal_scale)] * temporal)


def slow_covariance(num_frames, features=4, temporal_scale=0.1):
    return np.kron(walk_covariance(num_frames, temporal_scale), np.eye(features))


def independent_covariance(num_frames, features=4):
    return np.eye(num_frames * features)


def dense_log_prob(values, covariance):
    """log N(values | 0, covariance) of each feature, summed; values (N, F)."""
    normal = multivariate_normal(np.zeros(len(covariance)), covariance)
    return sum(normal.logpdf(np.asarray(values[:, j])) for j in range(values.shape[1]))


def dense_kl(loc, scale, covariance):
    """KL(N(loc, diag(scale²)) ‖ N(0, covariance)) of vectors, by the textbook formula."""
    precision = np.linalg.inv(covariance)
    _, log_determinant = np.linalg.slogdet(covariance)
    trace = np.sum(np.diag(precision) * scale**2)
    quadratic = loc @ precision @ loc
    return 0.5 * (trace + quadratic - len(loc) + log_determinant - np.sum(np.log(scale**2)))


def paper_log_prob_static(hs, static_scale):
    """Eqs. 10 and 11 as printed, the constant's mistake included; hs (N, F)."""
    num_frames, num_features = hs.shape
    variance = static_scale**2
    mean, mean_square = hs.mean(0), (hs**2).mean(0)
    quadratic = (mean_square - mean**2) / (variance / num_frames)
    quadratic = quadratic + mean**2 / (variance / num_frames + 1)
    log_constant = (
        0.5 * (num_frames - 1) * math.log(1 / (2 * math.pi))
        + 0.5 * math.log((variance / num_frames) / variance**num_frames)
        + 0.5 * math.log(1 / (2 * math.pi * (variance + 1)))
    )
    return float(num_features * log_constant - 0.5 * quadratic.sum())


def monte_carlo_kl(loc, scale, log_prior, relative_error=0.01, batch=200_000):
    """KL by sampling, until its standard error is below a part of its value.

    Returns the estimate and its standard error. `log_prior` maps (batch, N, D) to (batch,).
    """
    q = torch.distributions.Normal(loc, scale)
    values = []
    while True:
        h = q.sample((batch,))
        values.append((q.log_prob(h).sum((-2, -1)) - log_prior(h)).numpy())
        samples = np.concatenate(values)
        error = samples.std() / math.sqrt(len(samples))
        if error < relative_error * abs(samples.mean()):
            return samples.mean(), error
