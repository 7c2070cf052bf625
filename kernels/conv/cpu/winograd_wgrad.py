"""The weight gradient by Winograd's algorithm: kernels of 3x3 and 5x5 taps, on as few multiplications as forward.

It is the adjoint of conv_winograd.py in the filters. With the same matrices B, G, A, tiles d of 6x6 inputs and e of
output gradients,

    dw = G^T [ sum over tiles of (A e A^T) . (B^T d B) ] G.

Tiles are transformed as many at a time as fit the third-level cache, the lanes being channels and filters; then each
thread sums over them for some channels and filters, all 36 positions, each a matrix product. The sums are up to four
times as large as dw: where all tiles are summed at once they never leave the second-level cache. Every sum is formed
by one thread, tile after tile: the bits do not depend on the number of threads. Where filters and channels are few,
each thread has tasks of its own, whose transformed tiles stay in its second-level cache, and sums of its own, which are
added in the threads' order: the same bits on every run with so many threads.
"""

import numpy as np
from numba import njit

from ...core.memory import new
from ...cpu.emitter import MR, NV, lanes, tile_columns
from ...cpu.microkernel import multiply_packed
from ...cpu.parallel import share
from ...cpu.simd_rows import add_row, copy_row
from ...cpu.threads import on_threads, threads_for
from ...cpu.transposing import transpose
from ...cpu.workspaces import workspace, zeros
from .winograd import ALONE, FEW, SPREAD, STEPS, transform_input
from .winograd_matrices import POSITIONS, SIDE, filter_matrix, output_matrix, outputs_of, transposed
from .winograd_taps import forward
from .winograd_tiles import cut, fill_inputs, fill_outputs, input_size, plane_size, task_count, task_of
from .winograd_transforms import gather_sandwich, sandwich

ALL = 5 << 20  # elements of transformed tiles that are summed at once if they are all: half of the third-level cache
SHARED = 3 << 20  # elements of transformed tiles at a time otherwise, about (Zen 5, 2026-11)
CHANNELS = 32  # phases of channels that are summed at once: with NR filters a third of the second-level cache

_transform_gradient_4, _transform_gradient_2 = (gather_sandwich(transposed(output_matrix(taps))) for taps in (3, 5))
_transform_sums_3, _transform_sums_5 = (sandwich(transposed(filter_matrix(taps))) for taps in (3, 5))


def correlate_with_gradient_winograd(g, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r - pad, q st + s - pad]: equation (13).

    Parameters
    ----------
    g : ConvShape
        One that winograd_taps serves.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C, R, S)
    """
    if g.n == 0:
        dw[...] = 0
        return
    (correlation, table), vector, columns = forward(g), lanes(x.dtype), tile_columns(x.dtype)
    channels = -(-g.c * correlation.reads**2 // CHANNELS) * CHANNELS
    filters = -(-g.k // columns) * columns
    edge, each, few = outputs_of(correlation.taps), POSITIONS * (channels + filters), channels * filters <= FEW
    if few:
        tiles = (ALONE - POSITIONS * channels * filters) // each
    else:
        tiles = (ALL if g.n * -(-g.p // edge) * -(-g.q // edge) * each <= ALL else SHARED) // each
    t, places = cut(x.shape, (g.p, g.q), correlation, max(columns, tiles), 1, vector)
    sizes = channels, filters, g.k
    units = _unit_count(t, sizes)
    threads = threads_for(task_count(t) if few else max(2, units), False)
    kept = threads * units if few else units if task_count(t) > 1 else 0
    sums = new((kept * _unit_size(t),), x.dtype)
    transformed = [new((0 if few else POSITIONS * (size * t.count + SPREAD),), x.dtype) for size in (channels, filters)]
    tables = np.arange(vector, dtype=np.int32) * plane_size(t), np.arange(vector, dtype=np.int32) * _gradient_size(t)
    arrays = x.reshape(-1), dy.reshape(-1), *transformed, sums, dw.reshape(-1)
    _launch(t, places, tables, table, sizes, arrays, few, threads)


@njit(cache=True, nogil=True)
def _launch(t, places, tables, taps, sizes, arrays, few, threads):
    """Task by task: transform, then sum. Where there are few sums: each thread its tasks, then all sums together."""
    x, dy, v, u, sums, dw = arrays
    if few:
        on_threads(_sum_alone, (t, places, tables, sizes, x, dy, sums), threads)
        _add_alone(t, taps, sizes, sums, threads, dw)
        return
    for task in range(task_count(t)):
        on_threads(_transform, (t, places, tables, sizes, x, dy, task, False, v, u), threads)
        on_threads(_sum, (t, taps, sizes, v, u, task, sums, dw), threads)


@njit(cache=True, nogil=True)
def _sum_alone(t, places, tables, sizes, x, dy, sums, thread, threads):
    """The sums of one thread's tasks: sums[thread, unit].

    FLOPs: 72 K C for each tile. Bytes: x and dy once.
    """
    channels, filters, _ = sizes
    v = workspace(POSITIONS * (channels * t.count + SPREAD), x)
    u = zeros(POSITIONS * (filters * t.count + SPREAD), x)
    units = _unit_count(t, sizes)
    first, last = share(task_count(t), thread, threads)
    for task in range(first, last):
        _transform(t, places, tables, sizes, x, dy, task, True, v, u, 0, 1)
        for unit in range(units):
            k, c0 = _unit_of(t, sizes, unit)
            place = (thread * units + unit) * _unit_size(t)
            _multiply(t, sizes, v, u, task, task > first, k, c0, sums, place)


@njit(cache=True, nogil=True)
def _add_alone(t, taps, sizes, sums, threads, dw):
    """dw of all threads' sums."""
    count, units = sizes[2], _unit_count(t, sizes)
    all_taps, size = dw.size // (count * t.c), units * _unit_size(t)
    for thread in range(1, threads):
        add_row(sums, 0, sums, thread * size, size)
    tile, turned = workspace(t.taps * t.taps * t.lanes, sums), workspace(CHANNELS * all_taps * t.lanes, sums)
    for unit in range(units):
        k, c0 = _unit_of(t, sizes, unit)
        _transform_sums(t, taps, count, k, c0, sums, unit * _unit_size(t), tile, turned, dw)


