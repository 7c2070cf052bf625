"""Average pooling of windows of many elements, on the CPU: sums in float64; a thread takes whole rows of results.

Sums of more than a few dozen float32 numbers one by one would lose digits. Forward, the input rows under a row of
windows are added up, then a tap of all windows at a time; backward, the quotients of the rows of windows over a row of
dx, then a tap of all positions at a time. Bytes a call: x once for each row of windows over it, y once, or dy and dx.
"""

import numpy as np
from numba import njit

from ...cpu.parallel import share, streaming
from .windows import axis_of, covering_windows, divisor_factors, first_position, packed_axes, valid_taps_of

MAX_FEW_TAPS = 32
"""Taps along the rows of a window, or along its columns, that are added in the arrays' type."""


def supports(g):
    """Whether windows have so many elements, next to each other, that they are added here."""
    contiguous = all(axis.dilation == 1 for axis in (g.d, g.h, g.w))
    return contiguous and max(g.d.taps * g.h.taps, g.w.taps) > MAX_FEW_TAPS


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many positions as count."""
    rows = g.n * g.c * g.d.windows * g.h.windows
    _avg_pool(rows, y.size * g.taps, rows, packed_axes(g), count_include_pad, divisor, x.reshape(-1), y.reshape(-1))


def avg_pool_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    rows = g.n * g.c * g.d.size * g.h.size
    flat = dy.reshape(-1), dx.reshape(-1)
    _avg_pool_grad(rows, dx.size * g.taps, rows, packed_axes(g), count_include_pad, divisor, *flat)


@njit(inline="always")
def _windows_inside(axis, tap):
    """(start, first, last): tap `tap` of window i reads start + i stride, inside the input for first <= i < last."""
    start = tap - axis.pad_before
    first = max(0, -(start // axis.stride))
    return start, first, max(first, min(axis.windows, (axis.size - 1 - start) // axis.stride + 1))


@streaming
def _avg_pool(rows, axes, count_include_pad, divisor, x, y, thread, threads):
    """x (planes, D, H, W), y (planes, Z, P, Q), flat; row (plane, z, p)."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, x)
    line, totals = np.empty(width.size), np.empty(width.windows)
    first, last = share(rows, thread, threads)
    for row in range(first, last):
        p, z = row % height.windows, row // height.windows % depth.windows
        plane = row // height.windows // depth.windows
        # add up the input rows under this row of windows
        line[:] = 0
        t0, t1 = valid_taps_of(depth, z)
        r0, r1 = valid_taps_of(height, p)
        for t in range(t0, t1):
            d = plane * depth.size + first_position(depth, z) + t
            for r in range(r0, r1):
                h = first_position(height, p) + r
                source = x[(d * height.size + h) * width.size : (d * height.size + h + 1) * width.size]
                for w in range(source.size):
                    line[w] += source[w]
        # add the taps of each window along it, and divide
        totals[:] = 0
        for s in range(width.taps):
            start, q0, q1 = _windows_inside(width, s)
            for q in range(q0, q1):
                totals[q] += line[start + q * width.stride]
        target = y[row * width.windows : (row + 1) * width.windows]
        for q in range(target.size):
            target[q] = totals[q] / (np.float64(row_counts[z, p]) * column_counts[q])


@streaming
def _avg_pool_grad(rows, axes, count_include_pad, divisor, dy, dx, thread, threads):
    """dy (planes, Z, P, Q), dx (planes, D, H, W), flat; row (plane, d, h)."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, dy)
    line, totals = np.empty(width.windows), np.empty(width.size)
    first, last = share(rows, thread, threads)
    for row in range(first, last):
        h, d = row % height.size, row // height.size % depth.size
        plane = row // height.size // depth.size
        # add up the quotients of the rows of windows over this row
        line[:] = 0
        z0, z1 = covering_windows(depth, d)
        p0, p1 = covering_windows(height, h)
        for z in range(z0, z1):
            for p in range(p0, p1):
                start = ((plane * depth.windows + z) * height.windows + p) * width.windows
                gradient, count = dy[start : start + width.windows], np.float64(row_counts[z, p])
                for q in range(gradient.size):
                    line[q] += gradient[q] / (count * column_counts[q])
        # spread each window along its taps
        totals[:] = 0
        for s in range(width.taps):
            start, q0, q1 = _windows_inside(width, s)
            for q in range(q0, q1):
                totals[start + q * width.stride] += line[q]
        dx[row * width.size : (row + 1) * width.size] = totals
