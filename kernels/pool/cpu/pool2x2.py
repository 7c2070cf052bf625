"""Pooling by 2x2 windows with stride 2 and no padding, the common case: no element is read or written twice.

A thread takes whole planes (n, c), a row of windows is a vector at a time, from two rows of the input. Where a row is
shorter than a vector, the excess lanes overwrite elements of the next row, which are stored afterwards; where that row
belongs to another thread or lies outside the array, windows are taken one by one.

Bytes a call: x and y once, and the mask.
"""

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming, zeros
from ...cpu.simd import lanes_of, load, load_strided, select_equal, splat, store, store_interleaved, update_max
from ..scalar import is_new_maximum
from .overflow import is_finite


def supports(g):
    """Whether all windows of a pooling are 2x2, with stride 2, and inside the planes."""
    flat = (g.d.size, g.d.windows, g.d.taps, g.d.pad_before) == (1, 1, 1, 0)
    return flat and all(
        (axis.taps, axis.stride, axis.dilation, axis.pad_before) == (2, 2, 1, 0) and 2 * axis.windows <= axis.size
        for axis in (g.h, g.w)
    )


def arguments(g):
    """The arguments of every launch here that follow from the shape: tasks, work, planes, h, w, p_count, q_count."""
    planes = g.n * g.c
    return planes, planes * g.h.size * g.w.size, planes, g.h.size, g.w.size, g.h.windows, g.w.windows


@njit(inline="always")
def _fitting(like, windows, end_read, size_read, end_written, size_written):
    """Windows of a row to take in vectors: all, or none where the last vector would pass this thread's planes.

    end_read and end_written are the ends of a vector that starts with the row's first window.
    """
    whole = windows >= lanes_of(like)
    return windows if whole or (end_read <= size_read and end_written <= size_written) else 0


