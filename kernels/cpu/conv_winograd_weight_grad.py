"""The weight gradient by Winograd's algorithm: kernels of 3x3 and 5x5 taps, on as few multiplications as forward.

It is the adjoint of conv_winograd.py in the filters. With the same matrices B, G, A, tiles d of 6x6 inputs and e of
output gradients,

    dw = G^T [ sum over tiles of (A e A^T) . (B^T d B) ] G.

Tiles are transformed a task at a time, the lanes being channels and filters; then each of the 36 positions is a matrix
product over the task's tiles. Every sum is formed by one thread, task after task: the bits do not depend on the number
of threads.
"""

import numpy as np
from numba import njit

from ..memory import new
from .conv_winograd import SHARED, SPREAD, STEPS, transform_input
from .emitter import MR, NV, lanes, tile_columns
from .microkernel import multiply_packed
from .parallel import share
from .row_moves import copy_row
from .threads import on_threads, threads_for
from .transposing import transpose
from .winograd_matrices import POSITIONS, SIDE, filter_matrix, output_matrix, transposed
from .winograd_taps import forward
from .winograd_tiles import cut, fill_inputs, fill_outputs, input_size, plane_size, task_count, task_of
from .winograd_transforms import gather_sandwich, sandwich

TURNED = 8  # channels whose sums are turned over at once, at least: rows of as many taps

_transform_gradient_4, _transform_gradient_2 = (gather_sandwich(transposed(output_matrix(taps))) for taps in (3, 5))
_transform_sums_3, _transform_sums_5 = (sandwich(transposed(filter_matrix(taps))) for taps in (3, 5))


def correlate_with_gradient_winograd(g, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p st + r - pad, q st + s - pad]: equation (13).

    Parameters
    ----------
    g : ConvGeometry
        One that winograd_taps serves.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C, R, S)
    """
    if g.n == 0:
        dw[...] = 0
        return
    (correlation, table), vector, columns = forward(g), lanes(x.dtype), tile_columns(x.dtype)
    channels = -(-g.c * correlation.reads**2 // vector) * vector
    filters = -(-g.k // columns) * columns
    tiles = max(columns, SHARED // (POSITIONS * (channels + filters)))
    t, places = cut(x.shape, (g.p, g.q), correlation, tiles, 1, vector)
    v, u = (new((POSITIONS * (size * t.count + SPREAD),), x.dtype) for size in (channels, filters))
    sums = new((POSITIONS, -(-channels // MR) * MR, filters), x.dtype)
    tables = np.arange(vector, dtype=np.int32) * plane_size(t), np.arange(vector, dtype=np.int32) * _gradient_size(t)
    arrays = x.reshape(-1), dy.reshape(-1), v, u, sums.reshape(-1), dw.reshape(-1)
    sizes = channels, filters, g.k
    _launch(t, places, tables, table, sizes, arrays, threads_for(POSITIONS, False))


@njit(cache=True, nogil=True)
def _launch(t, places, tables, taps, sizes, arrays, threads):
    """Task by task: transform, then multiply; at last transform the sums."""
    x, dy, v, u, sums, dw = arrays
    for task in range(task_count(t)):
        on_threads(_transform, (t, places, tables, sizes, x, dy, task, v, u), threads)
        on_threads(_multiply, (t, sizes, v, u, task, sums), threads)
    on_threads(_transform_sums, (t, taps, sizes, sums, dw), threads)


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
def _transform(t, places, tables, sizes, x, dy, task, v, u, thread, threads):
    """V = B^T d B and U = A e A^T of a task's tiles, for one thread's vectors of channels and filters.

    v[position, tile, (c, i, j)] and u[position, k // NR, tile, k % NR], NR filters being multiplied at once.
    """
    n, images, first, _ = task_of(t, task)
    (channels, filters, count), columns, phases = sizes, NV * t.lanes, t.reads * t.reads
    (sources, targets), (by_channel, by_filter) = places, tables
    size, gradient_size, tiles = plane_size(t), _gradient_size(t), _tiles_of(t, task)
    inputs = np.zeros(t.lanes * size + input_size(t), x.dtype)
    start, stop = share(channels // t.lanes, thread, threads)
    for c0 in range(start * t.lanes, stop * t.lanes, t.lanes):
        _fill_channels(t, x, n, images, c0, first, inputs)
        for tile in range(tiles):
            place = tile * channels + c0
            transform_input(inputs, sources[tile], by_channel, 0, t.width, v, place, channels * t.count + SPREAD)
    outputs = np.zeros(t.lanes * gradient_size, x.dtype)
    start, stop = share(filters // t.lanes, thread, threads)
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
def _multiply(t, sizes, v, u, task, sums, thread, threads):
    """sums[position, c, k] (+)= sum_tile v[position, tile, c] u[position, tile, k], one thread's positions and filters.

    FLOPs: 72 K C for each tile. Bytes: v once a block of filters, u and the sums once.
    """
    (channels, filters, _), columns, tiles = sizes, NV * t.lanes, _tiles_of(t, task)
    rows, blocks = (channels + MR - 1) // MR * MR, filters // columns
    v_stride, u_stride = channels * t.count + SPREAD, filters * t.count + SPREAD
    first, last = share(POSITIONS * blocks, thread, threads)
    for work in range(first, last):
        position, block = work // blocks, work % blocks
        for tile in range(0, tiles, STEPS):
            column = position * u_stride + (block * t.count + tile) * columns
            row = position * v_stride + tile * channels
            for c in range(0, channels, MR):
                multiply_packed(
                    v, row + c, channels, u, column, min(STEPS, tiles - tile),
                    sums, (position * rows + c) * filters + block * columns, filters, task + tile > 0,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _transform_sums(t, taps, sizes, sums, dw, thread, threads):
    """dw[k, c] = G^T sums[:, c, k] G, each tap of a phase where it belongs; the lanes are filters."""
    channels, filters, count = sizes
    rows, phases, all_taps = (channels + MR - 1) // MR * MR, t.reads * t.reads, dw.size // (count * t.c)
    tile, turned = np.empty(t.taps * t.taps * t.lanes, dw.dtype), np.empty(TURNED * all_taps * t.lanes, dw.dtype)
    first, last = share((count + t.lanes - 1) // t.lanes, thread, threads)
    for k in range(first * t.lanes, last * t.lanes, t.lanes):
        for c0 in range(0, t.c, TURNED):
            c1 = min(c0 + TURNED, t.c)
            for c in range(c0 * phases, c1 * phases):
                if t.taps == 3:
                    _transform_sums_3(sums, c * filters + k, rows * filters, tile, 0, t.lanes)
                else:
                    _transform_sums_5(sums, c * filters + k, rows * filters, tile, 0, t.lanes)
                for i in range(t.taps * t.taps):
                    tap = taps[c % phases, i]
                    if tap >= 0:
                        place = ((c // phases - c0) * all_taps + tap) * t.lanes
                        copy_row(turned, place, tile, i * t.lanes, t.lanes)
            there, place = min(t.lanes, count - k), (k * t.c + c0) * all_taps
            transpose(turned, 0, t.lanes, (c1 - c0) * all_taps, there, dw, place, t.c * all_taps)
