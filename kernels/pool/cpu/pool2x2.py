"""Pooling by 2x2 windows that lie side by side, the usual one: no element is read or written twice, no line is kept.

A thread takes whole planes (n, c). A row of windows is a vector at a time, of two rows of the input. Where a row is
shorter than a vector, what the vector has too much falls on the next row, which is written after it: only where that is
another thread's, or outside of an array, windows are taken one by one.

Bytes a call: x and y once, and the mask.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from ...cpu.simd import copies, first_of, lanes_of, load, load_apart, store, store_in_turns, where_equal
from ..scalar import is_new_maximum


@lru_cache(maxsize=1024)
def are_pairs(g):
    """Whether a pooling's windows are 2x2, side by side, and all inside of planes."""
    flat = (g.d.size, g.d.windows, g.d.taps, g.d.before) == (1, 1, 1, 0)
    return flat and all(
        (axis.taps, axis.stride, axis.dilation, axis.before) == (2, 2, 1, 0) and 2 * axis.windows <= axis.size
        for axis in (g.h, g.w)
    )


def max_of_pairs(g, x, y, mask):
    """y = max over the window, mask = the winner's 2 r + s: the first in this order, a NaN before others."""
    numbers = np.empty(1, np.int32 if x.itemsize == 4 else np.int64)  # as wide as a value, for vectors of both
    flat = x.reshape(-1), y.reshape(-1), mask.reshape(-1)
    _max(g.n * g.c, x.size, g.n * g.c, g.h.size, g.w.size, g.h.windows, g.w.windows, numbers, *flat)


def max_of_pairs_input_grad(g, dy, mask, dx):
    """dx = dy where the mask says that a position won, 0 elsewhere."""
    flat = dy.reshape(-1), mask.reshape(-1), dx.reshape(-1)
    _max_grad(g.n * g.c, dx.size, g.n * g.c, g.h.size, g.w.size, g.h.windows, g.w.windows, *flat)


def mean_of_pairs(g, x, divisor, y):
    """y = sum over the window / divisor."""
    flat = x.reshape(-1), x.dtype.type(divisor), y.reshape(-1)
    _mean(g.n * g.c, x.size, g.n * g.c, g.h.size, g.w.size, g.h.windows, g.w.windows, *flat)


def mean_of_pairs_input_grad(g, dy, divisor, dx):
    """dx = dy / divisor of the window a position lies in."""
    flat = dy.reshape(-1), dx.dtype.type(divisor), dx.reshape(-1)
    _mean_grad(g.n * g.c, dx.size, g.n * g.c, g.h.size, g.w.size, g.h.windows, g.w.windows, *flat)


@njit(inline="always")
def _fitting(like, windows, end_read, size_read, end_written, size_written):
    """Windows of a row that are taken in vectors: all, or none where the last would reach past what is ours.

    end_read and end_written are where the row's last vector ends if it starts with the row's first window.
    """
    whole = windows >= lanes_of(like)
    return windows if whole or (end_read <= size_read and end_written <= size_written) else 0


@streaming
def _max(planes, h, w, p_count, q_count, numbers, x, y, mask, thread, threads):
    first, last = share(planes, thread, threads)
    limit = last * p_count * q_count
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(x, q_count, low + 2 * lanes_of(x), x.size, out + lanes_of(x), limit)
            q = 0
            while q < fitting:
                q = max(0, min(q, q_count - lanes_of(x)))
                value, position = load_apart(x, top + 2 * q, 2), copies(numbers, 0)
                value, position = first_of(value, position, load_apart(x, top + 2 * q + 1, 2), copies(numbers, 1))
                value, position = first_of(value, position, load_apart(x, low + 2 * q, 2), copies(numbers, 2))
                value, position = first_of(value, position, load_apart(x, low + 2 * q + 1, 2), copies(numbers, 3))
                store(y, out + q, value)
                store(mask, out + q, position)
                q += lanes_of(x)
            for q in range(fitting, q_count):
                largest, winner = x[top + 2 * q], 0
                for tap in range(1, 4):
                    value = x[top + tap // 2 * w + 2 * q + tap % 2]
                    takes = is_new_maximum(value, largest)
                    largest, winner = value if takes else largest, tap if takes else winner
                y[out + q], mask[out + q] = largest, winner


@streaming
def _max_grad(planes, h, w, p_count, q_count, dy, mask, dx, thread, threads):
    first, last = share(planes, thread, threads)
    limit = last * h * w
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(dx, q_count, out + lanes_of(dx), dy.size, low + 2 * lanes_of(dx), limit)
            for row, tap in ((top, 0), (low, 2)):
                q = 0
                while q < fitting:
                    q = max(0, min(q, q_count - lanes_of(dx)))
                    value = load(dy, out + q)
                    left, right = where_equal(mask, out + q, tap, value), where_equal(mask, out + q, tap + 1, value)
                    store_in_turns(dx, row + 2 * q, left, right)
                    q += lanes_of(dx)
                for q in range(fitting, q_count):
                    dx[row + 2 * q] = dy[out + q] if mask[out + q] == tap else 0
                    dx[row + 2 * q + 1] = dy[out + q] if mask[out + q] == tap + 1 else 0
                dx[row + 2 * q_count : row + w] = 0
        dx[(plane * h + 2 * p_count) * w : (plane + 1) * h * w] = 0


@streaming
def _mean(planes, h, w, p_count, q_count, x, divisor, y, thread, threads):
    first, last = share(planes, thread, threads)
    limit = last * p_count * q_count
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(x, q_count, low + 2 * lanes_of(x), x.size, out + lanes_of(x), limit)
            q = 0
            while q < fitting:
                q = max(0, min(q, q_count - lanes_of(x)))
                upper = load_apart(x, top + 2 * q, 2) + load_apart(x, top + 2 * q + 1, 2)
                lower = load_apart(x, low + 2 * q, 2) + load_apart(x, low + 2 * q + 1, 2)
                store(y, out + q, (upper + lower) / copies(x, divisor))
                q += lanes_of(x)
            for q in range(fitting, q_count):
                upper, lower = x[top + 2 * q] + x[top + 2 * q + 1], x[low + 2 * q] + x[low + 2 * q + 1]
                y[out + q] = (upper + lower) / divisor


@streaming
def _mean_grad(planes, h, w, p_count, q_count, dy, divisor, dx, thread, threads):
    first, last = share(planes, thread, threads)
    limit = last * h * w
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(dx, q_count, out + lanes_of(dx), dy.size, low + 2 * lanes_of(dx), limit)
            for row in (top, low):
                q = 0
                while q < fitting:
                    q = max(0, min(q, q_count - lanes_of(dx)))
                    value = load(dy, out + q) / copies(dy, divisor)
                    store_in_turns(dx, row + 2 * q, value, value)
                    q += lanes_of(dx)
                for q in range(fitting, q_count):
                    dx[row + 2 * q] = dx[row + 2 * q + 1] = dy[out + q] / divisor
                dx[row + 2 * q_count : row + w] = 0
        dx[(plane * h + 2 * p_count) * w : (plane + 1) * h * w] = 0
