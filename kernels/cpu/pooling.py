"""Pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the number of threads.

The loops run over one row of windows at a time, tap by tap: neighbouring windows share a tap's vector loads, and the
edges are cut off once a row instead of being asked for at every element.

Bytes a call: x and y once, and the mask. The gradients add the windows of a plane in row-major order.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from .parallel import share, streaming


def max_pool2d(g, x, y, mask):
    """y = max over the window, mask = the winner's r S + s: the first in row-major order, a NaN before any number."""
    planes = x.reshape(-1, g.h, g.w), y.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q)
    _max_pool(g.n * g.c, y.size * g.r * g.s, g, *_bounds(g), *planes)


def max_pool2d_input_grad(g, dy, mask, dx):
    """dx[i, j] = sum of dy over the windows that (i, j) won."""
    planes = dy.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q), dx.reshape(-1, g.h, g.w)
    _max_pool_grad(g.n * g.c, dx.size + 8 * dy.size, g, *planes)


def avg_pool2d(g, x, count_include_pad, y):
    """y = sum over the window / divisor, the divisor by PyTorch's rule."""
    rows, columns = _extents(g, count_include_pad, x.dtype)
    planes = x.reshape(-1, g.h, g.w), y.reshape(-1, g.p, g.q)
    _avg_pool(g.n * g.c, y.size * g.r * g.s, g, *_bounds(g)[:2], rows, columns, *planes)


def avg_pool2d_input_grad(g, dy, count_include_pad, dx):
    """dx[i, j] = sum of dy / divisor over the windows that cover (i, j)."""
    rows, columns = _extents(g, count_include_pad, dy.dtype)
    planes = dy.reshape(-1, g.p, g.q), dx.reshape(-1, g.h, g.w)
    _avg_pool_grad(g.n * g.c, dx.size + dy.size * g.r * g.s, g, *_bounds(g)[:2], rows, columns, *planes)


@lru_cache(maxsize=1024)
def _bounds(g):
    """What lies inside the input, worked out once for each axis.

    taps[p] : the taps [first, last) of row p of windows
    windows[s] : the windows [first, last) of a row for which column s of taps lies inside
    leftmost[q] : the first tap of column q of windows, S where there is none
    """
    taps = _within(np.arange(g.p) * g.stride_h - g.pad_top, g.dilation_h, g.r, g.h)
    windows = _within(np.arange(g.s) * g.dilation_w - g.pad_left, g.stride_w, g.q, g.w)
    first, last = _within(np.arange(g.q) * g.stride_w - g.pad_left, g.dilation_w, g.s, g.w).T
    return taps, windows, np.where(first < last, first, g.s)


