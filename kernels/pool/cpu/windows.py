"""Windows along an axis for the CPU's pooling kernels: valid taps, covering windows, divisors, sizes of strips."""

from collections import namedtuple
from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.simd import lanes_of

POSITIONS_PER_STRIP = 2048
"""Input positions that a gradient works on together (Zen 5, 2026-11)."""
WINDOWS_PER_STRIP = 512
"""Windows that a forward pass works on together: their column results stay in the L1 cache (Zen 3, 2026-11)."""

# Tap t of window i reads position i * stride - pad_before + t * dilation, if 0 <= position < size.
AxisWindows = namedtuple("AxisWindows", ("size", "windows", "taps", "stride", "pad_before", "pad_after", "dilation"))


@lru_cache(maxsize=1024)
def packed_axes(g):
    """The three axes of a pooling shape as one array, which Numba unpacks faster than twenty-one scalars."""
    return np.array((g.d, g.h, g.w), np.intp)


@njit(inline="always")
def axis_of(axes, i):
    """Axis 0 (depth), 1 (height) or 2 (width) of the packed axes."""
    return AxisWindows(axes[i, 0], axes[i, 1], axes[i, 2], axes[i, 3], axes[i, 4], axes[i, 5], axes[i, 6])


@njit(inline="always")
def first_position(axis, window):
    """Position of a window's tap 0, negative in the leading padding."""
    return window * axis.stride - axis.pad_before


@njit(inline="always")
def valid_taps_of(axis, window):
    """The taps [first, last) of a window that lie inside the input."""
    start = first_position(axis, window)
    first = max(0, -(start // axis.dilation))
    return first, max(first, min(axis.taps, (axis.size - start + axis.dilation - 1) // axis.dilation))


@njit(cache=True, nogil=True)
def valid_taps(axis):
    """valid_taps_of(axis, i) of every window i as a table (windows, 2), so that inner loops do not divide."""
    taps = np.empty((axis.windows, 2), np.intp)
    for i in range(axis.windows):
        taps[i, 0], taps[i, 1] = valid_taps_of(axis, i)  # assigning a row would compile NumPy's broadcasting (3 s)
    return taps


@njit(inline="always")
def interior_windows(axis):
    """The windows [first, last) with every tap inside the input."""
    extent = (axis.taps - 1) * axis.dilation + 1
    first = (axis.pad_before + axis.stride - 1) // axis.stride
    last = min(axis.windows, (axis.size + axis.pad_before - extent) // axis.stride + 1)
    return (first, last) if first < last else (0, 0)


@njit(inline="always")
def covering_windows(axis, position):
    """The windows [first, last) that cover a position of the input, for dilation 1."""
    first = max(0, (position + axis.pad_before - axis.taps + axis.stride) // axis.stride)
    return first, max(first, min(axis.windows, (position + axis.pad_before) // axis.stride + 1))


@njit(cache=True, nogil=True)
def counted_taps(axis, count_include_pad, like):
    """Positions of each window that count in the divisor, at least 1 so that nothing is divided by 0.

    Padding counts if asked for; positions past it (ceil_mode) never do.
    """
    found = np.empty(axis.windows, like.dtype)
    low, high = (-axis.pad_before, axis.size + axis.pad_after) if count_include_pad else (0, axis.size)
    for i in range(axis.windows):
        start = first_position(axis, i)
        first = max(0, -((start - low) // axis.dilation))
        found[i] = max(1, min(axis.taps, (high - start + axis.dilation - 1) // axis.dilation) - first)
    return found


@njit(cache=True, nogil=True)
def divisor_factors(depth, height, width, count_include_pad, divisor, like):
    """Factors of the divisor: a table (depths, rows) and one of columns, whose product divides a window's sum.

    A given divisor is in the columns' table, which is padded to whole vectors.
    """
    rows = np.ones((depth.windows, height.windows), like.dtype)
    columns = np.ones(rounded_to_vectors(like, width.windows), like.dtype)
    if divisor:
        columns[:] = divisor
    else:
        depths, heights = counted_taps(depth, count_include_pad, like), counted_taps(height, count_include_pad, like)
        for z in range(depth.windows):
            for p in range(height.windows):
                rows[z, p] = depths[z] * heights[p]
        columns[: width.windows] = counted_taps(width, count_include_pad, like)
    return rows, columns


@njit(inline="always")
def vector_count(like, count):
    """Vectors that cover `count` elements; a range with a step of lanes could raise, and arrays would be counted."""
    return (count + lanes_of(like) - 1) // lanes_of(like)


@njit(inline="always")
def vector_pair_count(like, count):
    """Pairs of vectors that cover `count` elements."""
    return (count + 2 * lanes_of(like) - 1) // (2 * lanes_of(like))


@njit(inline="always")
def rounded_to_vectors(like, count):
    """`count` rounded up to whole vectors."""
    return vector_count(like, count) * lanes_of(like)


@njit(inline="always")
def line_length(width, like):
    """Elements of a padded row of the input, with all that whole vectors of windows read."""
    reach = (rounded_to_vectors(like, width.windows) - 1) * width.stride + (width.taps - 1) * width.dilation + 1
    return rounded_to_vectors(like, max(reach, width.pad_before + width.size) + 2 * lanes_of(like))


@njit(inline="always")
def gradient_strip(depth, height, width, like):
    """Strip of a gradient: (input rows, rows of windows covering them, depths of windows, pitch of a scratch row)."""
    rows = min(height.size, max(4, POSITIONS_PER_STRIP // width.size))
    layer = min(height.windows, (rows + height.taps - 2) // height.stride + 1)
    deep = min(depth.windows, (depth.taps - 1) // depth.stride + 1)
    return rows, layer, deep, rounded_to_vectors(like, width.size) + lanes_of(like)


@njit(inline="always")
def forward_strip(height, width):
    """Strip of a forward pass: (rows of windows, rows of the input that they read)."""
    rows = min(height.windows, max(4, WINDOWS_PER_STRIP // width.windows))
    return rows, (rows - 1) * height.stride + (height.taps - 1) * height.dilation + 1
