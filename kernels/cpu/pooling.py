"""Pooling on the CPU: a thread takes whole planes (n, c), so nothing depends on the order of threads.

Bytes a call: x and y once, and the mask. The gradient of the maximum follows the masks of a plane in order; that of the
average gathers: each input asks the windows that cover it.
"""

import math

import numpy as np
from numba import njit, prange

from .parallel import streaming


def max_pool2d(g, x, y, mask):
    """y = max over the window, mask = the winner's r S + s: the first in row-major order, a NaN before any number."""
    _max_pool(x.size, g, x.reshape(-1, g.h, g.w), y.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q))


def max_pool2d_input_grad(g, dy, mask, dx):
    """dx[i, j] = sum of dy over the windows that (i, j) won."""
    planes = (dy.reshape(-1, g.p, g.q), mask.reshape(-1, g.p, g.q), dx.reshape(-1, g.h, g.w))
    _max_pool_grad(dx.size, g, *planes)


def avg_pool2d(g, x, count_include_pad, y):
    """y = sum over the window / divisor, the divisor by PyTorch's rule."""
    rows, columns = _extents(g, count_include_pad)
    _avg_pool(x.size, g, x.reshape(-1, g.h, g.w), rows, columns, y.reshape(-1, g.p, g.q))


def avg_pool2d_input_grad(g, dy, count_include_pad, dx):
    """dx[i, j] = sum of dy / divisor over the windows that cover (i, j)."""
    rows, columns = _extents(g, count_include_pad)
    _avg_pool_grad(dx.size, g, dy.reshape(-1, g.p, g.q), rows, columns, dx.reshape(-1, g.h, g.w))


def _extents(g, count_include_pad):
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
        counts.append(np.maximum(np.minimum(start + size, high) - np.maximum(start, low), 1))
    return counts


@njit(cache=True, nogil=True)
def _inside(start, size, dilation, length):
    """The taps [first, last) of a window that lie inside an axis."""
    first = -(start // dilation) if start < 0 else 0
    last = min(size, (length - start + dilation - 1) // dilation)
    return first, max(first, last)


@njit(cache=True, nogil=True)
def _covering(position, size, stride, windows):
    """The windows [first, last) of consecutive taps that cover a padded position."""
    first = max(0, (position - size) // stride + 1)
    return first, min(windows, position // stride + 1)


@streaming
def _max_pool(g, x, y, mask):
    for plane in prange(x.shape[0]):
        for p in range(g.p):
            top = p * g.stride_h - g.pad_top
            r0, r1 = _inside(top, g.r, g.dilation_h, g.h)
            for q in range(g.q):
                left = q * g.stride_w - g.pad_left
                s0, s1 = _inside(left, g.s, g.dilation_w, g.w)
                best, winner = -np.inf, 0
                for r in range(r0, r1):
                    for s in range(s0, s1):
                        value = x[plane, top + r * g.dilation_h, left + s * g.dilation_w]
                        if value > best or (math.isnan(value) and not math.isnan(best)):
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
def _avg_pool(g, x, rows, columns, y):
    for plane in prange(x.shape[0]):
        for p in range(g.p):
            top = p * g.stride_h - g.pad_top
            r0, r1 = _inside(top, g.r, 1, g.h)
            for q in range(g.q):
                left = q * g.stride_w - g.pad_left
                s0, s1 = _inside(left, g.s, 1, g.w)
                total = y.dtype.type(0)
                for r in range(r0, r1):
                    for s in range(s0, s1):
                        total += x[plane, top + r, left + s]
                y[plane, p, q] = total / y.dtype.type(rows[p] * columns[q])


@streaming
def _avg_pool_grad(g, dy, rows, columns, dx):
    for plane in prange(dx.shape[0]):
        for i in range(g.h):
            p0, p1 = _covering(i + g.pad_top, g.r, g.stride_h, g.p)
            for j in range(g.w):
                q0, q1 = _covering(j + g.pad_left, g.s, g.stride_w, g.q)
                total = dx.dtype.type(0)
                for p in range(p0, p1):
                    for q in range(q0, q1):
                        total += dy[plane, p, q] / dx.dtype.type(rows[p] * columns[q])
                dx[plane, i, j] = total
