"""Normalization of one element, written once and compiled by both targets.

xhat = (x - mean) / deviation, deviation = sqrt(variance + eps), y = weight xhat + bias.
"""

import math

from ..core.scalar_math import ONE, ZERO, inlined


@inlined
def inverse_deviation(one, variance, eps):
    """1 / sqrt(variance + eps) in the type of `one`."""
    return one / math.sqrt(variance + eps)


@inlined
def normalized(x, mean, scale, bias):
    """(x - mean) scale + bias: the difference first, so that a large mean costs no digits."""
    return (x - mean) * scale + bias


@inlined
def normalized_grad(dy, x, mean, inverse, weight, mean_dy, mean_dyx):
    """(weight dy - mean(weight dy) - xhat mean(weight dy xhat)) / deviation, means over the set.

    The last two terms are the gradient through the statistics.
    """
    return (weight * dy - mean_dy - (x - mean) * inverse * mean_dyx) * inverse


@inlined
def merged(count, mean, square, other_count, other_mean, other_square):
    """Count, mean and sum of squared deviations of the union of two parts (Chan, Golub and LeVeque, 1983)."""
    total = count + other_count
    share = other_count / total if total > ZERO else ZERO
    gap = other_mean - mean
    return total, mean + gap * share, square + other_square + gap * gap * count * share


@inlined
def moved(running, value, momentum):
    """(1 - momentum) running + momentum value: the update of a running statistic."""
    return (ONE - momentum) * running + momentum * value
