"""The weight gradient by Winograd's algorithm: kernels of 3x3 and 5x5 taps, on as few multiplications as forward.

It is the adjoint of winograd.py in the filters. With the same matrices B, G, A, tiles d of 6x6 inputs and e of
output gradients,

    dw = G^T [ sum over tiles of (A e A^T) . (B^T d B) ] G.

Tiles are transformed as many at a time as fit the third-level cache, the lanes being channels and filters; then each
thread sums over them for some channels and filters, all 36 positions, each a matrix product. The sums are up to four
times as large as dw: where all tiles are summed at once they never leave the second-level cache. Every sum is formed
by one thread, tile after tile: the bits do not depend on the number of threads. Where filters and channels are few,
threads work alone: the transformed tiles of a task stay in one second-level cache, and each thread's partial sums are
added in the order of the threads: the same bits on every run with so many threads.
"""

from functools import partial
from typing import NamedTuple

from numba import njit

from ...cpu.microkernel import multiply_packed
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import cached, pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, NV, lanes, tile_columns
from ...cpu.simd_rows import add_row, copy_row
from ...cpu.transpose import transpose
from . import direct_wgrad
from .guard import GuardedWgradPlan
from .winograd import LIMITS, MATRIX_GAP, transform_input
from .winograd_taps import fprop_taps
from .winograd_tiles import Tiles, cut, fill_inputs, fill_outputs, input_size, plane_size, task_bounds, task_count
from .winograd_transforms import (
    TILE_POSITIONS,
    TILE_SIDE,
    filter_matrix,
    gather_sandwich,
    output_matrix,
    outputs_of,
    sandwich,
    transposed,
)

UNIT_CHANNELS = 32  # phases of channels that are summed at once: with NR filters a third of the second-level cache
STEP_TILES = 256  # multiplied at once, at most: their channels then fill two thirds of the first-level cache


class TileSums(NamedTuple):
    """Sizes of the sums over tiles."""

    channels: int
    """Phases of channels, in whole units."""
    filters: int
    """In whole vectors."""
    count: int
    """Filters without that padding."""
    private: int
    """Whether threads work alone, each with partial sums."""
    kept: int
    """Units of sums that stay in memory from task to task, of all threads; 0 where one task has all tiles."""


TILE_SUMS = len(Tiles._fields)
TABLES = TILE_SUMS + len(TileSums._fields)

_transform_gradient_4, _transform_gradient_2 = (gather_sandwich(transposed(output_matrix(taps))) for taps in (3, 5))
_transform_sums_3, _transform_sums_5 = (sandwich(transposed(filter_matrix(taps))) for taps in (3, 5))


