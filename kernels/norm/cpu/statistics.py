"""Means, variances and deviations of sets on the CPU: one pass over x, which may be bfloat16 (uint16)."""

import numpy as np

from ...cpu.bfloat16 import element
from ...cpu.parallel import share, streaming
from ..scalar import has_lost_digits, inverse_deviation, moved, scaled_inverse_deviation, spread_about

SHIFT_ELEMENTS = 1024
"""Elements whose mean is subtracted before squares are summed."""


def moments(x, mean, variance):
    """mean[b] and variance[b] (biased) of x[:, b, :]."""
    if x.shape[2] == 1:
        _moments_of_columns(x.shape[1], x.size, x.reshape(x.shape[:2]), mean.reshape(-1), variance.reshape(-1))
    else:
        _moments(x.shape[1], x.size, x, mean.reshape(-1), variance.reshape(-1))


def inverse_deviations(x, mean, variance, eps, of_x, inverse):
    """inverse[b] = 1 / sqrt(variance[b] + eps), from x[:, b, :] where the variance is too large for its type.

    If the variances are those of x (of_x), also where one is too small for it.
    """
    _inverse_deviations(1, mean.size, x, mean.reshape(-1), variance.reshape(-1), eps, of_x, inverse.reshape(-1))


def move_running(mean, variance, momentum, unbias, running_mean, running_var):
    """running = (1 - momentum) running + momentum value, the variance made unbiased by its factor."""
    _move_running(1, mean.size, mean, variance, momentum, unbias, running_mean, running_var)


def _moments_body(x, mean, variance, thread, threads):
    """Sums of differences from the mean of the set's first elements, in float64: no offset costs digits."""
    first, last = share(x.shape[1], thread, threads)
    shifts, sums, squares = np.zeros(last - first), np.zeros(last - first), np.zeros(last - first)
    # shift of each set
    for b in range(first, last):
        sample, shift = x[0, b, :SHIFT_ELEMENTS], 0.0
        for i in range(sample.size):
            shift += element(sample, i)
        shifts[b - first] = shift / sample.size
    # sums of differences and of their squares
    for a in range(x.shape[0]):
        for b in range(first, last):
            row, shift, total, square = x[a, b], shifts[b - first], 0.0, 0.0
            for i in range(row.size):
                difference = np.float64(element(row, i)) - shift
                total += difference
                square += difference * difference
            sums[b - first] += total
            squares[b - first] += square
    # mean and biased variance
    terms = x.shape[0] * x.shape[2]
    for b in range(first, last):
        offset = sums[b - first] / terms
        mean[b] = shifts[b - first] + offset
        variance[b] = spread_about(offset, squares[b - first] / terms)


def _moments_of_columns_body(x, mean, variance, thread, threads):
    """_moments_body for x (A, B), a vector of sets at a time."""
    first, last = share(x.shape[1], thread, threads)
    shifts, sums, squares = np.zeros(last - first), np.zeros(last - first), np.zeros(last - first)
    # shift of each set
    rows = min(x.shape[0], SHIFT_ELEMENTS)
    for a in range(rows):
        row = x[a, first:last]
        for b in range(row.size):
            shifts[b] += element(row, b)
    for b in range(shifts.size):
        shifts[b] /= rows
    # sums of differences and of their squares
    for a in range(x.shape[0]):
        row = x[a, first:last]
        for b in range(row.size):
            difference = np.float64(element(row, b)) - shifts[b]
            sums[b] += difference
            squares[b] += difference * difference
    # mean and biased variance
    for b in range(shifts.size):
        offset = sums[b] / x.shape[0]
        mean[first + b] = shifts[b] + offset
        variance[first + b] = spread_about(offset, squares[b] / x.shape[0])


@streaming
def _inverse_deviations(x, mean, variance, eps, of_x, inverse, thread, threads):
    """x (A, B, L), statistics (B,)."""
    for b in range(mean.size):
        inverse[b] = inverse_deviation(inverse.dtype.type(1), variance[b], eps)
        if not has_lost_digits(variance[b], eps, of_x):
            continue
        # the largest difference from the mean
        largest = inverse.dtype.type(0)
        for a in range(x.shape[0]):
            for i in range(x.shape[2]):
                difference = abs(element(x[a, b], i) - mean[b])
                largest = difference if difference > largest or difference != difference else largest  # noqa: PLR0124
        # the mean square of the differences by that
        square = 0.0
        for a in range(x.shape[0]):
            for i in range(x.shape[2]):
                quotient = np.float64((element(x[a, b], i) - mean[b]) / largest)
                square += quotient * quotient
        square = inverse.dtype.type(square / (x.shape[0] * x.shape[2]))
        inverse[b] = scaled_inverse_deviation(inverse[b], square, largest, eps)


def _move_running_body(mean, variance, momentum, unbias, running_mean, running_var, thread, threads):
    first, last = share(mean.size, thread, threads)
    for c in range(first, last):
        running_mean[c] = moved(running_mean[c], mean[c], momentum)
        running_var[c] = moved(running_var[c], variance[c] * unbias, momentum)


_moments, _moments_of_columns = (
    streaming(body, fastmath={"reassoc", "nsz"}) for body in (_moments_body, _moments_of_columns_body)
)
_move_running = streaming(_move_running_body)
