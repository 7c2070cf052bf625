"""Pooling of small planes on the CPU: planes side by side as lanes of vectors, any windows alike.

A table says which positions each window reads, so that padding, strides, dilation and adaptive windows are one case.
A thread takes groups of planes. Bytes a call: x and y once, and the mask or the indices.
"""

import numpy as np
from numba import njit

from ...cpu.lanes import lanes_to_rows, rows_to_lanes, weighted_sums
from ...cpu.parallel import share, streaming, zeros
from ...cpu.simd import lanes_of, load, select_equal, splat, store, update_max

MAX_POSITIONS = 256
"""Positions of a plane (Granite Rapids, 2026-11): of adaptive windows, and what follows of others."""
MAX_FORWARD, MAX_MAXIMUM_GRAD, MAX_AVERAGE_GRAD, MAX_ADJACENT_2X2 = 64, 100, 200, 49
SCATTERED_SHARE = 4
"""Positions for each window, from which on gradients of maxima are scattered (Granite Rapids, 2026-12)."""
CLEARED_PLANES = 32
"""Planes that are cleared just before they are scattered to."""
MAX_READS = 4096
"""Positions that the windows of a plane read in all."""
MAX_TERMS = 64
"""Positions of a window, and windows of a position, that are added in the arrays' type."""


def table_is_small(plane_size, starts, back_starts):
    """Whether planes with such tables are pooled here."""
    longest = max(np.diff(starts).max(initial=0), np.diff(back_starts).max(initial=0))
    return 0 < plane_size <= MAX_POSITIONS and 0 < starts[-1] <= MAX_READS and longest <= MAX_TERMS


def transposed(starts, positions, plane_size):
    """The table of the windows that read each position, in ascending order."""
    windows = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    counts = np.bincount(positions, minlength=plane_size)
    return np.concatenate([[0], np.cumsum(counts)]), windows[np.argsort(positions, kind="stable")]


