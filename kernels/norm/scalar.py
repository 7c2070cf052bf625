"""Normalization of one element, written once and compiled by both targets.

xhat = (x - mean) / deviation, deviation = sqrt(variance + eps), y = weight xhat + bias.
"""

import math

import numpy as np

from ..core.scalar_math import INFINITY, ONE, ZERO, inlined

SMALLEST = np.float32(2.0**-100)
"""Variances above it have all their digits in float32."""


@inlined
def inverse_deviation(one, variance, eps):
    """1 / sqrt(variance + eps) in the type of `one`."""
    return one / math.sqrt(variance + eps)


@inlined
def spread_about(offset, square):
    """square - offset^2, at least 0: a variance from the mean of differences and of their squares.

    Infinite where the squares are and the differences are not.
    """
    spread = square - offset * offset
    if square == INFINITY and abs(offset) < INFINITY:
        return square
    return ZERO if spread < ZERO else spread


@inlined
def has_lost_digits(variance, eps, of_x):
    """Whether a variance has overflowed, or variance + eps is so small that the variance of x has lost digits."""
    return (not variance < INFINITY) or (of_x and variance + eps < SMALLEST)


@inlined
def scaled_inverse_deviation(inverse, square, largest, eps):
    """1 / sqrt(variance + eps) for a variance of largest^2 square, which has no number; else the inverse given.

    That is for differences from the mean that are all 0; NaN where one is infinite or NaN.
    """
    scaled = ONE / math.sqrt(square + eps / largest / largest) / largest
    return inverse if largest == ZERO else (scaled if largest < INFINITY else largest - largest)


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
    """Count, mean and sum of squared deviations of the union of two parts (Chan, Golub and LeVeque, 1983).

    Counts and squares may both be shares of a whole: its sum of squares overflows before its variance does.
    """
    total = count + other_count
    share = other_count / total if total > ZERO else ZERO
    gap = other_mean - mean
    step = gap * share  # of an empty part nothing counts, though the square of the gap may be infinite
    return total, mean + step, square + other_square + step * (gap * count)


@inlined
def moved(running, value, momentum):
    """(1 - momentum) running + momentum value: the update of a running statistic."""
    return (ONE - momentum) * running + momentum * value
