"""Winograd's F(4x4, 3x3): 3x3 kernels with stride 1, forward and input gradient, on a quarter of the multiplications.

A tile of 4x4 outputs reads 6x6 inputs d. With constant matrices B, G, A,

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 16 outputs instead of 144. Each of the 36 positions is a
matrix product of filters x channels and channels x tiles, on the micro-kernel.

In float32 the error is some 1e-5 of the largest output: the matrices multiply by up to 8 and cancel. NaN and infinity
spread over the tiles they touch, and come out as NaN.
"""

import numpy as np
from numba import njit

from ..memory import new
from .conv_direct import Lattice, store_planes
from .emitter import MR, NV, lanes, tile_columns
from .microkernel import multiply_tile
from .threads import on_threads, threads_for
from .winograd_tiles import EDGE, cut, fill_inputs, input_size, output_size, task_count, task_of
from .winograd_transforms import gather_sandwich, sandwich, scatter_sandwich

POSITIONS = 36
TRANSFORMED = 1 << 16  # elements of a task's transformed inputs, about: half the second-level cache (Zen 3, 2026-11)
PANELS = 4  # panels of filters whose products wait for their transform together: they stay in the same cache
SPREAD = 16  # elements between the 36 matrices, so that they do not fall into one set of the first-level cache

INPUT = (
    (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
)  # fmt: skip
OUTPUT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
FILTER = (
    (1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6), (1 / 24, -1 / 12, 1 / 6), (0, 0, 1),
)  # fmt: skip
transform_input, transform_output, transform_filter = gather_sandwich(INPUT), scatter_sandwich(OUTPUT), sandwich(FILTER)


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
    columns = tile_columns(x.dtype)
    tiles = max(2 * columns, min(4 * columns, TRANSFORMED // (POSITIONS * c)))
    g, places = cut(x.shape, (p, q), (top, left), tiles, columns, lanes(x.dtype), 2 * threads_for(n, False))
    starts = np.arange(0, g.count, lanes(x.dtype), dtype=np.int32)
    offsets = np.arange(0, c * g.count, g.count, dtype=np.int32)
    filters = new((POSITIONS, -(-k // MR), c, MR), x.dtype)
    threads = threads_for(task_count(g), False)
    before, lattice = pre_activation.reshape(-1), Lattice(k, p, q, p, q)
    result = lattice, bias, activation, slope, before, y.reshape(-1)
    _launch(w, transposed, (g, places, starts, offsets, x.reshape(-1), filters, *result), threads)


@njit(cache=True, nogil=True)
def _launch(w, transposed, problem, threads):
    """Transform the filters, then correlate."""
    on_threads(_transform_filters, (w, transposed, problem[0].lanes, problem[5]), threads)
    on_threads(_correlate, problem, threads)


@njit(cache=True, nogil=True)
def _transform_filters(w, transposed, lanes, filters, thread, threads):
    """filters[position, block, c, i] = (G w G^T)[position] of w[block * MR + i, c]; the lanes are filters."""
    _, blocks, channels, _ = filters.shape
    count, width = w.shape[1] if transposed else w.shape[0], (MR + lanes - 1) // lanes * lanes
    kernels, result = np.zeros(9 * width, w.dtype), np.empty(POSITIONS * width, w.dtype)
    for block in range(thread * blocks // threads, (thread + 1) * blocks // threads):
        for c in range(channels):
            for i in range(MR):
                k = block * MR + i
                for tap in range(9):
                    value = w.dtype.type(0)
                    if k < count:
                        value = w[c, k, 2 - tap // 3, 2 - tap % 3] if transposed else w[k, c, tap // 3, tap % 3]
                    kernels[tap * width + i] = value
            for lane in range(0, width, lanes):
                transform_filter(kernels, lane, width, result, lane, width)
            for position in range(POSITIONS):
                for i in range(MR):
                    filters[position, block, c, i] = result[position * width + i]


@njit(cache=True, nogil=True)
def _correlate(
    g, places, starts, offsets, x, filters, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The equation at the head of this file, for one thread's tasks; V (36, C, tiles), M (36, filters, tiles).

    FLOPs: 4.5 N K P Q C, where each tile is whole. Bytes: x, w and y once, the filters once a task; V and M stay in
    the cache.
    """
    _, blocks, channels, _ = filters.shape
    v_stride, m_stride = channels * g.count + SPREAD, PANELS * MR * g.count + SPREAD
    inputs, outputs = np.zeros(input_size(g), x.dtype), np.empty(output_size(g), x.dtype)
    v, m, flat = np.empty(POSITIONS * v_stride, x.dtype), np.empty(POSITIONS * m_stride, x.dtype), filters.reshape(-1)
    tasks, lanes, columns = task_count(g), g.lanes, NV * g.lanes
    sources, targets = places  # taken out once: each taking counts a reference, which the threads would fight over
    for task in range(thread * tasks // threads, (thread + 1) * tasks // threads):
        n, images, first, last = task_of(g, task)
        tiles = (images * (last - first) * g.across + columns - 1) // columns * columns
        for c in range(channels):
            fill_inputs(g, x, n, images, c, first, inputs)
            for tile in range(0, tiles, lanes):
                transform_input(inputs, 0, sources, tile, g.width, v, c * g.count + tile, v_stride)
        for block0 in range(0, blocks, PANELS):
            block1 = min(block0 + PANELS, blocks)
            for position in range(POSITIONS):
                for block in range(block0, block1):
                    panel, row = (position * blocks + block) * channels * MR, (block - block0) * MR * g.count
                    for tile in range(tiles // columns):
                        multiply_tile(
                            flat, panel, v, position * v_stride, starts, tile, offsets, channels,
                            m, position * m_stride + row + tile * columns, g.count, False,
                        )  # fmt: skip
            for k in range(block0 * MR, min(block1 * MR, lattice.k)):
                for tile in range(0, tiles, lanes):
                    row = (k - block0 * MR) * g.count + tile
                    transform_output(m, row, m_stride, outputs, targets, tile, EDGE * g.across)
                _store(
                    g, lattice, outputs, n, images, k, first, last, bias, activation, slope, pre_activation, y
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _store(g, lattice, outputs, n, images, k, first, last, bias, activation, slope, pre_activation, y):
    """Rows of y from the output planes."""
    p0, p1, pitch = EDGE * first, min(EDGE * last, lattice.height), EDGE * g.across
    between = g.rows * EDGE * pitch
    store_planes(
        lattice, outputs, 0, 0, 1, between, images, pitch, n, k, p0, p1, bias, activation, slope, pre_activation, y
    )  # fmt: skip