def _within(start, step, count, length):
    """For each start the range [first, last) of the i < count for which start + i step lies in [0, length)."""
    first = np.maximum(-(start // step), 0)
    return np.stack([first, np.maximum(first, np.minimum(count, (length - start + step - 1) // step))], axis=1)


def _extents(g, count_include_pad, dtype):
    """Rows and columns that count in each window's divisor, their product: at least 1, as nothing is divided by 0.

    Padding counts if asked for; what lies past it (ceil_mode) never does.
    """
    axes = (
        (g.p, g.stride_h, g.pad_top, g.r, g.h, g.pad_bottom),
        (g.q, g.stride_w, g.pad_left, g.s, g.w, g.pad_right),
    )
    counts = []
    for windows, stride, before, size, length, after in axes:
        start = np.arange(windows) * stride - before
        low, high = (-before, length + after) if count_include_pad else (0, length)
        counts.append(np.maximum(np.minimum(start + size, high) - np.maximum(start, low), 1).astype(dtype))
    return counts


@streaming
def _max_pool(g, taps, windows, leftmost, x, y, mask, thread, threads):
    first, last = share(x.shape[0], thread, threads)
    for plane in range(first, last):
        for p in range(g.p):
            best, winner = y[plane, p], mask[plane, p]
            inside = taps[p, 0] < taps[p, 1]
            for q in range(g.q):
                best[q] = -np.inf
                # should none be larger: the first inside
                winner[q] = taps[p, 0] * g.s + leftmost[q] if inside and leftmost[q] < g.s else 0
            for r in range(taps[p, 0], taps[p, 1]):
                row = x[plane, p * g.stride_h - g.pad_top + r * g.dilation_h]
                for s in range(g.s):
                    q0, q1 = windows[s]
                    values = row[q0 * g.stride_w - g.pad_left + s * g.dilation_w :]
                    _keep_larger(values, g.stride_w, mask.dtype.type(r * g.s + s), best[q0:q1], winner[q0:q1])


@njit(cache=True, nogil=True)
def _keep_larger(values, stride, position, best, winner):
    """Where values[i * stride] beats best[i], or is the first NaN, it and its position are kept."""
    if stride == 2:  # a stride known to the compiler vectorises
        for i in range(best.size):
            _keep(values[2 * i], position, best, winner, i)
    else:
        for i in range(best.size):
            _keep(values[stride * i], position, best, winner, i)


@njit(inline="always")
def _keep(value, position, best, winner, i):
    before, was = best[i], winner[i]
    stays = (value <= before) | (before != before)  # noqa: PLR0124  a NaN stays
    best[i] = before if stays else value
    winner[i] = was if stays else position


@streaming
def _max_pool_grad(g, dy, mask, dx, thread, threads):
    first, last = share(dx.shape[0], thread, threads)
    for plane in range(first, last):
        dx[plane] = 0
        for p in range(g.p):
            for q in range(g.q):
                winner = np.int64(mask[plane, p, q])
                row = p * g.stride_h - g.pad_top + winner // g.s * g.dilation_h
                column = q * g.stride_w - g.pad_left + winner % g.s * g.dilation_w
                if 0 <= row < g.h and 0 <= column < g.w:
                    dx[plane, row, column] += dy[plane, p, q]


@streaming
def _avg_pool(g, taps, windows, rows, columns, x, y, thread, threads):
    first, last = share(x.shape[0], thread, threads)
    for plane in range(first, last):
        for p in range(g.p):
            total = y[plane, p]
            total[:] = 0
            for r in range(taps[p, 0], taps[p, 1]):
                row = x[plane, p * g.stride_h - g.pad_top + r]
                for s in range(g.s):
                    q0, q1 = windows[s]
                    _gather(row[q0 * g.stride_w - g.pad_left + s :], g.stride_w, total[q0:q1])
            for q in range(g.q):
                total[q] /= rows[p] * columns[q]


@streaming
def _avg_pool_grad(g, taps, windows, rows, columns, dy, dx, thread, threads):
    quotient = np.empty(g.q, dy.dtype)
    first, last = share(dx.shape[0], thread, threads)
    for plane in range(first, last):
        dx[plane] = 0
        for p in range(g.p):
            for q in range(g.q):
                quotient[q] = dy[plane, p, q] / (rows[p] * columns[q])
            for r in range(taps[p, 0], taps[p, 1]):
                row = dx[plane, p * g.stride_h - g.pad_top + r]
                for s in range(g.s):
                    q0, q1 = windows[s]
                    _scatter(quotient[q0:q1], g.stride_w, row[q0 * g.stride_w - g.pad_left + s :])


@njit(cache=True, nogil=True)
def _gather(values, stride, total):
    """total[i] += values[i * stride]."""
    if stride == 2:
        for i in range(total.size):
            total[i] += values[2 * i]
    else:
        for i in range(total.size):
            total[i] += values[stride * i]


@njit(cache=True, nogil=True)
def _scatter(values, stride, total):
    """total[i * stride] += values[i]."""
    if stride == 2:
        for i in range(values.size):
            total[2 * i] += values[i]
    else:
        for i in range(values.size):
            total[stride * i] += values[i]
