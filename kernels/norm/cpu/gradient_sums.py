"""The sums that gradients of normalization need, on the CPU: one pass over dy and x, which may be bfloat16 (uint16)."""

import numpy as np

from ...cpu.bfloat16 import element
from ...cpu.parallel import share, streaming


def gradient_sums(dy, x, mean, inverse, dy_sums, dyx_sums):
    """dy_sums[b] = sum dy[:, b, :], dyx_sums[b] = sum (dy xhat)[:, b, :]; neighboring b may share statistics."""
    statistics = mean.reshape(-1), inverse.reshape(-1)
    sums = dy_sums.reshape(-1), dyx_sums.reshape(-1)
    if x.shape[2] == 1:
        matrix = x.shape[:2]
        _gradient_sums_of_columns(mean.size, 2 * x.size, dy.reshape(matrix), x.reshape(matrix), *statistics, *sums)
    else:
        _gradient_sums(x.shape[1], 2 * x.size, dy, x, *statistics, *sums)


def set_means(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias):
    """mean_dy, mean_dyx (M, G) = sum_c weight[c] sums[m, c] / terms over a group; dweight, dbias = sums over m."""
    weight = np.ones(dy_sums.shape[1], dy_sums.dtype) if weight is None else weight
    _set_means(1, dy_sums.size, dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias)


def _gradient_sums_body(dy, x, mean, inverse, dy_sums, dyx_sums, thread, threads):
    """dy and x (A, B, L), mean and inverse (B / sharing,), sums (B,); a thread takes sets b."""
    first, last = share(x.shape[1], thread, threads)
    sums, products, sharing = np.zeros(last - first), np.zeros(last - first), x.shape[1] // mean.size
    for a in range(x.shape[0]):
        for b in range(first, last):
            gradient, row, total, product = dy[a, b], x[a, b], 0.0, 0.0
            center = np.float64(mean[b // sharing])
            for i in range(row.size):
                slope = np.float64(element(gradient, i))
                total += slope
                product += slope * (np.float64(element(row, i)) - center)
            sums[b - first] += total
            products[b - first] += product
    for b in range(first, last):
        dy_sums[b] = sums[b - first]
        dyx_sums[b] = products[b - first] * inverse[b // sharing]


def _gradient_sums_of_columns_body(dy, x, mean, inverse, dy_sums, dyx_sums, thread, threads):
    """_gradient_sums_body for dy and x (A, B), a vector of sets at a time; a thread takes whole statistics."""
    first, last = share(mean.size, thread, threads)
    sharing = x.shape[1] // mean.size
    if x.shape[0] == 1:  # sums of one term, as in layer normalization
        for s in range(first, last):
            start, stop, center, scale = s * sharing, (s + 1) * sharing, np.float64(mean[s]), inverse[s]
            gradient, row = dy[0, start:stop], x[0, start:stop]
            slopes, products_of_row = dy_sums[start:stop], dyx_sums[start:stop]
            for b in range(row.size):
                slopes[b] = gradient[b]
                products_of_row[b] = np.float64(gradient[b]) * (np.float64(row[b]) - center) * scale
        return
    first, last = first * sharing, last * sharing
    sums, products, centers = np.zeros(last - first), np.zeros(last - first), np.zeros(last - first)
    for s in range(centers.size // sharing):
        centers[s * sharing : (s + 1) * sharing] = mean[first // sharing + s]
    for a in range(x.shape[0]):
        gradient, row = dy[a, first:last], x[a, first:last]
        for b in range(row.size):
            slope = np.float64(element(gradient, b))
            sums[b] += slope
            products[b] += slope * (np.float64(element(row, b)) - centers[b])
    for b in range(first, last):
        dy_sums[b] = sums[b - first]
        dyx_sums[b] = products[b - first] * inverse[b // sharing]


def _set_means_body(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias, thread, threads):
    """sums (M, C), means (M, G), weight, dweight and dbias (C,); a thread takes groups."""
    first, last = share(mean_dy.shape[1], thread, threads)
    channels = dy_sums.shape[1] // mean_dy.shape[1]
    slopes, leans = np.zeros(channels), np.zeros(channels)
    for g in range(first, last):
        slopes[:], leans[:], start = 0.0, 0.0, g * channels
        for m in range(dy_sums.shape[0]):
            total, product = 0.0, 0.0
            for k in range(channels):
                slope, lean = np.float64(dy_sums[m, start + k]), np.float64(dyx_sums[m, start + k])
                total += weight[start + k] * slope
                product += weight[start + k] * lean
                slopes[k] += slope
                leans[k] += lean
            mean_dy[m, g] = total / terms
            mean_dyx[m, g] = product / terms
        for k in range(channels):
            dbias[start + k] = slopes[k]
            dweight[start + k] = leans[k]


_gradient_sums, _gradient_sums_of_columns, _set_means = (
    streaming(body, fastmath={"reassoc", "nsz"})
    for body in (_gradient_sums_body, _gradient_sums_of_columns_body, _set_means_body)
)
