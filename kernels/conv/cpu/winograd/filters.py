"""Transformed filters for Winograd's algorithm, a block of filters at a time: the lanes are filters.

    a[position, (c, u, v), (i, j, k)] = (G w' G^T)[position]

for filter k of the block, where w' are the taps (taps.py) that phase (u, v) of channel c has in phase (i, j)
of the result. A position's matrix has a row for each channel, of which the micro-kernel reads a few filters at a time.
"""

from typing import NamedTuple

from numba import njit

from ....cpu.simd_rows import clear_row, copy_row
from ....cpu.transpose import transpose
from .transforms import TILE_POSITIONS, filter_matrix, sandwich

TRANSPOSED_CHANNELS = 32  # whose taps are transposed at once: 9 of them fill a third of the first-level cache
MATRIX_GAP = 16  # elements between matrices, so that they do not fall into one set of the first-level cache

_transform_3, _transform_5 = sandwich(filter_matrix(3)), sandwich(filter_matrix(5))


class Filters(NamedTuple):
    """Where filters come from, and how many of them make a block; integers for the kernels."""

    count: int
    """Of a group, as are channels."""
    channels: int
    taps: int
    """Of a filter."""
    transposed: int
    """Whether weights lie as (channels, filters, taps), not as (filters, channels, taps)."""
    side: int
    """Taps of a phase along an axis."""
    reads: int
    """Phases of a channel."""
    writes: int
    """Phases of a filter."""
    vectors: int
    """Vectors of filters in a block."""
    lanes: int
    """Elements of a vector."""


@njit(cache=True, nogil=True)
def block_filters(f):
    """Filters of a block."""
    return f.vectors * f.lanes


@njit(cache=True, nogil=True)
def row_size(f):
    """Elements of a matrix's row: the phases of a block's filters."""
    return f.writes * f.vectors * f.lanes


@njit(cache=True, nogil=True)
def matrix_size(f):
    """Elements from one position's matrix to the next one's."""
    return f.channels * f.reads * row_size(f) + MATRIX_GAP


@njit(cache=True, nogil=True)
def block_size(f):
    """Elements of a block's matrices."""
    return TILE_POSITIONS * matrix_size(f)


@njit(cache=True, nogil=True)
def scratch_size(f):
    """Elements that transform_filters works in."""
    return (TRANSPOSED_CHANNELS * f.taps + f.side * f.side) * f.lanes


@njit(cache=True, nogil=True)
def transform_filters(f, w, group, table, block, a, work):
    """The equation at the head of this file; zeros past the last filter of the group.

    Parameters
    ----------
    f : Filters
    w : flat array
    group : int
    table : int32 array (reads * writes * side * side,)
        As in taps.py.
    block : int
    a : flat array of block_size elements
    work : flat array of scratch_size elements
    """
    width, stride, tile = row_size(f), matrix_size(f), TRANSPOSED_CHANNELS * f.taps * f.lanes
    first = group * f.count * f.channels * f.taps
    for vector in range(f.vectors):
        k = block * block_filters(f) + vector * f.lanes
        valid = max(0, min(f.lanes, f.count - k))
        if valid < f.lanes:
            clear_row(work, 0, work.size)
        for c0 in range(0, f.channels, TRANSPOSED_CHANNELS):
            # the filters' taps, one filter a lane
            c1 = min(c0 + TRANSPOSED_CHANNELS, f.channels)
            if valid:
                _transpose_taps(f, w, first, k, valid, c0, c1, work)
            for row in range((c1 - c0) * f.reads):
                c, read = row // f.reads, row % f.reads
                for write in range(f.writes):
                    # the taps of a phase, then their transform
                    for t in range(f.side * f.side):
                        tap = table[(read * f.writes + write) * f.side * f.side + t]
                        if tap < 0:
                            clear_row(work, tile + t * f.lanes, f.lanes)
                        else:
                            copy_row(work, tile + t * f.lanes, work, (c * f.taps + tap) * f.lanes, f.lanes)
                    target = (c0 * f.reads + row) * width + (write * f.vectors + vector) * f.lanes
                    if f.side == 3:
                        _transform_3(work, tile, f.lanes, a, target, stride)
                    else:
                        _transform_5(work, tile, f.lanes, a, target, stride)


@njit(cache=True, nogil=True)
def _transpose_taps(f, w, first, k, valid, c0, c1, work):
    """work[(c - c0) * taps + t, i] = w of filter k + i, channel c and tap t for c0 <= c < c1, i < valid.

    The group's weights begin with element `first`.
    """
    if f.transposed:
        for c in range(c0, c1):
            target = (c - c0) * f.taps * f.lanes
            transpose(w, first + (c * f.count + k) * f.taps, f.taps, valid, f.taps, work, target, f.lanes)
    else:
        first, stride = first + (k * f.channels + c0) * f.taps, f.channels * f.taps
        transpose(w, first, stride, valid, (c1 - c0) * f.taps, work, 0, f.lanes)
