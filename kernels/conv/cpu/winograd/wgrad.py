"""The weight gradient by Winograd's algorithm: square kernels of a few taps, on as few multiplications as forward.

It is the adjoint of correlate.py in the filters. With the same matrices B, G, A, tiles d of 6x6 inputs and e of
output gradients,

    dw = G^T [ sum over tiles of (A e A^T) . (B^T d B) ] G.

Tiles are transformed as many at a time as fit the third-level cache, the lanes being channels and filters; then each
thread sums over them for some channels and filters, all 36 positions, each a matrix product. The sums are up to four
times as large as dw: where all tiles are summed at once they never leave the second-level cache. Every sum is formed
by one thread, tile after tile: the bits do not depend on the number of threads. Where filters and channels are few,
threads work alone: the transformed tiles of a task stay in one second-level cache, and each thread's partial sums are
added in the order of the threads: the same bits on every run with so many threads. Of several groups a thread then has
some, with all of their tasks.
"""

from functools import partial

from numba import njit

from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import cached, pack_tables, record, scratch_or_new, table
from ....cpu.registers import NV, lanes, tile_columns
from ....cpu.simd_rows import add_row
from .. import direct_wgrad
from ..guard import GuardedWgradPlan
from .correlate import LIMITS, MATRIX_GAP, transform_input
from .taps import fprop_taps
from .tiles import Tiles, cut, fill_inputs, fill_outputs, input_size, plane_size, task_bounds, task_count
from .transforms import (
    TILE_POSITIONS,
    TILE_SIDE,
    gather_sandwich,
    output_matrix,
    outputs_of,
    transposed,
)
from .wgrad_sums import (
    UNIT_CHANNELS,
    TileSums,
    multiply_tiles,
    task_tiles,
    transform_sums,
    unit_count,
    unit_size,
    unit_start,
)

TILE_SUMS = len(Tiles._fields)
TABLES = TILE_SUMS + len(TileSums._fields)

_transform_gradient_4, _transform_gradient_2 = (gather_sandwich(transposed(output_matrix(taps))) for taps in (3, 5))


