"""Pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the order of threads.

Bytes a call: x and y once, and the mask. The gradient of the maximum follows the masks of a plane in order; that of the
average gathers: each input asks the windows that cover it. Which taps of a window lie inside, and which windows cover
an input, is the same for every plane: the launchers work it out once, for each axis.
"""

import math

import numpy as np
from numba import prange

from .parallel import streaming


def max_pool2d(g, x, y, mask):
    """y = max over the window, mask = the winner's r S + s: the first in row-major order, a NaN before any number."""
    planes = (x.reshape(-1, g.h, g.w), y.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q))
    _max_pool(x.size, g, *_taps_inside(g), *planes)


def max_pool2d_input_grad(g, dy, mask, dx):
    """dx[i, j] = sum of dy over the windows that (i, j) won."""
    planes = (dy.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q), dx.reshape(-1, g.h, g.w))
    _max_pool_grad(dx.size, g, *planes)


def avg_pool2d(g, x, count_include_pad, y):
    """y = sum over the window / divisor, the divisor by PyTorch's rule."""
    shares = _shares(g, count_include_pad, x.dtype)
    _avg_pool(x.size, g, *_taps_inside(g), *shares, x.reshape(-1, g.h, g.w), y.reshape(-1, g.p, g.q))


def avg_pool2d_input_grad(g, dy, count_include_pad, dx):
    """dx[i, j] = sum of dy / divisor over the windows that cover (i, j)."""
    shares = _shares(g, count_include_pad, dy.dtype)
    _avg_pool_grad(dx.size, *_windows_over(g), *shares, dy.reshape(-1, g.p, g.q), dx.reshape(-1, g.h, g.w))


def _axes(g):
    """(size, windows, taps, stride, dilation, padding before and after) of rows and of columns."""
    rows = g.h, g.p, g.r, g.stride_h, g.dilation_h, g.pad_top, g.pad_bottom
    return rows, (g.w, g.q, g.s, g.stride_w, g.dilation_w, g.pad_left, g.pad_right)


def _taps_inside(g):
    """For each axis an array (windows, 2): the taps [first, last) of each window that lie inside the input."""
    spans = []
    for size, windows, taps, stride, dilation, before, _ in _axes(g):
        start = np.arange(windows) * stride - before
        first = np.maximum(-(start // dilation), 0)
        last = np.minimum((size - start + dilation - 1) // dilation, taps)
        spans.append(np.stack([first, np.maximum(first, last)], axis=1))
    return spans


def _windows_over(g):
    """For each axis an array (size, 2): the windows [first, last) of consecutive taps that cover each position."""
    spans = []
    for size, windows, taps, stride, _, before, _ in _axes(g):
        position = np.arange(size) + before
        first = np.maximum((position - taps) // stride + 1, 0)
        spans.append(np.stack([first, np.minimum(position // stride + 1, windows)], axis=1))
    return spans


def _shares(g, count_include_pad, dtype):
    """For each axis an array (windows,): one over the positions that count in a divisor, which is their product.

    Padding counts if asked for; what lies past it (ceil_mode) never does.
    """
    shares = []
    for size, windows, taps, stride, _, before, after in _axes(g):
        start = np.arange(windows) * stride - before
        low, high = (-before, size + after) if count_include_pad else (0, size)
        counts = np.minimum(start + taps, high) - np.maximum(start, low)
        shares.append((1 / np.maximum(counts, 1)).astype(dtype))
    return shares


@streaming
def _max_pool(g, rows, columns, x, y, mask):
    for plane in prange(x.shape[0]):
        for p in range(g.p):
            top = p * g.stride_h - g.pad_top
            for q in range(g.q):
                left = q * g.stride_w - g.pad_left
                best, winner = x.dtype.type(-np.inf), 0
                for r in range(rows[p, 0], rows[p, 1]):
                    for s in range(columns[q, 0], columns[q, 1]):
                        value = x[plane, top + r * g.dilation_h, left + s * g.dilation_w]
                        if not value <= best and not math.isnan(best):
                            best, winner = value, r * g.s + s
                y[plane, p, q] = best
                mask[plane, p, q] = winner


@streaming
def _max_pool_grad(g, dy, mask, dx):
    for plane in prange(dx.shape[0]):
        dx[plane] = 0
        for p in range(g.p):
            for q in range(g.q):
                winner = np.int64(mask[plane, p, q])
                row = p * g.stride_h - g.pad_top + winner // g.s * g.dilation_h
                column = q * g.stride_w - g.pad_left + winner % g.s * g.dilation_w
                if 0 <= row < g.h and 0 <= column < g.w:
                    dx[plane, row, column] += dy[plane, p, q]


@streaming
def _avg_pool(g, rows, columns, row_shares, column_shares, x, y):
    for plane in prange(x.shape[0]):
        for p in range(g.p):
            top = p * g.stride_h - g.pad_top
            for q in range(g.q):
                left = q * g.stride_w - g.pad_left
                total = y.dtype.type(0)
                for h in range(top + rows[p, 0], top + rows[p, 1]):
                    for w in range(left + columns[q, 0], left + columns[q, 1]):
                        total += x[plane, h, w]
                y[plane, p, q] = total * (row_shares[p] * column_shares[q])


@streaming
def _avg_pool_grad(rows, columns, row_shares, column_shares, dy, dx):
    for plane in prange(dx.shape[0]):
        for h in range(dx.shape[1]):
            for w in range(dx.shape[2]):
                total = dx.dtype.type(0)
                for p in range(rows[h, 0], rows[h, 1]):
                    for q in range(columns[w, 0], columns[w, 1]):
                        total += dy[plane, p, q] * (row_shares[p] * column_shares[q])
                dx[plane, h, w] = total
