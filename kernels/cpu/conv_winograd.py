"""Winograd's F(4x4, 3x3): 3x3 kernels with stride 1, forward and input gradient, on a quarter of the multiplications.

A tile of 4x4 outputs reads 6x6 inputs d. With constant matrices B, G, A,

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 16 outputs instead of 144. Each of the 36 positions is a
matrix product of filters x channels and channels x tiles, on the micro-kernel. The tiles lie as a correlation with 36
taps and stride 4 would read them (conv_planes.py), so that one lane of a vector is one tile throughout.

In float32 the error is some 1e-5 of the largest output: the matrices multiply by up to 8 and cancel. NaN and infinity
spread over the tiles they touch, and come out as NaN.
"""

import numpy as np
from numba import njit

from .conv_direct import Lattice, store_row
from .conv_planes import fill_planes, plan, planes_size, task_count, task_of
from .emitter import MR, NV, lanes
from .microkernel import multiply_tile, sandwich
from .threads import on_threads, threads_for

TILES = 64  # of a task: V and M of 64 channels and filters then take 1.2 MB (Zen 3, 2026-11)
SPREAD = 16  # elements between the 36 matrices, so that they do not fall into one set of the first-level cache

transform_input = sandwich(
    ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
     (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1))
)  # fmt: skip
transform_output = sandwich(((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)))
transform_filter = sandwich(
    ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
     (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))
)  # fmt: skip