def wgrad_plan(shape, dtype, limits=LIMITS):
    """The plan of a weight gradient that winograd_taps supports."""
    (correlation, taps), vector, columns = fprop_taps(shape), lanes(dtype), tile_columns(dtype)
    channels = -(-shape.c * correlation.reads**2 // UNIT_CHANNELS) * UNIT_CHANNELS
    filters = -(-shape.k // columns) * columns
    # tiles of a task
    edge, each = outputs_of(correlation.taps), TILE_POSITIONS * (channels + filters)
    private = channels * filters <= limits.private_products
    if private:
        tiles = (limits.private_elements - TILE_POSITIONS * channels * filters) // each
    else:
        elements = shape.n * -(-shape.p // edge) * -(-shape.q // edge) * each
        tiles = (limits.at_once_elements if elements <= limits.at_once_elements else limits.shared_elements) // each
    t, offsets = cut(shape.x_shape, (shape.p, shape.q), correlation, max(columns, tiles), 1, vector)
    # working memory: transformed tiles, which threads may have for themselves, and sums
    units = channels // UNIT_CHANNELS * (filters // columns)
    kept = units if private or task_count(t) > 1 else 0
    v, u = (0 if private else TILE_POSITIONS * (size * t.count + MATRIX_GAP) for size in (channels, filters))
    by_lane = [[lane * size for lane in range(vector)] for size in (plane_size(t), _gradient_size(t))]
    tables, bounds = pack_tables(taps, *offsets, *by_lane)
    return GuardedWgradPlan(
        _run_winograd_wgrad, [*t, *TileSums(channels, filters, shape.k, private, kept), *bounds], tables, dtype,
        tasks=task_count(t) if private else max(2, units), serial=False,
        scratch=v + u + (0 if private else kept * _unit_size(t)),
        scratch_per_thread=kept * _unit_size(t) if private else 0,
        direct=partial(_direct_plan, shape, dtype),
    )  # fmt: skip


@cached
def _direct_plan(shape, dtype):
    """The direct algorithm's plan."""
    return direct_wgrad.wgrad_plan(shape, dtype)


@njit(cache=True, nogil=True)
def _run_winograd_wgrad(sizes, tables, scratch, x, dy, dw, threads):
    """Task by task: transform, then sum. Where threads work alone: each its tasks, then add their partial sums."""
    x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
    t, shape = record(Tiles, sizes, 0), record(TileSums, sizes, TILE_SUMS)
    taps, sources = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    targets = table(tables, sizes, TABLES + 2)
    by_channel, by_filter = table(tables, sizes, TABLES + 3), table(tables, sizes, TABLES + 4)
    layout = t, shape, sources, targets, by_channel, by_filter
    kept = shape.kept * _unit_size(t)
    if shape.private:
        sums = scratch_or_new(scratch, 0, threads * kept, x)
        on_threads(_sum_private, (*layout, x, dy, sums), threads)
        _add_private(t, shape, taps, sums, threads, dw)
        return
    v_size, u_size = (
        TILE_POSITIONS * (shape.channels * t.count + MATRIX_GAP),
        TILE_POSITIONS * (shape.filters * t.count + MATRIX_GAP),
    )
    v, u = scratch_or_new(scratch, 0, v_size, x), scratch_or_new(scratch, v_size, u_size, x)
    sums = scratch_or_new(scratch, v_size + u_size, kept, x)
    for task in range(task_count(t)):
        on_threads(_transform, (*layout, x, dy, task, False, v, u), threads)
        on_threads(_sum, (t, shape, taps, v, u, task, sums, dw), threads)


@njit(cache=True, nogil=True)
def _sum_private(t, shape, sources, targets, by_channel, by_filter, x, dy, sums, thread, threads):
    """The sums of one thread's tasks: sums[thread, unit].

    FLOPs: 72 K C for each tile. Bytes: x and dy once.
    """
    v = workspace(TILE_POSITIONS * (shape.channels * t.count + MATRIX_GAP), x)
    u = zeros(TILE_POSITIONS * (shape.filters * t.count + MATRIX_GAP), x)
    units = _unit_count(t, shape)
    first, last = share(task_count(t), thread, threads)
    for task in range(first, last):
        _transform(t, shape, sources, targets, by_channel, by_filter, x, dy, task, True, v, u, 0, 1)
        for unit in range(units):
            k, c0 = _unit_start(t, shape, unit)
            target = (thread * units + unit) * _unit_size(t)
            _multiply_tiles(t, shape, v, u, task, task > first, k, c0, sums, target)


@njit(cache=True, nogil=True)
def _add_private(t, shape, taps, sums, threads, dw):
    """dw of all threads' sums."""
    count, units = shape.count, _unit_count(t, shape)
    all_taps, size = dw.size // (count * t.c), units * _unit_size(t)
    for thread in range(1, threads):
        add_row(sums, 0, sums, thread * size, size)
    tile, rows = workspace(t.taps * t.taps * t.lanes, sums), workspace(UNIT_CHANNELS * all_taps * t.lanes, sums)
    for unit in range(units):
        k, c0 = _unit_start(t, shape, unit)
        _transform_sums(t, taps, count, k, c0, sums, unit * _unit_size(t), tile, rows, dw)


@njit(cache=True, nogil=True)
def _unit_count(t, shape):
    """Units of UNIT_CHANNELS channels' phases and NR filters that the sums lie in."""
    return shape.channels // UNIT_CHANNELS * (shape.filters // (NV * t.lanes))


@njit(cache=True, nogil=True)
def _unit_start(t, shape, unit):
    """(first filter, first phase of a channel) of a unit."""
    groups = shape.channels // UNIT_CHANNELS
    return unit // groups * NV * t.lanes, unit % groups * UNIT_CHANNELS


@njit(cache=True, nogil=True)
def _unit_size(t):
    """Elements of a unit's sums."""
    return TILE_POSITIONS * ((UNIT_CHANNELS + MR - 1) // MR * MR * NV * t.lanes + MATRIX_GAP)


@njit(cache=True, nogil=True)
def _gradient_size(t):
    """Elements of one filter's planes, with what a last quad reads too far."""
    return t.images * t.rows * t.edge * t.edge * t.across + TILE_SIDE


@njit(cache=True, nogil=True)
def _task_tiles(t, task):
    """Tiles of a task."""
    _, images, first, last = task_bounds(t, task)
    return images * (last - first) * t.across


@njit(cache=True, nogil=True)
def _transform(t, shape, sources, targets, by_channel, by_filter, x, dy, task, cleared, v, u, thread, threads):
    """V = B^T d B and U = A e A^T of a task's tiles, for one thread's vectors of channels and filters.

    v[position, c // U, tile, c % U], U = UNIT_CHANNELS, c a phase of a channel, and u[position, k // NR, tile, k % NR].
    Vectors past the last channel are never read; those past the last filter are zeros, and may be so already.
    """
    n, images, first, _ = task_bounds(t, task)
    channels, filters, count, columns = shape.channels, shape.filters, shape.count, NV * t.lanes
    size, gradient_size, tiles = plane_size(t), _gradient_size(t), _task_tiles(t, task)
    # V: inputs, a channel's phase a lane
    inputs = zeros(t.lanes * size + input_size(t), x)
    start, stop = share((t.c * t.reads * t.reads + t.lanes - 1) // t.lanes, thread, threads)
    for c0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        _fill_channels(t, x, n, images, c0, first, inputs)
        for tile in range(tiles):
            target = (c0 // UNIT_CHANNELS * t.count + tile) * UNIT_CHANNELS + c0 % UNIT_CHANNELS
            transform_input(inputs, sources[tile], by_channel, 0, t.width, v, target, channels * t.count + MATRIX_GAP)
    # U: output gradients, a filter a lane
    outputs = zeros(t.lanes * gradient_size, x)
    start, stop = share(((count if cleared else filters) + t.lanes - 1) // t.lanes, thread, threads)
    for k0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        for k in range(k0, k0 + t.lanes):
            if k < count:
                fill_outputs(t, dy, n, images, k, count, first, outputs, (k - k0) * gradient_size)
            else:
                outputs[(k - k0) * gradient_size : (k - k0 + 1) * gradient_size] = 0
        for tile in range(tiles):
            target, stride = (k0 // columns * t.count + tile) * columns + k0 % columns, filters * t.count + MATRIX_GAP
            if t.edge == 4:
                _transform_gradient_4(outputs, targets[tile], by_filter, 0, 4 * t.across, u, target, stride)
            else:
                _transform_gradient_2(outputs, targets[tile], by_filter, 0, 2 * t.across, u, target, stride)


@njit(cache=True, nogil=True)
def _fill_channels(t, x, n, images, c0, first, inputs):
    """Planes of one phase of a channel for each lane, zeros past the last one."""
    phases, size = t.reads * t.reads, plane_size(t)
    for c in range(c0, c0 + t.lanes, phases):
        if c // phases < t.c:
            fill_inputs(t, x, n, images, c // phases, first, inputs, (c - c0) * size)
        else:
            inputs[(c - c0) * size : (c - c0 + phases) * size] = 0


@njit(cache=True, nogil=True)
def _sum(t, shape, taps, v, u, task, sums, dw, thread, threads):
    """The equation at the head of this file, a task of it, for one thread's channels and filters.

    FLOPs: 72 K C for each tile. Bytes: v once for NR filters and u once for UNIT_CHANNELS channels, from the
    third-level cache; dw once, and the sums once a task if several.
    """
    count, kept, done = shape.count, sums.size > 0, task == task_count(t) - 1
    local = workspace(0 if kept else _unit_size(t), v)
    all_taps = dw.size // (count * t.c)
    tile = workspace(t.taps * t.taps * t.lanes, v)
    rows = workspace(UNIT_CHANNELS * all_taps * t.lanes, v)
    first, last = share(_unit_count(t, shape), thread, threads)
    for unit in range(first, last):
        k, c0 = _unit_start(t, shape, unit)
        if kept:
            _multiply_tiles(t, shape, v, u, task, task > 0, k, c0, sums, unit * _unit_size(t))
            if done:
                _transform_sums(t, taps, count, k, c0, sums, unit * _unit_size(t), tile, rows, dw)
        else:
            _multiply_tiles(t, shape, v, u, task, False, k, c0, local, 0)
            _transform_sums(t, taps, count, k, c0, local, 0, tile, rows, dw)


@njit(cache=True, nogil=True)
def _multiply_tiles(t, shape, v, u, task, adds, k, c0, sums, start):
    """sums[position, c, i] = (sums[position, c, i] +) sum_tile v[position, tile, c0 + c] u[position, tile, k + i]."""
    channels, filters, columns, tiles = shape.channels, shape.filters, NV * t.lanes, _task_tiles(t, task)
    stride, end = _unit_size(t) // TILE_POSITIONS, t.c * t.reads * t.reads
    for position in range(TILE_POSITIONS):
        for tile in range(0, tiles, STEP_TILES):
            steps = min(STEP_TILES, tiles - tile)
            column = position * (filters * t.count + MATRIX_GAP) + k * t.count + tile * columns
            row = position * (channels * t.count + MATRIX_GAP) + c0 * t.count + tile * UNIT_CHANNELS
            for c in range(0, min(UNIT_CHANNELS, end - c0), MR):
                target = start + position * stride + c * columns
                multiply_packed(v, row + c, UNIT_CHANNELS, u, column, steps, sums, target, columns, adds or tile > 0)


@njit(cache=True, nogil=True)
def _transform_sums(t, taps, count, k0, c0, sums, start, tile, rows, dw):
    """dw[k, c] = G^T sums[:, c, k] G, each tap of a phase to its tap of dw; the lanes are filters."""
    phases, all_taps, stride = t.reads * t.reads, dw.size // (count * t.c), _unit_size(t) // TILE_POSITIONS
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
        valid, target = min(t.lanes, count - k), (k * t.c + c0 // phases) * all_taps
        transpose(rows, 0, t.lanes, (end - c0) // phases * all_taps, valid, dw, target, t.c * all_taps)
