"""Windows along an axis, as the CPU's pooling kernels see them."""

from collections import namedtuple
from functools import lru_cache

import numpy as np
from numba import njit

from .vectors import lanes_of

STRIP = 1024  # windows of a strip: what their columns give stays in the first-level cache (Zen 3, 2026-11)

# Tap t of window i sees position i * stride - before + t * dilation, if that is one of 0 to size - 1.
Axis = namedtuple("Axis", ("size", "windows", "taps", "stride", "before", "after", "dilation"))


@lru_cache(maxsize=1024)
def packed(g):
    """The three axes of a geometry as one array: numbers one by one take Numba longer to receive than to use."""
    return np.array((g.d, g.h, g.w), np.intp)


@njit(inline="always")
def axis_of(axes, i):
    """Depth, height or width of the packed axes."""
    return Axis(axes[i, 0], axes[i, 1], axes[i, 2], axes[i, 3], axes[i, 4], axes[i, 5], axes[i, 6])


@njit(inline="always")
def inside(axis, window):
    """The taps [first, last) of a window that lie inside the input."""
    start = window * axis.stride - axis.before
    first = max(0, -(start // axis.dilation))
    return first, max(first, min(axis.taps, (axis.size - start + axis.dilation - 1) // axis.dilation))


@njit(cache=True, nogil=True)
def inside_each(axis):
    """`inside` of every window, as rows of an array: divisions are not for inner loops."""
    taps = np.empty((axis.windows, 2), np.intp)
    for i in range(axis.windows):
        taps[i, 0], taps[i, 1] = inside(axis, i)  # a row at once would compile NumPy's broadcasting, 3 s of it
    return taps


@njit(inline="always")
def whole(axis):
    """The windows [first, last) of which every tap is inside."""
    extent = (axis.taps - 1) * axis.dilation + 1
    first = (axis.before + axis.stride - 1) // axis.stride
    last = min(axis.windows, (axis.size + axis.before - extent) // axis.stride + 1)
    return (first, last) if first < last else (0, 0)


@njit(inline="always")
def rows_to_read_whole(width, x, at, rows, first):
    """Of so many rows, those at the beginning where a vector of windows from the first on lies inside the array."""
    last = at + (first + lanes_of(x) - 1) * width.stride + (width.taps - 1) * width.dilation
    return max(0, min(rows, (x.size - 1 - last) // width.size + 1))


@njit(inline="always")
def covering(axis, position):
    """The windows [first, last) that cover a position of the input, without dilation."""
    first = max(0, (position + axis.before - axis.taps + axis.stride) // axis.stride)
    return first, max(first, min(axis.windows, (position + axis.before) // axis.stride + 1))


@njit(cache=True, nogil=True)
def counts(axis, count_include_pad, like):
    """How many positions of each window count in the divisor; at least 1, as nothing is divided by 0.

    Padding counts if asked for; what lies past it (ceil_mode) never does.
    """
    found = np.empty(axis.windows, like.dtype)
    low, high = (-axis.before, axis.size + axis.after) if count_include_pad else (0, axis.size)
    for i in range(axis.windows):
        start = i * axis.stride - axis.before
        found[i] = max(1, min(start + axis.taps, high) - max(start, low))
    return found


@njit(inline="always")
def strip_of(height, width):
    """(rows of windows that are worked on together, rows of the input that they read)."""
    rows = min(height.windows, max(4, STRIP // width.windows))
    return rows, (rows - 1) * height.stride + (height.taps - 1) * height.dilation + 1