def correlate_winograd(x, w, transposed, top, left, bias, activation, slope, pre_activation, y):
    """Correlate x with 3x3 kernels.

    Parameters
    ----------
    x : array (N, C, H, W)
    w : array (K, C, 3, 3), or with `transposed` (C, K, 3, 3), to be rotated
    transposed : bool
        Whether this is the input gradient, of weights that lie as the forward pass has them.
    top, left : int
        Input row and column that output (0, 0) reads first.
    bias : array (K,)
    activation, slope
        Applied to the result; with pre_activation its derivative there is a factor.
    pre_activation : array like y, or (0, 0, 0, 0)
    y : array (N, K, P, Q)
    """
    n, c = x.shape[:2]
    if n == 0:
        return
    k, p, q = y.shape[1:]
    taps = tuple((i, j, top + i, left + j) for i in range(6) for j in range(6))
    size = (-(-p // 4), -(-q // 4))
    g, reads = plan(x.shape, TILES, taps, (4, 4), 1, size, 1, lanes(x.dtype), TILES)
    tiles = -(-g.vectors // NV) * NV * g.lanes
    starts = np.arange(0, tiles, g.lanes, dtype=np.int32)
    offsets = np.arange(0, c * tiles, tiles, dtype=np.int32)
    filters = np.empty((36, -(-k // MR), c, MR), x.dtype)
    threads = threads_for(task_count(g), False)
    before, lattice = pre_activation.reshape(-1), Lattice(k, p, q, p, q)
    problem = (
        g,
        reads,
        starts,
        offsets,
        x.reshape(-1),
        filters,
        lattice,
        bias,
        activation,
        slope,
        before,
        y.reshape(-1),
    )
    _launch(w, transposed, problem, threads)


@njit(cache=True, nogil=True)
def _launch(w, transposed, problem, threads):
    """Transform the filters, then correlate."""
    g, filters = problem[0], problem[5]
    on_threads(_transform_filters, (w, transposed, g.lanes, filters), threads)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _transform_filters(w, transposed, lanes, filters, thread, threads):
    """filters[position, block, c, i] = (G w G^T)[position] of w[block * MR + i, c]; the lanes are channels."""
    _, blocks, channels, _ = filters.shape
    count = w.shape[1] if transposed else w.shape[0]
    kernels, result = np.zeros((9, lanes), w.dtype), np.empty((36, lanes), w.dtype)
    places = (np.arange(9) * lanes).astype(np.int32)
    for k in range(thread * blocks * MR // threads, (thread + 1) * blocks * MR // threads):
        for c0 in range(0, channels, lanes):
            c1 = min(c0 + lanes, channels)
            for c in range(c0, c1):
                for tap in range(9):
                    value = w.dtype.type(0)
                    if k < count:
                        value = w[c, k, 2 - tap // 3, 2 - tap % 3] if transposed else w[k, c, tap // 3, tap % 3]
                    kernels[tap, c - c0] = value
            transform_filter(kernels, 0, places, result, 0, lanes)
            for position in range(36):
                for c in range(c0, c1):
                    filters[position, k // MR, c, k % MR] = result[position, c - c0]


@njit(cache=True, nogil=True)
def _correlate(
    g, reads, starts, offsets, x, filters, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The equation at the head of this file, for one thread's tasks; V (36, C, tiles), M (36, K, tiles).

    FLOPs: 4.5 N K P Q C, where each tile is whole. Bytes: x, w and y once; V and M stay in the cache.
    """
    _, blocks, channels, _ = filters.shape
    tiles = starts.size * g.lanes
    v_stride, m_stride = channels * tiles + SPREAD, blocks * MR * tiles + SPREAD
    planes, flat = np.zeros(planes_size(g), x.dtype), filters.reshape(-1)
    v, m = np.zeros(36 * v_stride, x.dtype), np.empty(36 * m_stride, x.dtype)
    outputs, line = np.empty(16 * tiles, x.dtype), np.empty(4 * g.q, x.dtype)
    places = (np.arange(36) * m_stride).astype(np.int32)
    tasks = task_count(g)
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, images, _, ty0, ty1 = task_of(g, task)
        for c in range(channels):
            fill_planes(g, x, n, images, c, c + 1, ty0, ty1, planes)
            for vector in range(images * g.run):
                place = c * tiles + vector * g.lanes
                transform_input(planes, reads.starts[vector], reads.offsets, v, place, v_stride)
        for position in range(36):
            for block in range(blocks):
                for tile in range(starts.size // NV):
                    multiply_tile(
                        flat, (position * blocks + block) * channels * MR, v, position * v_stride, starts, tile,
                        offsets, channels, m, position * m_stride + block * MR * tiles + tile * NV * g.lanes,
                        tiles, False,
                    )  # fmt: skip
        for k in range(lattice.k):
            for vector in range(images * g.run):
                transform_output(m, k * tiles + vector * g.lanes, places, outputs, vector * g.lanes, tiles)
            for image in range(images):
                first = image * g.run * g.lanes
                _store(
                    g,
                    lattice,
                    outputs,
                    tiles,
                    first,
                    line,
                    n + image,
                    k,
                    ty0,
                    ty1,
                    bias,
                    activation,
                    slope,
                    pre_activation,
                    y,
                )


@njit(cache=True, nogil=True)
def _store(g, lattice, outputs, tiles, first, line, n, k, ty0, ty1, bias, activation, slope, pre_activation, y):
    """Rows of y from tiles: outputs[(i * 4 + j) * tiles + tile] is element (i, j)."""
    for ty in range(ty0, ty1):
        for i in range(min(4, lattice.height - 4 * ty)):
            _join_line(outputs, 4 * i * tiles + first + (ty - ty0) * g.pitch, tiles, g.q, line)
            store_row(lattice, line, 0, n, k, 4 * ty + i, bias, activation, slope, pre_activation, y)


@njit(cache=True, nogil=True)
def _join_line(outputs, place, apart, width, line):
    """line[4 * tx + j] = outputs[place + j * apart + tx]; the reverse of conv_planes.split_line."""
    place, apart, one, two, three, four = (
        np.uint64(place), np.uint64(apart), np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    )  # fmt: skip
    for tx in range(np.uint64(width)):
        line[four * tx] = outputs[place + tx]
        line[four * tx + one] = outputs[place + apart + tx]
        line[four * tx + two] = outputs[place + two * apart + tx]
        line[four * tx + three] = outputs[place + three * apart + tx]
