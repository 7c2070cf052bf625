"""The passes of normalization that write, on the CPU; short rows of a sample are taken together, as one row.

Arrays of uint16 are bfloat16, beside float32 statistics.
"""

from functools import lru_cache

import numpy as np

from ...cpu.bfloat16 import element, set_element
from ...cpu.parallel import share, streaming
from ..scalar import normalized, normalized_grad

SHORT_ROW = 32
"""Elements of a channel up to which a sample's channels are one row (Granite Rapids, 2026-11)."""


def normalize(x, mean, inverse, weight, bias, y):
    """y = weight (x - mean) inverse + bias, inverse = 1 / sqrt(variance + eps)."""
    affine = _channel_values(mean, x, weight, 1), _channel_values(mean, x, bias, 0)
    if _rows_are_short(x, mean):
        affine = [np.repeat(values, x.shape[2]) for values in affine]
        matrix, statistics = (x.shape[0], x.shape[1] * x.shape[2]), _by_element(x, mean, inverse)
        _normalize_rows(matrix[0], x.size, x.reshape(matrix), *statistics, *affine, y.reshape(matrix))
    else:
        _normalize(x.shape[0] * x.shape[1], x.size, x, mean, inverse, *affine, y)


def input_grad(dy, x, mean, inverse, weight, mean_dy, mean_dyx, dx):
    """dx = (weight dy - mean_dy - xhat mean_dyx) inverse."""
    weight = _channel_values(mean, x, weight, 1)
    if _rows_are_short(x, mean):
        mean, inverse, mean_dy, mean_dyx = _by_element(x, mean, inverse, mean_dy, mean_dyx)
        matrix, values = (x.shape[0], x.shape[1] * x.shape[2]), (np.repeat(weight, x.shape[2]), mean_dy, mean_dyx)
        arrays = dy.reshape(matrix), x.reshape(matrix), mean, inverse, *values, dx.reshape(matrix)
        _input_grad_rows(matrix[0], x.size, *arrays)
    else:
        values = mean, inverse, weight, mean_dy, mean_dyx
        _input_grad(x.shape[0] * x.shape[1], x.size, dy, x, *values, dx)


def _rows_are_short(x, mean):
    """Whether a sample is taken as one row of its channels' elements."""
    has_long_sets = mean.shape[0] == 1 or x.shape[1] // max(mean.shape[1], 1) * x.shape[2] > SHORT_ROW
    return x.shape[2] == 1 or (0 < x.shape[2] <= SHORT_ROW and x.shape[0] > 1 and has_long_sets)


def _by_element(x, mean, *others):
    """Statistics (M, G) of a channel each, as those of each of its elements."""
    arrays = mean, *others
    return [np.repeat(a, x.shape[2], axis=1) for a in arrays] if mean.shape[1] == x.shape[1] else arrays


def _channel_values(mean, x, values, default):
    """The values, or an array of the default for None."""
    return _filled(x.shape[1], default, mean.dtype) if values is None else values


@lru_cache(maxsize=64)
def _filled(count, value, dtype):
    return np.full(count, value, dtype)


# streaming divides as NumPy does: a deviation of 0 gives infinities, as in PyTorch.
@streaming
def _normalize(x, mean, inverse, weight, bias, y, thread, threads):
    """x and y (N, C, L), statistics (M, G), weight and bias (C,); a thread takes rows (n, c)."""
    first, last = share(x.shape[0] * x.shape[1], thread, threads)
    for row in range(first, last):
        n, c = row // x.shape[1], row % x.shape[1]
        m, g = n % mean.shape[0], c // (x.shape[1] // mean.shape[1])
        source, target, center = x[n, c], y[n, c], mean[m, g]
        scale, offset = weight[c] * inverse[m, g], bias[c]
        for i in range(source.size):
            set_element(target, i, normalized(element(source, i), center, scale, offset))


@streaming
def _normalize_rows(x, mean, inverse, weight, bias, y, thread, threads):
    """_normalize for x and y (N, C); a thread takes samples."""
    first, last = share(x.shape[0], thread, threads)
    channels = x.shape[1] // max(mean.shape[1], 1)
    for n in range(first, last):
        source, target = x[n], y[n]
        centers, inverses = mean[n % mean.shape[0]], inverse[n % mean.shape[0]]
        for c in range(source.size if channels == 1 else 0):
            value = normalized(element(source, c), centers[c], weight[c] * inverses[c], bias[c])
            set_element(target, c, value)
        for g in range(centers.size if channels > 1 else 0):
            start, center, inverse_std = g * channels, centers[g], inverses[g]
            values, result = source[start : start + channels], target[start : start + channels]
            scales, offsets = weight[start : start + channels], bias[start : start + channels]
            for c in range(values.size):
                value = normalized(element(values, c), center, scales[c] * inverse_std, offsets[c])
                set_element(result, c, value)


@streaming
def _input_grad(dy, x, mean, inverse, weight, mean_dy, mean_dyx, dx, thread, threads):
    """dy, x and dx (N, C, L), statistics and means (M, G), weight (C,); a thread takes rows (n, c)."""
    first, last = share(x.shape[0] * x.shape[1], thread, threads)
    for row in range(first, last):
        n, c = row // x.shape[1], row % x.shape[1]
        m, g = n % mean.shape[0], c // (x.shape[1] // mean.shape[1])
        gradient, source, target = dy[n, c], x[n, c], dx[n, c]
        center, inverse_std, scale = mean[m, g], inverse[m, g], weight[c]
        slope, lean = mean_dy[m, g], mean_dyx[m, g]
        for i in range(source.size):
            delta, value = element(gradient, i), element(source, i)
            set_element(target, i, normalized_grad(delta, value, center, inverse_std, scale, slope, lean))


@streaming
def _input_grad_rows(dy, x, mean, inverse, weight, mean_dy, mean_dyx, dx, thread, threads):
    """_input_grad for dy, x and dx (N, C); a thread takes samples."""
    first, last = share(x.shape[0], thread, threads)
    channels = x.shape[1] // max(mean.shape[1], 1)
    for n in range(first, last):
        m, gradient, source, target = n % mean.shape[0], dy[n], x[n], dx[n]
        centers, inverse_stds, slopes, leans = mean[m], inverse[m], mean_dy[m], mean_dyx[m]
        for c in range(source.size if channels == 1 else 0):
            delta, value = element(gradient, c), element(source, c)
            found = normalized_grad(delta, value, centers[c], inverse_stds[c], weight[c], slopes[c], leans[c])
            set_element(target, c, found)
        for g in range(centers.size if channels > 1 else 0):
            center, inverse_std, slope, lean = centers[g], inverse_stds[g], slopes[g], leans[g]
            for c in range(g * channels, (g + 1) * channels):
                delta, value = element(gradient, c), element(source, c)
                found = normalized_grad(delta, value, center, inverse_std, weight[c], slope, lean)
                set_element(target, c, found)
