"""Winograd's F(3x3, 4x4): the weight gradient of 3x3 kernels with stride 1, on a quarter of the multiplications.

It is the adjoint of F(4x4, 3x3) in the filters. With the same matrices B, G, A, tiles d of 6x6 inputs and e of 4x4
output gradients,

    dw = G^T [ sum over tiles of (A e A^T) . (B^T d B) ] G.

The tiles are transformed a chunk at a time; then each of the 36 positions is a matrix of inner products over the
chunk's tiles. Every sum is formed by one thread, chunk after chunk: the bits do not depend on the number of threads.
"""

import numpy as np
from numba import njit

from ..memory import new
from .conv_winograd import FILTER, INPUT, OUTPUT, POSITIONS, SPREAD
from .emitter import DOT_COLUMNS, DOT_ROWS, lanes
from .microkernel import add_dots
from .threads import on_threads, threads_for
from .winograd_tiles import EDGE, cut, fill_inputs, fill_outputs, input_size, output_size, task_count, task_of
from .winograd_transforms import gather_sandwich, sandwich

TILES = 64  # of a task, about
CHUNK = 1 << 22  # transformed elements of a chunk, about: half of the third-level cache (Zen 3, 2026-11)
LONGEST = 256  # tiles of a chunk, about: 16 filters' rows then share the first-level cache with those of 3 channels
FILTERS = 4 * DOT_ROWS

transform_input, transform_gradient = gather_sandwich(INPUT), gather_sandwich(tuple(zip(*OUTPUT, strict=True)))
transform_sums = sandwich(tuple(zip(*FILTER, strict=True)))


def correlate_with_gradient_winograd(g, x, dy, dw):
    """dw[k, c, r, s] = sum_{n, p, q} dy[n, k, p, q] x[n, c, p + r - pad, q + s - pad]: equation (13).

    Parameters
    ----------
    g : ConvGeometry
        3x3, stride and dilation 1, one group.
    x : array (N, C, H, W)
    dy : array (N, K, P, Q)
    dw : array (K, C, 3, 3)
    """
    if g.n == 0:
        dw[...] = 0
        return
    longest = max(TILES, min(LONGEST, CHUNK // (POSITIONS * (g.c + g.k))))
    t, places = cut(x.shape, (g.p, g.q), (-g.pad_top, -g.pad_left), TILES, lanes(x.dtype), lanes(x.dtype), 1)
    tasks = max(1, min(longest // t.count, task_count(t)))
    length = tasks * t.count
    whole = max(DOT_ROWS, lanes(x.dtype))
    columns, rows = -(-g.c // DOT_COLUMNS) * DOT_COLUMNS, -(-g.k // whole) * whole
    v, u = (new((POSITIONS, count * length + SPREAD), x.dtype) for count in (columns, rows))
    sums = new((POSITIONS, columns, rows), x.dtype)
    starts = np.arange(0, length, lanes(x.dtype), dtype=np.int32)
    offsets = np.arange(0, columns * length, length, dtype=np.int32)
    threads = threads_for(POSITIONS, False)
    _launch(t, places, x.reshape(-1), dy.reshape(-1), v, u, starts, offsets, sums, dw, tasks, threads)


@njit(cache=True, nogil=True)
def _launch(t, places, x, dy, v, u, starts, offsets, sums, dw, tasks, threads):
    """Chunk by chunk: transform, then multiply; at last transform the sums."""
    for task in range(0, task_count(t), tasks):
        last = min(task + tasks, task_count(t))
        steps = (last - task) * t.count // t.lanes
        on_threads(_transform, (t, places, x, dy, dw.shape[0], task, last, starts.size * t.lanes, v, u), threads)
        on_threads(_multiply, (dw.shape[1], dw.shape[0], v, u, starts, offsets, steps, sums, task > 0), threads)
    on_threads(_transform_sums, (sums, t.lanes, dw), threads)


@njit(cache=True, nogil=True)
def _transform(t, places, x, dy, filters, first_task, last_task, length, v, u, thread, threads):
    """v[position, c, tile] = B^T d B and u[position, k, tile] = A e A^T, for one thread's channels and filters."""
    inputs, outputs = np.zeros(input_size(t), x.dtype), np.zeros(output_size(t), x.dtype)
    sources, targets = places
    v, u, v_stride, u_stride = v.reshape(-1), u.reshape(-1), v.shape[1], u.shape[1]
    for task in range(first_task, last_task):
        n, images, first, _ = task_of(t, task)
        place = (task - first_task) * t.count
        for c in range(thread * t.c // threads, (thread + 1) * t.c // threads):
            fill_inputs(t, x, n, images, c, first, inputs)
            for tile in range(0, t.count, t.lanes):
                transform_input(inputs, 0, sources, tile, t.width, v, c * length + place + tile, v_stride)
        for k in range(thread * filters // threads, (thread + 1) * filters // threads):
            fill_outputs(t, dy, n, images, k, filters, first, outputs)
            for tile in range(0, t.count, t.lanes):
                row = k * length + place + tile
                transform_gradient(outputs, 0, targets, tile, EDGE * t.across, u, row, u_stride)


@njit(cache=True, nogil=True)
def _multiply(channels, filters, v, u, starts, offsets, steps, sums, accumulate, thread, threads):
    """sums[position, c, k] (+)= <v[position, c], u[position, k]>, for one thread's positions and filters.

    FLOPs: 4.5 N K P Q C in all chunks, where each tile is whole.
    """
    _, columns, rows = sums.shape
    length, blocks = offsets[1], (filters + FILTERS - 1) // FILTERS
    v, u, v_stride, u_stride, sums = v.reshape(-1), u.reshape(-1), v.shape[1], u.shape[1], sums.reshape(-1)
    for work in range(thread * POSITIONS * blocks // threads, (thread + 1) * POSITIONS * blocks // threads):
        position, k0 = work // blocks, work % blocks * FILTERS
        for c in range(0, channels, DOT_COLUMNS):
            for k in range(k0, min(k0 + FILTERS, filters), DOT_ROWS):
                add_dots(
                    u, position * u_stride + k * length, length, v, position * v_stride, starts, offsets, c, steps,
                    sums, (position * columns + c) * rows + k, rows, accumulate,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _transform_sums(sums, lanes, dw, thread, threads):
    """dw[k, c] = G^T sums[:, c, k] G; the lanes are filters."""
    filters, channels, _, _ = dw.shape
    _, columns, rows = sums.shape
    vectors, flat = (filters + lanes - 1) // lanes, sums.reshape(-1)
    result = np.empty((3, 3, lanes), dw.dtype)
    for k0 in range(thread * vectors // threads * lanes, (thread + 1) * vectors // threads * lanes, lanes):
        for c in range(channels):
            transform_sums(flat, c * rows + k0, columns * rows, result, 0, lanes)
            for i in range(min(lanes, filters - k0)):
                for r in range(3):
                    for s in range(3):
                        dw[k0 + i, c, r, s] = result[r, s, i]
