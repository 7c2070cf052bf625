"""Normalization on the CPU: one pass for the statistics, one to normalize; a thread takes whole channels or rows.

Elements that share a mean and a variance are a set: a channel in batch normalization, a sample's group of channels in
group normalization. Reductions see x as (A, B, L) with the B sets x[:, b, :]. Passes that write see x as (N, C, L) and
statistics as (M, G): element (n, c) belongs to the set (n if M > 1 else 0, c // (C / G)).

Sums are taken in float64 and in a fixed order: accurate, and the same bits for any number of threads. Bytes a call:
every array once; some ten operations an element.
"""

import numpy as np

from ..cpu.parallel import share, streaming
from .scalar import inverse_deviation, moved, normalized, normalized_grad

SHIFT_ELEMENTS = 1024
"""Elements whose mean is subtracted before squares are summed."""


def moments(x, mean, variance):
    """mean[b] and variance[b] (biased) of x[:, b, :]."""
    _moments(x.shape[1], x.size, x, mean.reshape(-1), variance.reshape(-1))


def move_running(mean, variance, momentum, unbias, running_mean, running_var):
    """running = (1 - momentum) running + momentum value, the variance made unbiased by its factor."""
    _move_running(1, mean.size, mean, variance, momentum, unbias, running_mean, running_var)


def normalize(x, mean, variance, weight, bias, eps, y):
    """y = weight (x - mean) / sqrt(variance + eps) + bias."""
    weight, bias = _channel_values(x, weight, 1), _channel_values(x, bias, 0)
    _normalize(x.shape[0] * x.shape[1], x.size, x, mean, variance, weight, bias, eps, y)


def gradient_sums(dy, x, mean, variance, eps, dy_sums, dyx_sums):
    """dy_sums[b] = sum dy[:, b, :], dyx_sums[b] = sum (dy xhat)[:, b, :]; neighboring b may share statistics."""
    statistics = mean.reshape(-1), variance.reshape(-1)
    _gradient_sums(x.shape[1], 2 * x.size, dy, x, *statistics, eps, dy_sums.reshape(-1), dyx_sums.reshape(-1))


def set_means(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias):
    """mean_dy, mean_dyx (M, G) = sum_c weight[c] sums[m, c] / terms over a group; dweight, dbias = sums over m."""
    weight = np.ones(dy_sums.shape[1], dy_sums.dtype) if weight is None else weight
    _set_means(1, dy_sums.size, dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias)


def input_grad(dy, x, mean, variance, weight, eps, mean_dy, mean_dyx, dx):
    """dx = (weight dy - mean_dy - xhat mean_dyx) / sqrt(variance + eps)."""
    weight = _channel_values(x, weight, 1)
    _input_grad(x.shape[0] * x.shape[1], x.size, dy, x, mean, variance, weight, eps, mean_dy, mean_dyx, dx)


def _channel_values(x, values, default):
    """The values, or an array of the default for None."""
    return np.full(x.shape[1], default, x.dtype) if values is None else values


def _moments_body(x, mean, variance, thread, threads):
    """Sums of differences from the mean of the set's first elements, in float64: no offset costs digits."""
    first, last = share(x.shape[1], thread, threads)
    shifts, sums, squares = np.zeros(last - first), np.zeros(last - first), np.zeros(last - first)
    # shift of each set
    for b in range(first, last):
        sample, shift = x[0, b, :SHIFT_ELEMENTS], 0.0
        for i in range(sample.size):
            shift += sample[i]
        shifts[b - first] = shift / sample.size
    # sums of differences and of their squares
    for a in range(x.shape[0]):
        for b in range(first, last):
            row, shift, total, square = x[a, b], shifts[b - first], 0.0, 0.0
            for i in range(row.size):
                difference = np.float64(row[i]) - shift
                total += difference
                square += difference * difference
            sums[b - first] += total
            squares[b - first] += square
    # mean and biased variance
    terms = x.shape[0] * x.shape[2]
    for b in range(first, last):
        offset = sums[b - first] / terms
        spread = squares[b - first] / terms - offset * offset
        mean[b] = shifts[b - first] + offset
        variance[b] = 0.0 if spread < 0.0 else spread