@streaming
def max_pool(planes, h, w, p_count, q_count, numbers, x, y, mask, thread, threads):
    """y = max over the window, mask = the winner's 2 r + s; numbers is an array of integers as wide as x's elements."""
    first, last = share(planes, thread, threads)
    limit = last * p_count * q_count
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(x, q_count, low + 2 * lanes_of(x), x.size, out + lanes_of(x), limit)
            # whole vectors, the last one aligned to the row's end
            q = 0
            while q < fitting:
                q = max(0, min(q, q_count - lanes_of(x)))
                value, position = load_strided(x, top + 2 * q, 2), splat(numbers, 0)
                value, position = update_max(value, position, load_strided(x, top + 2 * q + 1, 2), splat(numbers, 1))
                value, position = update_max(value, position, load_strided(x, low + 2 * q, 2), splat(numbers, 2))
                value, position = update_max(value, position, load_strided(x, low + 2 * q + 1, 2), splat(numbers, 3))
                store(y, out + q, value)
                store(mask, out + q, position)
                q += lanes_of(x)
            # one window at a time where vectors do not fit
            for q in range(fitting, q_count):
                largest, winner = x[top + 2 * q], 0
                for tap in range(1, 4):
                    value = x[top + tap // 2 * w + 2 * q + tap % 2]
                    takes = is_new_maximum(value, largest)
                    largest, winner = value if takes else largest, tap if takes else winner
                y[out + q], mask[out + q] = largest, winner


@streaming
def max_pool_grad(planes, h, w, p_count, q_count, dy, mask, dx, thread, threads):
    """dx = dy where the mask names the position, 0 elsewhere."""
    first, last = share(planes, thread, threads)
    limit = last * h * w
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(dx, q_count, out + lanes_of(dx), dy.size, low + 2 * lanes_of(dx), limit)
            for row, tap in ((top, 0), (low, 2)):
                # whole vectors, the last one aligned to the row's end
                q = 0
                while q < fitting:
                    q = max(0, min(q, q_count - lanes_of(dx)))
                    value = load(dy, out + q)
                    left, right = select_equal(mask, out + q, tap, value), select_equal(mask, out + q, tap + 1, value)
                    store_interleaved(dx, row + 2 * q, left, right)
                    q += lanes_of(dx)
                # one window at a time where vectors do not fit
                for q in range(fitting, q_count):
                    dx[row + 2 * q] = dy[out + q] if mask[out + q] == tap else 0
                    dx[row + 2 * q + 1] = dy[out + q] if mask[out + q] == tap + 1 else 0
                # columns that no window covers
                dx[row + 2 * q_count : row + w] = 0
        dx[(plane * h + 2 * p_count) * w : (plane + 1) * h * w] = 0


@streaming
def avg_pool(planes, h, w, p_count, q_count, x, divisor, y, thread, threads):
    """y = sum over the window / divisor."""
    seen, zero = zeros(lanes_of(x), x), splat(x, 0)
    first, last = share(planes, thread, threads)
    limit = last * p_count * q_count
    for plane in range(first, last):
        zeros_of_y = zero
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(x, q_count, low + 2 * lanes_of(x), x.size, out + lanes_of(x), limit)
            # whole vectors, the last one aligned to the row's end
            q = 0
            while q < fitting:
                q = max(0, min(q, q_count - lanes_of(x)))
                upper = load_strided(x, top + 2 * q, 2) + load_strided(x, top + 2 * q + 1, 2)
                lower = load_strided(x, low + 2 * q, 2) + load_strided(x, low + 2 * q + 1, 2)
                mean = (upper + lower) / splat(x, divisor)
                zeros_of_y = zeros_of_y + zero * mean
                store(y, out + q, mean)
                q += lanes_of(x)
            # one window at a time where vectors do not fit
            for q in range(fitting, q_count):
                upper, lower = x[top + 2 * q] + x[top + 2 * q + 1], x[low + 2 * q] + x[low + 2 * q + 1]
                y[out + q] = (upper + lower) / divisor
                seen[0] += x.dtype.type(0) * y[out + q]
        # sums that overflow
        store(seen, 0, load(seen, 0) + zeros_of_y)
        if not is_finite(seen):
            _add_quotients(plane, h, w, p_count, q_count, x, divisor, y)
            seen[:] = 0


@njit(cache=True, nogil=True)
def _add_quotients(plane, h, w, p_count, q_count, x, divisor, y):
    """avg_pool of a plane as a sum of quotients where it is not finite."""
    for i in range(p_count * q_count):
        out, top = plane * p_count * q_count + i, (plane * h + i // q_count * 2) * w + i % q_count * 2
        if not np.isfinite(y[out]):
            upper, lower = x[top] / divisor + x[top + 1] / divisor, x[top + w] / divisor + x[top + w + 1] / divisor
            y[out] = upper + lower


@streaming
def avg_pool_grad(planes, h, w, p_count, q_count, dy, divisor, dx, thread, threads):
    """dx = dy / divisor of the window that covers the position."""
    first, last = share(planes, thread, threads)
    limit = last * h * w
    for plane in range(first, last):
        for p in range(p_count):
            top, out = (plane * h + 2 * p) * w, (plane * p_count + p) * q_count
            low = top + w
            fitting = _fitting(dx, q_count, out + lanes_of(dx), dy.size, low + 2 * lanes_of(dx), limit)
            for row in (top, low):
                # whole vectors, the last one aligned to the row's end
                q = 0
                while q < fitting:
                    q = max(0, min(q, q_count - lanes_of(dx)))
                    value = load(dy, out + q) / splat(dy, divisor)
                    store_interleaved(dx, row + 2 * q, value, value)
                    q += lanes_of(dx)
                # one window at a time where vectors do not fit
                for q in range(fitting, q_count):
                    dx[row + 2 * q] = dx[row + 2 * q + 1] = dy[out + q] / divisor
                # columns that no window covers
                dx[row + 2 * q_count : row + w] = 0
        dx[(plane * h + 2 * p_count) * w : (plane + 1) * h * w] = 0
