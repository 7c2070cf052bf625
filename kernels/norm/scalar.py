"""The mathematics of normalising one element, written once and compiled by both targets.

xhat = (x - mean) / deviation, deviation = sqrt(variance + eps), y = weight xhat + bias.
"""

import math

from ..core.scalar_math import ONE, ZERO, inlined


@inlined
def inverse_deviation(one, variance, eps):
    """1 / sqrt(variance + eps); the 1 has the arrays' type, as a root of float32 is float32's."""
    return one / math.sqrt(variance + eps)


@inlined
def normalized(x, mean, scale, bias):
    """(x - mean) scale + bias: the difference first, so that a large mean costs no digits."""
    return (x - mean) * scale + bias


@inlined
def normalized_grad(dy, x, mean, inverse, weight, mean_dy, mean_dyx):
    """(weight dy - mean(weight dy) - xhat mean(weight dy xhat)) / deviation, the means over what x was normalised with.

    The last two terms are what the statistics, sums over x themselves, hand back.
    """
    return (weight * dy - mean_dy - (x - mean) * inverse * mean_dyx) * inverse


@inlined
def merged(count, mean, square, more, its_mean, its_square):
    """Count, mean and sum of squared deviations of two parts together (Chan, Golub and LeVeque, 1983)."""
    total = count + more
    share = more / total if total > ZERO else ZERO
    gap = its_mean - mean
    return total, mean + gap * share, square + its_square + gap * gap * count * share


@inlined
def moved(running, value, momentum):
    """The running statistic, moved towards a batch's: (1 - momentum) running + momentum value."""
    return (ONE - momentum) * running + momentum * value