def _move_running_body(mean, variance, momentum, unbias, running_mean, running_var, thread, threads):
    first, last = share(mean.size, thread, threads)
    for c in range(first, last):
        running_mean[c] = moved(running_mean[c], mean[c], momentum)
        running_var[c] = moved(running_var[c], variance[c] * unbias, momentum)


def _normalize_body(x, mean, variance, weight, bias, eps, y, thread, threads):
    first, last = share(x.shape[0] * x.shape[1], thread, threads)
    for row in range(first, last):
        n, c = row // x.shape[1], row % x.shape[1]
        m, g = n % mean.shape[0], c // (x.shape[1] // mean.shape[1])
        source, target, center = x[n, c], y[n, c], mean[m, g]
        scale, offset = weight[c] * inverse_deviation(x.dtype.type(1), variance[m, g], eps), bias[c]
        for i in range(source.size):
            target[i] = normalized(source[i], center, scale, offset)


def _gradient_sums_body(dy, x, mean, variance, eps, dy_sums, dyx_sums, thread, threads):
    """dy and x (A, B, L), mean and variance (B / sharing,), sums (B,); a thread takes sets b."""
    first, last = share(x.shape[1], thread, threads)
    sums, products = np.zeros(last - first), np.zeros(last - first)
    for a in range(x.shape[0]):
        for b in range(first, last):
            gradient, row, total, product = dy[a, b], x[a, b], 0.0, 0.0
            center = np.float64(mean[b // (x.shape[1] // mean.size)])
            for i in range(row.size):
                slope = np.float64(gradient[i])
                total += slope
                product += slope * (np.float64(row[i]) - center)
            sums[b - first] += total
            products[b - first] += product
    for b in range(first, last):
        dy_sums[b] = sums[b - first]
        dyx_sums[b] = products[b - first] * inverse_deviation(
            x.dtype.type(1), variance[b // (x.shape[1] // mean.size)], eps
        )


def _set_means_body(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias, thread, threads):
    """sums (M, C), means (M, G), weight, dweight and dbias (C,); a thread takes groups."""
    first, last = share(mean_dy.shape[1], thread, threads)
    channels = dy_sums.shape[1] // mean_dy.shape[1]
    for g in range(first, last):
        dweight[g * channels : (g + 1) * channels] = 0
        dbias[g * channels : (g + 1) * channels] = 0
        for m in range(dy_sums.shape[0]):
            total, product = 0.0, 0.0
            for c in range(g * channels, (g + 1) * channels):
                total += np.float64(weight[c]) * dy_sums[m, c]
                product += np.float64(weight[c]) * dyx_sums[m, c]
                dbias[c] += dy_sums[m, c]
                dweight[c] += dyx_sums[m, c]
            mean_dy[m, g] = total / terms
            mean_dyx[m, g] = product / terms


def _input_grad_body(dy, x, mean, variance, weight, eps, mean_dy, mean_dyx, dx, thread, threads):
    first, last = share(x.shape[0] * x.shape[1], thread, threads)
    for row in range(first, last):
        n, c = row // x.shape[1], row % x.shape[1]
        m, g = n % mean.shape[0], c // (x.shape[1] // mean.shape[1])
        gradient, source, target = dy[n, c], x[n, c], dx[n, c]
        center, inverse, factor = mean[m, g], inverse_deviation(x.dtype.type(1), variance[m, g], eps), weight[c]
        slope, lean = mean_dy[m, g], mean_dyx[m, g]
        for i in range(source.size):
            target[i] = normalized_grad(gradient[i], source[i], center, inverse, factor, slope, lean)


# streaming divides as NumPy does: a deviation of 0 gives infinities, as in PyTorch.
_normalize, _input_grad, _move_running = (
    streaming(body) for body in (_normalize_body, _input_grad_body, _move_running_body)
)
_moments, _gradient_sums, _set_means = (
    streaming(body, fastmath={"reassoc", "nsz"}) for body in (_moments_body, _gradient_sums_body, _set_means_body)
)
