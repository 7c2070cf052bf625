"""Means of windows whose sum overflows, although they do not: a plane with one is found, and it is computed again."""

import numpy as np
from numba import njit

from ...cpu.reduce import blocked
from .windows import axis_of, divisor_factors, first_position, valid_taps_of


@blocked
def is_finite(values):
    """Whether every element of a flat array is finite: 0 times each of them is 0."""
    total = values.dtype.type(0)
    for i in range(values.size):
        total += values[i] * values.dtype.type(0)
    return total == 0


@njit(cache=True, nogil=True)
def mend_plane(plane, axes, count_include_pad, divisor, x, y):
    """y = the sum of quotients by the divisor, in float64, where a plane of averages is not finite."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    size = depth.windows * height.windows * width.windows
    if is_finite(y[plane * size : (plane + 1) * size]):
        return
    row_counts, column_counts = divisor_factors(depth, height, width, count_include_pad, divisor, x)
    for i in range(size):
        q, p, z = i % width.windows, i // width.windows % height.windows, i // width.windows // height.windows
        if np.isfinite(y[plane * size + i]):
            continue
        total, count = 0.0, np.float64(row_counts[z, p]) * column_counts[q]
        t0, t1 = valid_taps_of(depth, z)
        r0, r1 = valid_taps_of(height, p)
        s0, s1 = valid_taps_of(width, q)
        for t in range(t0, t1):
            for r in range(r0, r1):
                d, h = first_position(depth, z) + t * depth.dilation, first_position(height, p) + r * height.dilation
                row = ((plane * depth.size + d) * height.size + h) * width.size + first_position(width, q)
                for s in range(s0, s1):
                    total += x[row + s * width.dilation] / count
        y[plane * size + i] = total
