"""Sums of a weight gradient by Winograd's algorithm: units of some channels and filters, in all positions."""

from typing import NamedTuple

from numba import njit

from ....cpu.microkernel import multiply_packed
from ....cpu.registers import MR, NV
from ....cpu.simd_rows import copy_row
from ....cpu.transpose import transpose
from .filters import MATRIX_GAP
from .tiles import task_bounds
from .transforms import TILE_POSITIONS, filter_matrix, sandwich, transposed

UNIT_CHANNELS = 32  # phases of channels that are summed at once: with NR filters a third of the second-level cache
STEP_TILES = 256  # multiplied at once, at most: their channels then fill two thirds of the first-level cache
_transform_sums_3, _transform_sums_5 = (sandwich(transposed(filter_matrix(taps))) for taps in (3, 5))


class TileSums(NamedTuple):
    """Sizes of the sums over a group's tiles."""

    channels: int
    """Phases of channels, in whole units."""
    filters: int
    """In whole vectors."""
    count: int
    """Filters without that padding."""
    p: int
    """Rows and columns of dy."""
    q: int
    private: int
    """Whether threads work alone, each with partial sums."""
    kept: int
    """Units of sums that stay in memory from task to task, of all threads; 0 where one task has all tiles."""


@njit(cache=True, nogil=True)
def unit_count(t, shape):
    """Units of UNIT_CHANNELS channels' phases and NR filters that the sums lie in."""
    return shape.channels // UNIT_CHANNELS * (shape.filters // (NV * t.lanes))


@njit(cache=True, nogil=True)
def unit_start(t, shape, unit):
    """(first filter, first phase of a channel) of a unit."""
    groups = shape.channels // UNIT_CHANNELS
    return unit // groups * NV * t.lanes, unit % groups * UNIT_CHANNELS


@njit(cache=True, nogil=True)
def unit_size(t):
    """Elements of a unit's sums."""
    return TILE_POSITIONS * ((UNIT_CHANNELS + MR - 1) // MR * MR * NV * t.lanes + MATRIX_GAP)


@njit(cache=True, nogil=True)
def task_tiles(t, task):
    """Tiles of a task."""
    _, images, first, last = task_bounds(t, task)
    return images * (last - first) * t.across


@njit(cache=True, nogil=True)
def multiply_tiles(t, shape, v, u, task, adds, k, c0, sums, start):
    """sums[position, c, i] = (sums[position, c, i] +) sum_tile v[position, tile, c0 + c] u[position, tile, k + i]."""
    channels, filters, columns, tiles = shape.channels, shape.filters, NV * t.lanes, task_tiles(t, task)
    stride, end = unit_size(t) // TILE_POSITIONS, t.c * t.reads * t.reads
    for position in range(TILE_POSITIONS):
        for tile in range(0, tiles, STEP_TILES):
            steps = min(STEP_TILES, tiles - tile)
            column = position * (filters * t.count + MATRIX_GAP) + k * t.count + tile * columns
            row = position * (channels * t.count + MATRIX_GAP) + c0 * t.count + tile * UNIT_CHANNELS
            for c in range(0, min(UNIT_CHANNELS, end - c0), MR):
                target = start + position * stride + c * columns
                multiply_packed(v, row + c, UNIT_CHANNELS, u, column, steps, sums, target, columns, adds or tile > 0)


@njit(cache=True, nogil=True)
def transform_sums(t, taps, count, group, k0, c0, sums, start, tile, rows, dw):
    """dw[k, c] of a group = G^T sums[:, c, k] G, each tap of a phase to its tap of dw; the lanes are filters."""
    phases, stride = t.reads * t.reads, unit_size(t) // TILE_POSITIONS
    all_taps = dw.size // (count * t.c * t.groups)
    end = min(c0 + UNIT_CHANNELS, t.c * phases)
    for k in range(k0, min(k0 + NV * t.lanes, count), t.lanes):
        # transform, and copy the taps of each phase
        for c in range(c0, end):
            source = start + (c - c0) * NV * t.lanes + k - k0
            if t.taps == 3:
                _transform_sums_3(sums, source, stride, tile, 0, t.lanes)
            else:
                _transform_sums_5(sums, source, stride, tile, 0, t.lanes)
            for i in range(t.taps * t.taps):
                tap = taps[c % phases * t.taps * t.taps + i]
                if tap >= 0:
                    row = (c - c0) // phases * all_taps + tap
                    copy_row(rows, row * t.lanes, tile, i * t.lanes, t.lanes)
        # store, transposed to filters as rows
        valid, target = min(t.lanes, count - k), ((group * count + k) * t.c + c0 // phases) * all_taps
        transpose(rows, 0, t.lanes, (end - c0) // phases * all_taps, valid, dw, target, t.c * all_taps)
