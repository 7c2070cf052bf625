"""Pooling on the CPU window by window, tap by tap, for windows that the strips of avg.py and max.py are not made for.

That is: averages with dilation; padding beyond half of a window, under which whole windows lie in the padding; and
padding wider than the input, as wide dilations have it, where scratch rows as long as it would cost memory. A thread
takes whole planes (n, c) or rows, so results do not depend on the number of threads. Bytes a call: x and y once for
each tap.
"""

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from ..scalar import is_new_maximum
from .windows import axis_of, divisor_factors, first_position, packed_axes, valid_taps


def padding_is_narrow(g):
    """Whether the padding is at most half of a window, so that none lies in it alone, and no wider than the input."""
    axes = g.d, g.h, g.w
    return all(max(a.pad_before, a.pad_after) <= min((a.dilation * (a.taps - 1) + 1) // 2, a.size) for a in axes)


@streaming
def max_pool(planes, axes, x, y, mask, thread, threads):
    """y = max over the window's taps inside x, mask = the winner's number; minus infinity and 0 without any."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = valid_taps(depth), valid_taps(height), valid_taps(width)
    first, last = share(planes, thread, threads)
    out = first * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            for p in range(height.windows):
                for q in range(width.windows):
                    best, winner = -np.inf, -1
                    for t in range(taps_d[z, 0], taps_d[z, 1]):
                        d = plane * depth.size + first_position(depth, z) + t * depth.dilation
                        for r in range(taps_h[p, 0], taps_h[p, 1]):
                            row = (d * height.size + first_position(height, p) + r * height.dilation) * width.size
                            for s in range(taps_w[q, 0], taps_w[q, 1]):
                                value = x[row + first_position(width, q) + s * width.dilation]
                                if winner < 0 or is_new_maximum(value, best):
                                    best, winner = value, (t * height.taps + r) * width.taps + s
                    y[out], mask[out] = best, max(winner, 0)
                    out += 1


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many positions as count."""
    planes = g.n * g.c
    flat = x.reshape(-1), y.reshape(-1)
    _avg_pool(planes, y.size * g.taps, planes, packed_axes(g), count_include_pad, divisor, *flat)


def avg_pool_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows with a tap at i."""
    rows = g.n * g.c * g.d.size * g.h.size
    flat = dy.reshape(-1), dx.reshape(-1)
    _avg_pool_grad(rows, dx.size * g.taps, rows, packed_axes(g), count_include_pad, divisor, *flat)


@streaming
def _avg_pool(planes, axes, count_include_pad, divisor, x, y, thread, threads):
    """x (planes, D, H, W), y (planes, Z, P, Q), flat; sums in float64."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    taps_d, taps_h, taps_w = valid_taps(depth), valid_taps(height), valid_taps(width)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, x)
    first, last = share(planes, thread, threads)
    out = first * depth.windows * height.windows * width.windows
    for plane in range(first, last):
        for z in range(depth.windows):
            for p in range(height.windows):
                for q in range(width.windows):
                    total = 0.0
                    for t in range(taps_d[z, 0], taps_d[z, 1]):
                        d = plane * depth.size + first_position(depth, z) + t * depth.dilation
                        for r in range(taps_h[p, 0], taps_h[p, 1]):
                            row = (d * height.size + first_position(height, p) + r * height.dilation) * width.size
                            for s in range(taps_w[q, 0], taps_w[q, 1]):
                                total += x[row + first_position(width, q) + s * width.dilation]
                    y[out] = total / (np.float64(row_counts[z, p]) * column_counts[q])
                    out += 1


@njit(inline="always")
def _window_at(axis, position, tap):
    """The window whose tap `tap` reads the input position, or -1."""
    start = position + axis.pad_before - tap * axis.dilation
    window = start // axis.stride
    return window if start >= 0 and start == window * axis.stride and window < axis.windows else -1


@streaming
def _avg_pool_grad(rows, axes, count_include_pad, divisor, dy, dx, thread, threads):
    """dy (planes, Z, P, Q), dx (planes, D, H, W), flat; row (plane, d, h); sums in float64, in row-major order."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, dy)
    first, last = share(rows, thread, threads)
    for row in range(first, last):
        h, d = row % height.size, row // height.size % depth.size
        plane = row // height.size // depth.size
        for w in range(width.size):
            total = 0.0
            # taps from the last to the first meet the windows in row-major order
            for t in range(depth.taps - 1, -1, -1):
                z = _window_at(depth, d, t)
                for r in range(height.taps - 1 if z >= 0 else -1, -1, -1):
                    p = _window_at(height, h, r)
                    for s in range(width.taps - 1 if p >= 0 else -1, -1, -1):
                        q = _window_at(width, w, s)
                        if q >= 0:
                            window = ((plane * depth.windows + z) * height.windows + p) * width.windows + q
                            total += dy[window] / (np.float64(row_counts[z, p]) * column_counts[q])
            dx[row * width.size + w] = total
