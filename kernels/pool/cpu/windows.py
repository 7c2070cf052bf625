"""Windows along an axis, as the CPU's pooling kernels see them."""

from collections import namedtuple
from functools import lru_cache

import numpy as np
from numba import njit

from ...cpu.simd import lanes_of

POSITIONS = 2048  # of a strip, going back (Zen 5, 2026-11)
STRIP = 512  # windows of a strip: what their columns give stays in the first-level cache (Zen 3, 2026-11)

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


@njit(cache=True, nogil=True)
def divisors(depth, height, width, count_include_pad, divisor, like):
    """The divisor's factors for each depth and row, and for each column; all of it in the columns' if it was given.

    Columns are filled up to whole vectors.
    """
    rows = np.ones((depth.windows, height.windows), like.dtype)
    columns = np.ones(whole_vectors(like, width.windows), like.dtype)
    if divisor:
        columns[:] = divisor
    else:
        depths, heights = counts(depth, count_include_pad, like), counts(height, count_include_pad, like)
        for z in range(depth.windows):
            for p in range(height.windows):
                rows[z, p] = depths[z] * heights[p]
        columns[: width.windows] = counts(width, count_include_pad, like)
    return rows, columns


@njit(inline="always")
def vectors_of(like, count):
    """Vectors that cover so many elements. A range by steps of lanes may raise, so that arrays would be counted."""
    return (count + lanes_of(like) - 1) // lanes_of(like)


@njit(inline="always")
def pairs_of(like, count):
    """Pairs of vectors that do."""
    return (count + 2 * lanes_of(like) - 1) // (2 * lanes_of(like))


@njit(inline="always")
def whole_vectors(like, count):
    """So many elements, filled up to whole vectors."""
    return vectors_of(like, count) * lanes_of(like)


@njit(inline="always")
def line_of(width, like):
    """Elements of a line that holds a row of the input between its padding, and all that vectors of windows read."""
    reach = (whole_vectors(like, width.windows) - 1) * width.stride + (width.taps - 1) * width.dilation + 1
    return whole_vectors(like, max(reach, width.before + width.size) + 2 * lanes_of(like))


@njit(inline="always")
def strip_covered(depth, height, width, like):
    """(rows of the input worked on together, rows of windows that cover them, depths of windows that do, pitch).

    Going back; the pitch is that of rows of the input which vectors are stored to.
    """
    rows = min(height.size, max(4, POSITIONS // width.size))
    layer = min(height.windows, (rows + height.taps - 2) // height.stride + 1)
    deep = min(depth.windows, (depth.taps - 1) // depth.stride + 1)
    return rows, layer, deep, whole_vectors(like, width.size) + lanes_of(like)


@njit(inline="always")
def strip_of(height, width):
    """(rows of windows that are worked on together, rows of the input that they read)."""
    rows = min(height.windows, max(4, STRIP // width.windows))
    return rows, (rows - 1) * height.stride + (height.taps - 1) * height.dilation + 1