@njit(cache=True, nogil=True)
def _unit_count(t, sizes):
    """Units of CHANNELS channels' phases and NR filters that the sums lie in."""
    return sizes[0] // CHANNELS * (sizes[1] // (NV * t.lanes))


@njit(cache=True, nogil=True)
def _unit_of(t, sizes, unit):
    """(first filter, first phase of a channel) of a unit."""
    groups = sizes[0] // CHANNELS
    return unit // groups * NV * t.lanes, unit % groups * CHANNELS


@njit(cache=True, nogil=True)
def _unit_size(t):
    """Elements of a unit's sums."""
    return POSITIONS * ((CHANNELS + MR - 1) // MR * MR * NV * t.lanes + SPREAD)


@njit(cache=True, nogil=True)
def _gradient_size(t):
    """Elements of one filter's planes, with what a last quad reads too far."""
    return t.images * t.rows * t.edge * t.edge * t.across + SIDE


@njit(cache=True, nogil=True)
def _tiles_of(t, task):
    """Tiles of a task."""
    _, images, first, last = task_of(t, task)
    return images * (last - first) * t.across


@njit(cache=True, nogil=True)
def _transform(t, places, tables, sizes, x, dy, task, cleared, v, u, thread, threads):
    """V = B^T d B and U = A e A^T of a task's tiles, for one thread's vectors of channels and filters.

    v[position, c // CHANNELS, tile, c % CHANNELS], c a phase of a channel, and u[position, k // NR, tile, k % NR].
    Vectors past the last channel are never read; those past the last filter are zeros, and may be so already.
    """
    n, images, first, _ = task_of(t, task)
    (channels, filters, count), columns = sizes, NV * t.lanes
    (sources, targets), (by_channel, by_filter) = places, tables
    size, gradient_size, tiles = plane_size(t), _gradient_size(t), _tiles_of(t, task)
    inputs = zeros(t.lanes * size + input_size(t), x)
    start, stop = share((t.c * t.reads * t.reads + t.lanes - 1) // t.lanes, thread, threads)
    for c0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        _fill_channels(t, x, n, images, c0, first, inputs)
        for tile in range(tiles):
            place = (c0 // CHANNELS * t.count + tile) * CHANNELS + c0 % CHANNELS
            transform_input(inputs, sources[tile], by_channel, 0, t.width, v, place, channels * t.count + SPREAD)
    outputs = zeros(t.lanes * gradient_size, x)
    start, stop = share(((count if cleared else filters) + t.lanes - 1) // t.lanes, thread, threads)
    for k0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        for k in range(k0, k0 + t.lanes):
            if k < count:
                fill_outputs(t, dy, n, images, k, count, first, outputs, (k - k0) * gradient_size)
            else:
                outputs[(k - k0) * gradient_size : (k - k0 + 1) * gradient_size] = 0
        for tile in range(tiles):
            place, stride = (k0 // columns * t.count + tile) * columns + k0 % columns, filters * t.count + SPREAD
            if t.edge == 4:
                _transform_gradient_4(outputs, targets[tile], by_filter, 0, 4 * t.across, u, place, stride)
            else:
                _transform_gradient_2(outputs, targets[tile], by_filter, 0, 2 * t.across, u, place, stride)


@njit(cache=True, nogil=True)
def _fill_channels(t, x, n, images, c0, first, inputs):
    """Planes of as many channels' phases as there are lanes, zeros past the last one."""
    phases, size = t.reads * t.reads, plane_size(t)
    for c in range(c0, c0 + t.lanes, phases):
        if c // phases < t.c:
            fill_inputs(t, x, n, images, c // phases, first, inputs, (c - c0) * size)
        else:
            inputs[(c - c0) * size : (c - c0 + phases) * size] = 0


@njit(cache=True, nogil=True)
def _sum(t, taps, sizes, v, u, task, sums, dw, thread, threads):
    """The equation at the head of this file, a task of it, for one thread's channels and filters.

    FLOPs: 72 K C for each tile. Bytes: v once for NR filters and u once for CHANNELS channels, from the third-level
    cache; dw once, and the sums once a task if there are several.
    """
    count, kept, done = sizes[2], sums.size > 0, task == task_count(t) - 1
    mine = workspace(0 if kept else _unit_size(t), v)
    all_taps = dw.size // (count * t.c)
    tile = workspace(t.taps * t.taps * t.lanes, v)
    turned = workspace(CHANNELS * all_taps * t.lanes, v)
    first, last = share(_unit_count(t, sizes), thread, threads)
    for unit in range(first, last):
        k, c0 = _unit_of(t, sizes, unit)
        if kept:
            _multiply(t, sizes, v, u, task, task > 0, k, c0, sums, unit * _unit_size(t))
            if done:
                _transform_sums(t, taps, count, k, c0, sums, unit * _unit_size(t), tile, turned, dw)
        else:
            _multiply(t, sizes, v, u, task, False, k, c0, mine, 0)
            _transform_sums(t, taps, count, k, c0, mine, 0, tile, turned, dw)


@njit(cache=True, nogil=True)
def _multiply(t, sizes, v, u, task, adds, k, c0, sums, start):
    """sums[position, c, i] = (sums[position, c, i] +) sum_tile v[position, tile, c0 + c] u[position, tile, k + i]."""
    (channels, filters, _), columns, tiles = sizes, NV * t.lanes, _tiles_of(t, task)
    apart, end = _unit_size(t) // POSITIONS, t.c * t.reads * t.reads
    for position in range(POSITIONS):
        for tile in range(0, tiles, STEPS):
            steps = min(STEPS, tiles - tile)
            column = position * (filters * t.count + SPREAD) + k * t.count + tile * columns
            row = position * (channels * t.count + SPREAD) + c0 * t.count + tile * CHANNELS
            for c in range(0, min(CHANNELS, end - c0), MR):
                place = start + position * apart + c * columns
                multiply_packed(v, row + c, CHANNELS, u, column, steps, sums, place, columns, adds or tile > 0)


@njit(cache=True, nogil=True)
def _transform_sums(t, taps, count, k0, c0, sums, start, tile, turned, dw):
    """dw[k, c] = G^T sums[:, c, k] G, each tap of a phase where it belongs; the lanes are filters."""
    phases, all_taps, apart = t.reads * t.reads, dw.size // (count * t.c), _unit_size(t) // POSITIONS
    end = min(c0 + CHANNELS, t.c * phases)
    for k in range(k0, min(k0 + NV * t.lanes, count), t.lanes):
        for c in range(c0, end):
            place = start + (c - c0) * NV * t.lanes + k - k0
            if t.taps == 3:
                _transform_sums_3(sums, place, apart, tile, 0, t.lanes)
            else:
                _transform_sums_5(sums, place, apart, tile, 0, t.lanes)
            for i in range(t.taps * t.taps):
                tap = taps[c % phases, i]
                if tap >= 0:
                    row = (c - c0) // phases * all_taps + tap
                    copy_row(turned, row * t.lanes, tile, i * t.lanes, t.lanes)
        there, place = min(t.lanes, count - k), (k * t.c + c0 // phases) * all_taps
        transpose(turned, 0, t.lanes, (end - c0) // phases * all_taps, there, dw, place, t.c * all_taps)