def wgrad_plan(shape, dtype, limits=LIMITS):
    """The plan of a weight gradient that taps.py supports."""
    (correlation, taps), vector, columns = fprop_taps(shape), lanes(dtype), tile_columns(dtype)
    count, size = shape.k // shape.groups, (-(-shape.p // shape.dilation_h), -(-shape.q // shape.dilation_w))
    channels = -(-(shape.c // shape.groups) * correlation.reads**2 // UNIT_CHANNELS) * UNIT_CHANNELS
    filters = -(-count // columns) * columns
    # tiles of a task
    edge, each = outputs_of(correlation.taps), TILE_POSITIONS * (channels + filters)
    private = channels * filters <= limits.private_products
    if private:
        tiles = (limits.private_elements - TILE_POSITIONS * channels * filters) // each
    else:
        images = shape.n * shape.dilation_h * shape.dilation_w
        elements = images * -(-size[0] // edge) * -(-size[1] // edge) * each
        tiles = (limits.at_once_elements if elements <= limits.at_once_elements else limits.shared_elements) // each
    t, offsets = cut(shape.x_shape, size, correlation, max(columns, tiles), 1, vector)
    # working memory: transformed tiles, which threads may have for themselves, and sums
    units = channels // UNIT_CHANNELS * (filters // columns)
    kept = units if private or task_count(t) > 1 else 0
    v, u = (0 if private else TILE_POSITIONS * (size * t.count + MATRIX_GAP) for size in (channels, filters))
    by_lane = [[lane * size for lane in range(vector)] for size in (plane_size(t), _gradient_size(t))]
    tables, bounds = pack_tables(taps, *offsets, *by_lane)
    return GuardedWgradPlan(
        _run_winograd_wgrad, [*t, *TileSums(channels, filters, count, shape.p, shape.q, private, kept), *bounds],
        tables, dtype,
        tasks=task_count(t) * shape.groups if private else max(2, units), serial=False,
        scratch=v + u + (0 if private else kept * unit_size(t)),
        scratch_per_thread=kept * unit_size(t) if private else 0,
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
    kept = shape.kept * unit_size(t)
    if shape.private:
        sums = scratch_or_new(scratch, 0, threads * kept, x)
        if t.groups > 1:
            on_threads(_sum_groups, (*layout, x, dy, taps, sums, dw), threads)
            return
        on_threads(_sum_private, (*layout, x, dy, sums), threads)
        _add_private(t, shape, taps, 0, sums, 0, threads, dw)
        return
    v_size, u_size = (
        TILE_POSITIONS * (shape.channels * t.count + MATRIX_GAP),
        TILE_POSITIONS * (shape.filters * t.count + MATRIX_GAP),
    )
    v, u = scratch_or_new(scratch, 0, v_size, x), scratch_or_new(scratch, v_size, u_size, x)
    sums = scratch_or_new(scratch, v_size + u_size, kept, x)
    tasks = task_count(t)
    for unit in range(t.groups * tasks):
        group, task = unit // tasks, unit % tasks
        on_threads(_transform, (*layout, x, dy, group, task, False, v, u), threads)
        on_threads(_sum, (t, shape, taps, v, u, group, task, sums, dw), threads)


@njit(cache=True, nogil=True)
def _sum_groups(t, shape, sources, targets, by_channel, by_filter, x, dy, taps, sums, dw, thread, threads):
    """dw of one thread's groups."""
    v, u = _private_tiles(t, shape, x)
    start = thread * shape.kept * unit_size(t)
    first, last = share(t.groups, thread, threads)
    for group in range(first, last):
        _sum_tasks(t, shape, sources, targets, by_channel, by_filter, x, dy, group, v, u, sums, start, 0, 1)
        _add_private(t, shape, taps, group, sums, start, 1, dw)


@njit(cache=True, nogil=True)
def _sum_private(t, shape, sources, targets, by_channel, by_filter, x, dy, sums, thread, threads):
    """The sums of one thread's tasks: sums[thread, unit]."""
    (v, u), start = _private_tiles(t, shape, x), thread * shape.kept * unit_size(t)
    _sum_tasks(t, shape, sources, targets, by_channel, by_filter, x, dy, 0, v, u, sums, start, thread, threads)


@njit(inline="always")
def _private_tiles(t, shape, like):
    """Memory for a task's V and U."""
    v = workspace(TILE_POSITIONS * (shape.channels * t.count + MATRIX_GAP), like)
    return v, zeros(TILE_POSITIONS * (shape.filters * t.count + MATRIX_GAP), like)


@njit(cache=True, nogil=True)
def _sum_tasks(t, shape, sources, targets, by_channel, by_filter, x, dy, group, v, u, sums, start, part, parts):
    """sums[unit] of a part of the tasks, from sums[start] on.

    FLOPs: 72 K C / groups for each tile. Bytes: x and dy once.
    """
    first, last = share(task_count(t), part, parts)
    for task in range(first, last):
        _transform(t, shape, sources, targets, by_channel, by_filter, x, dy, group, task, True, v, u, 0, 1)
        for unit in range(unit_count(t, shape)):
            k, c0 = unit_start(t, shape, unit)
            multiply_tiles(t, shape, v, u, task, task > first, k, c0, sums, start + unit * unit_size(t))


@njit(cache=True, nogil=True)
def _add_private(t, shape, taps, group, sums, start, parts, dw):
    """dw of a group, of several parts' sums one after the other."""
    count, units = shape.count, unit_count(t, shape)
    all_taps, size = dw.size // (count * t.c * t.groups), units * unit_size(t)
    for part in range(1, parts):
        add_row(sums, start, sums, start + part * size, size)
    tile, rows = workspace(t.taps * t.taps * t.lanes, sums), workspace(UNIT_CHANNELS * all_taps * t.lanes, sums)
    for unit in range(units):
        k, c0 = unit_start(t, shape, unit)
        transform_sums(t, taps, count, group, k, c0, sums, start + unit * unit_size(t), tile, rows, dw)


@njit(cache=True, nogil=True)
def _gradient_size(t):
    """Elements of one filter's planes, with what a last quad reads too far."""
    return t.images * t.rows * t.edge * t.edge * t.across + TILE_SIDE


@njit(cache=True, nogil=True)
def _transform(t, shape, sources, targets, by_channel, by_filter, x, dy, group, task, cleared, v, u, thread, threads):
    """V = B^T d B and U = A e A^T of a task's tiles, for one thread's vectors of a group's channels and filters.

    v[position, c // U, tile, c % U], U = UNIT_CHANNELS, c a phase of a channel, and u[position, k // NR, tile, k % NR].
    Vectors past the last channel are never read; those past the last filter are zeros, and may be so already.
    """
    n, images, first, _ = task_bounds(t, task)
    channels, filters, count, columns = shape.channels, shape.filters, shape.count, NV * t.lanes
    size, gradient_size, tiles = plane_size(t), _gradient_size(t), task_tiles(t, task)
    # V: inputs, a channel's phase a lane
    inputs = zeros(t.lanes * size + input_size(t), x)
    start, stop = share((t.c * t.reads * t.reads + t.lanes - 1) // t.lanes, thread, threads)
    for c0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        _fill_channels(t, x, n, images, group, c0, first, inputs)
        for tile in range(tiles):
            target = (c0 // UNIT_CHANNELS * t.count + tile) * UNIT_CHANNELS + c0 % UNIT_CHANNELS
            transform_input(inputs, sources[tile], by_channel, 0, t.width, v, target, channels * t.count + MATRIX_GAP)
    # U: output gradients, a filter a lane
    outputs = zeros(t.lanes * gradient_size, x)
    start, stop = share(((count if cleared else filters) + t.lanes - 1) // t.lanes, thread, threads)
    for k0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        for k in range(k0, k0 + t.lanes):
            if k < count:
                fill_outputs(
                    t, dy, (shape.p, shape.q), n, images, group * count + k, count * t.groups, first,
                    outputs, (k - k0) * gradient_size,
                )  # fmt: skip
            else:
                outputs[(k - k0) * gradient_size : (k - k0 + 1) * gradient_size] = 0
        for tile in range(tiles):
            target, stride = (k0 // columns * t.count + tile) * columns + k0 % columns, filters * t.count + MATRIX_GAP
            if t.edge == 4:
                _transform_gradient_4(outputs, targets[tile], by_filter, 0, 4 * t.across, u, target, stride)
            else:
                _transform_gradient_2(outputs, targets[tile], by_filter, 0, 2 * t.across, u, target, stride)


@njit(cache=True, nogil=True)
def _fill_channels(t, x, n, images, group, c0, first, inputs):
    """Planes of one phase of a group's channel for each lane, zeros past the last one."""
    phases, size = t.reads * t.reads, plane_size(t)
    for c in range(c0, c0 + t.lanes, phases):
        if c // phases < t.c:
            fill_inputs(t, x, n, images, group * t.c + c // phases, first, inputs, (c - c0) * size)
        else:
            inputs[(c - c0) * size : (c - c0 + phases) * size] = 0


@njit(cache=True, nogil=True)
def _sum(t, shape, taps, v, u, group, task, sums, dw, thread, threads):
    """The equation at the head of this file, a group's task of it, for one thread's channels and filters.

    FLOPs: 72 K C for each tile. Bytes: v once for NR filters and u once for UNIT_CHANNELS channels, from the
    third-level cache; dw once, and the sums once a task if several.
    """
    count, kept, done = shape.count, sums.size > 0, task == task_count(t) - 1
    local = workspace(0 if kept else unit_size(t), v)
    all_taps = dw.size // (count * t.c * t.groups)
    tile = workspace(t.taps * t.taps * t.lanes, v)
    rows = workspace(UNIT_CHANNELS * all_taps * t.lanes, v)
    first, last = share(unit_count(t, shape), thread, threads)
    for unit in range(first, last):
        k, c0 = unit_start(t, shape, unit)
        if kept:
            multiply_tiles(t, shape, v, u, task, task > 0, k, c0, sums, unit * unit_size(t))
            if done:
                transform_sums(t, taps, count, group, k, c0, sums, unit * unit_size(t), tile, rows, dw)
        else:
            multiply_tiles(t, shape, v, u, task, False, k, c0, local, 0)
            transform_sums(t, taps, count, group, k, c0, local, 0, tile, rows, dw)