@streaming
def max_pool(starts, codes, positions, code_like, x, y, mask, thread, threads):
    """x flat planes, y and mask flat planes of windows; window w reads positions[starts[w] : starts[w + 1]].

    Of the first of the largest, or the first NaN, mask gets the code.
    """
    lanes, windows = lanes_of(y), starts.size - 1
    planes = y.size // windows
    size = x.size // planes
    block, result, winners = zeros(size * lanes, y), zeros(windows * lanes, y), zeros(windows * lanes, code_like)
    first, last = share((planes + lanes - 1) // lanes, thread, threads)
    for group in range(first, last):
        plane = group * lanes
        count = min(lanes, planes - plane)
        rows_to_lanes(x, plane * size, size, count, size, block)
        for w in range(windows):
            best, winner = splat(result, -np.inf), splat(winners, 0)
            if starts[w] < starts[w + 1]:
                best, winner = load(block, positions[starts[w]] * lanes), splat(winners, codes[starts[w]])
            for t in range(starts[w] + 1, starts[w + 1]):
                best, winner = update_max(best, winner, load(block, positions[t] * lanes), splat(winners, codes[t]))
            store(result, w * lanes, best)
            store(winners, w * lanes, winner)
        lanes_to_rows(result, windows, y, plane * windows, windows, count)
        for i in range(count):
            for w in range(windows):
                mask[(plane + i) * windows + w] = winners[w * lanes + i]


@streaming
def max_pool_grad(starts, codes, positions, dy, mask, dx, thread, threads):
    """dx[position] = the sum of dy over the windows whose mask is the position's code, in ascending order."""
    lanes, windows = lanes_of(dx), starts.size - 1
    planes = dy.size // windows
    size = dx.size // planes
    block, gradient, winners = zeros(size * lanes, dx), zeros(windows * lanes, dx), zeros(windows * lanes, mask)
    first, last = share((planes + lanes - 1) // lanes, thread, threads)
    for group in range(first, last):
        plane = group * lanes
        count = min(lanes, planes - plane)
        rows_to_lanes(dy, plane * windows, windows, count, windows, gradient)
        for i in range(count):
            for w in range(windows):
                winners[w * lanes + i] = mask[(plane + i) * windows + w]
        block[:] = 0
        for w in range(windows):
            value = load(gradient, w * lanes)
            for t in range(starts[w], starts[w + 1]):
                at = positions[t] * lanes
                store(block, at, load(block, at) + select_equal(winners, w * lanes, codes[t], value))
        lanes_to_rows(block, size, dx, plane * size, size, count)


@streaming
def scatter_gradients(lookup, dy, mask, dx, thread, threads):
    """dx[lookup[w, mask]] += dy over the windows w of a plane, where that is a position; for few windows.

    lookup (windows, codes): the position of each code, or -1; codes past it are ignored.
    """
    windows, codes = lookup.shape
    planes = dy.size // windows
    size = dx.size // planes
    first, last = share(planes, thread, threads)
    for top in range(first, last, CLEARED_PLANES):
        bottom = min(top + CLEARED_PLANES, last)
        dx[top * size : bottom * size] = 0
        for plane in range(top, bottom):
            for w in range(windows):
                code = np.intp(mask[plane * windows + w])
                position = lookup[w, code] if 0 <= code < codes else -1
                if position >= 0:
                    dx[plane * size + position] += dy[plane * windows + w]


@streaming
def avg_pool(starts, positions, ones, divisors, x, y, thread, threads):
    """y = the sum of a window's positions / divisors[window]; flat planes."""
    lanes, windows = lanes_of(y), starts.size - 1
    planes = y.size // windows
    size = x.size // planes
    block, result, seen = zeros(size * lanes, y), zeros(windows * lanes, y), zeros(lanes, y)
    first, last = share((planes + lanes - 1) // lanes, thread, threads)
    for group in range(first, last):
        plane = group * lanes
        count = min(lanes, planes - plane)
        rows_to_lanes(x, plane * size, size, count, size, block)
        weighted_sums(starts, positions, ones, block, y.dtype.type(0), result)
        zeros_of_y = splat(y, 0)
        for w in range(windows):
            mean = load(result, w * lanes) / splat(result, divisors[w])
            zeros_of_y = zeros_of_y + mean * splat(result, 0)
            store(result, w * lanes, mean)
        lanes_to_rows(result, windows, y, plane * windows, windows, count)
        # sums that overflow
        store(seen, 0, zeros_of_y)
        for i in range(count):
            if seen[i] != 0:
                _mend(starts, positions, divisors, x, (plane + i) * size, y, (plane + i) * windows)


@njit(cache=True, nogil=True, error_model="numpy")
def _mend(starts, positions, divisors, x, source, y, target):
    """The means of a plane that are not finite, as sums of quotients in float64."""
    for w in range(starts.size - 1):
        if not np.isfinite(y[target + w]):
            total = 0.0
            for t in range(starts[w], starts[w + 1]):
                total += x[source + positions[t]] / np.float64(divisors[w])
            y[target + w] = total


@streaming
def avg_pool_grad(starts, windows_over, ones, divisors, dy, dx, thread, threads):
    """dx[position] = the sum of dy / divisor over the windows [starts[position], starts[position + 1]) over it."""
    lanes, windows, size = lanes_of(dx), divisors.size, starts.size - 1
    planes = dx.size // size
    block, gradient = zeros(size * lanes, dx), zeros(windows * lanes, dx)
    first, last = share((planes + lanes - 1) // lanes, thread, threads)
    for group in range(first, last):
        plane = group * lanes
        count = min(lanes, planes - plane)
        rows_to_lanes(dy, plane * windows, windows, count, windows, gradient)
        for w in range(windows):
            store(gradient, w * lanes, load(gradient, w * lanes) / splat(gradient, divisors[w]))
        weighted_sums(starts, windows_over, ones, gradient, dx.dtype.type(0), block)
        lanes_to_rows(block, size, dx, plane * size, size, count)
