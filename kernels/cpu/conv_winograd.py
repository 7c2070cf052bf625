"""Winograd's algorithm for kernels of 3x3 and 5x5 taps, forward and input gradient, on fewer multiplications.

A tile of outputs y reads 6x6 inputs d. With constant matrices B, G, A (winograd_matrices.py),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 4x4 outputs instead of 144 with 3x3 taps, for 2x2 instead
of 100 with 5x5. Each of the 36 positions is a matrix product of filters x channels and channels x tiles. A kernel of
stride 2 is four of half the taps, one for each phase of what is read or written (winograd_taps.py).

Where filters are few, all of them are transformed first, and each thread takes tiles of its own, transformed in its
second-level cache. Where they are many, tiles are transformed first, and each thread takes filters of its own.

In float32 the error is some 1e-5 of the largest output: the matrices multiply by up to 8 and cancel. NaN and infinity
spread over the tiles they touch, and come out as NaN.
"""

import numpy as np
from numba import njit

from ..memory import new
from .conv_direct import Lattice, store_planes
from .emitter import MR, NV, lanes, tile_columns
from .microkernel import multiply_packed
from .parallel import share
from .threads import on_threads, threads_for
from .winograd_filters import (
    SPREAD,
    Filters,
    block_filters,
    block_size,
    matrix_size,
    row_size,
    scratch_size,
    transform_filters,
)
from .winograd_matrices import INPUT, POSITIONS, output_matrix
from .winograd_tiles import cut, fill_inputs, input_size, output_size, plane_size, task_count, task_of
from .winograd_transforms import gather_sandwich, scatter_sandwich

BLOCK = 32  # filters of a block, about: of 512 channels they take 2.4 MB in all positions (Zen 5, 2026-11)
STEPS = 256  # channels multiplied at once, at most: a tile's part then fills two thirds of the first-level cache
OWN = 1 << 16  # elements of a thread's transformed inputs, about: half the second-level cache
SHARED = 3 << 20  # elements of transformed inputs that threads share, at most: a third of the third-level cache
FEW = 128 * 128  # filters x channels up to which all are transformed first (Zen 5, 2026-11)

transform_input = gather_sandwich(INPUT)
_transform_output_4, _transform_output_2 = scatter_sandwich(output_matrix(3)), scatter_sandwich(output_matrix(5))


def correlate_winograd(x, w, transposed, correlation, table, bias, activation, slope, pre_activation, y):
    """Correlate x with kernels that winograd_taps serves.

    Parameters
    ----------
    x : array (N, C, H, W)
    w : array (K, C, R, S), or with `transposed` (C, K, R, S)
    transposed : bool
        Whether this is the input gradient, of weights that lie as the forward pass has them.
    correlation, table
        As winograd_taps.forward and input_grad have them.
    bias : array (K,)
    activation, slope
        Applied to the result; with pre_activation its derivative there is a factor.
    pre_activation : array like y, or (0, 0, 0, 0)
    y : array (N, K, P, Q)
    """
    (n, c), (k, p, q), vector = x.shape[:2], y.shape[1:], lanes(x.dtype)
    if n == 0:
        return
    reads, step, columns = correlation.reads**2, correlation.writes, tile_columns(x.dtype)
    phase = -(-p // step), -(-q // step)
    kinds = transposed, correlation.taps, reads, step * step
    f = Filters(k, c, w.shape[2] * w.shape[3], *kinds, _vectors(k, step * step, vector), vector)
    few, blocks = c * reads * k * step * step <= FEW, -(-k // (f.vectors * vector))
    tiles = (OWN if few else SHARED) // (POSITIONS * c * reads)
    tiles = max(2 * columns, min(4 * columns, tiles) if few else tiles)
    g, places = cut(x.shape, phase, correlation, tiles, columns, vector, threads_for(n, False) if few else 1)
    lattice = Lattice(k, p, q, *phase, 0, step, 0, step)
    result = lattice, bias, activation, slope, pre_activation.reshape(-1), y.reshape(-1)
    shared = new((blocks * block_size(f) if few else POSITIONS * _tile_stride(g),), x.dtype)
    threads = threads_for(task_count(g) if few else blocks, False)
    _launch((g, places, x.reshape(-1), f, table, w.reshape(-1), shared, *result), few, threads)


def _vectors(filters, phases, vector):
    """Vectors of filters in a block: about BLOCK filters in all phases, and few that only fill up."""
    whole, most = -(-filters // vector), max(1, BLOCK // (vector * phases))
    counts = range(most, 2 * most)
    return min((*counts, whole) if whole < most else counts, key=lambda count: (-(-whole // count) * count, count))


@njit(cache=True, nogil=True)
def _launch(problem, few, threads):
    """Transform what all threads read, then correlate."""
    if few:
        on_threads(_transform_blocks, problem, threads)
        on_threads(_correlate_by_tiles, problem, threads)
    else:
        for task in range(task_count(problem[0])):
            on_threads(_transform_tiles, (*problem, task), threads)
            on_threads(_correlate_by_filters, (*problem, task), threads)


@njit(cache=True, nogil=True)
def _tile_stride(g):
    """Elements from one position's transformed inputs to the next one's."""
    return g.c * g.reads * g.reads * g.count + SPREAD


@njit(cache=True, nogil=True)
def _product_stride(g, f):
    """Elements from one position's products to the next one's."""
    return (row_size(f) + MR - 1) // MR * MR * g.count + SPREAD


@njit(cache=True, nogil=True)
def _transform_blocks(
    g, places, x, f, table, w, a, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """All blocks of filters."""
    work = np.empty(scratch_size(f), x.dtype)
    first, last = share((f.count + block_filters(f) - 1) // block_filters(f), thread, threads)
    for block in range(first, last):
        transform_filters(f, w, table, block, a, block * block_size(f), work)


@njit(cache=True, nogil=True)
def _correlate_by_tiles(
    g, places, x, f, table, w, a, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The equation at the head of this file, for one thread's tasks; its V (36, C, tiles) and M (36, filters, tiles).

    FLOPs: 72 N K C for each tile. Bytes: x and y once, the transformed filters once a task; V and M stay in the cache.
    """
    inputs, outputs = np.zeros(input_size(g), x.dtype), np.empty(output_size(g), x.dtype)
    v, m = np.empty(POSITIONS * _tile_stride(g), x.dtype), np.empty(POSITIONS * _product_stride(g, f), x.dtype)
    sources, targets = places  # taken out once: each taking counts a reference, which the threads would fight over
    first, last = share(task_count(g), thread, threads)
    for task in range(first, last):
        _transform_inputs(g, sources, x, task, 0, g.c, inputs, v)
        for block in range((f.count + block_filters(f) - 1) // block_filters(f)):
            _multiply(g, f, task, block, a, block * block_size(f), v, m)
            _store(
                g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _transform_tiles(
    g, places, x, f, table, w, v, lattice, bias, activation, slope, pre_activation, y, task, thread, threads
):
    """The tiles of a task, one thread's channels of them."""
    first, last = share(g.c, thread, threads)
    _transform_inputs(g, places.inputs, x, task, first, last, np.zeros(input_size(g), x.dtype), v)


@njit(cache=True, nogil=True)
def _correlate_by_filters(
    g, places, x, f, table, w, v, lattice, bias, activation, slope, pre_activation, y, task, thread, threads
):
    """The equation at the head of this file, for a task and one thread's blocks of filters; its G w G^T, and M.

    FLOPs: 72 N K C for each tile. Bytes: x and y once, w once a task, V once a block, from the third-level cache.
    """
    a, work = np.empty(block_size(f), x.dtype), np.empty(scratch_size(f), x.dtype)
    m, outputs = np.empty(POSITIONS * _product_stride(g, f), x.dtype), np.empty(output_size(g), x.dtype)
    first, last = share((f.count + block_filters(f) - 1) // block_filters(f), thread, threads)
    targets = places.outputs
    for block in range(first, last):
        transform_filters(f, w, table, block, a, 0, work)
        _multiply(g, f, task, block, a, 0, v, m)
        _store(
            g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _tiles_of(g, task):
    """Tiles of a task, filled up to what is multiplied at once."""
    _, images, first, last = task_of(g, task)
    columns = NV * g.lanes
    return (images * (last - first) * g.across + columns - 1) // columns * columns


@njit(cache=True, nogil=True)
def _transform_inputs(g, sources, x, task, c0, c1, inputs, v):
    """V of a task and some channels: v[position, tile // NR, (c, u, v), tile % NR], NR tiles being multiplied at once."""
    n, images, first, _ = task_of(g, task)
    phases, columns, stride, size = g.reads * g.reads, NV * g.lanes, _tile_stride(g), plane_size(g)
    tiles = _tiles_of(g, task)
    for c in range(c0, c1):
        fill_inputs(g, x, n, images, c, first, inputs, 0)
        for phase in range(phases):
            row = (c * phases + phase) * columns
            for tile in range(0, tiles, g.lanes):
                place = tile // columns * g.c * phases * columns + row + tile % columns
                transform_input(inputs, phase * size, sources, tile, g.width, v, place, stride)


@njit(cache=True, nogil=True)
def _multiply(g, f, task, block, a, start, v, m):
    """M of a task and a block: m[position, (i, j, k), tile]."""
    channels, columns, width = g.c * g.reads * g.reads, NV * g.lanes, row_size(f)
    v_stride, m_stride, tiles = _tile_stride(g), _product_stride(g, f), _tiles_of(g, task)
    rows = width if f.writes > 1 else min(width, f.count - block * block_filters(f))
    for position in range(POSITIONS):
        for c in range(0, channels, STEPS):
            steps = min(STEPS, channels - c)
            matrix = start + position * matrix_size(f) + c * width
            for tile in range(0, tiles, columns):
                column = position * v_stride + tile * channels + c * columns
                for k in range(0, rows, MR):
                    multiply_packed(
                        a, matrix + k, width, v, column, steps,
                        m, position * m_stride + k * g.count + tile, g.count, c > 0,
                    )  # fmt: skip


@njit(cache=True, nogil=True)
def _store(g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y):
    """Results of a task and a block: of every filter, the phases one after the other."""
    n, images, first, last = task_of(g, task)
    stride, pitch, k0, step = _product_stride(g, f), g.edge * g.across, block * block_filters(f), lattice.row_step
    tiles, between = _tiles_of(g, task), g.rows * g.edge * g.edge * g.across
    for k in range(k0, min(k0 + block_filters(f), f.count)):
        for phase in range(f.writes):
            for tile in range(0, tiles, g.lanes):
                row = (phase * block_filters(f) + k - k0) * g.count + tile
                if g.edge == 4:
                    _transform_output_4(m, row, stride, outputs, targets, tile, pitch)
                else:
                    _transform_output_2(m, row, stride, outputs, targets, tile, pitch)
            i, j = phase // step, phase % step
            p, q = (lattice.height - i + step - 1) // step, (lattice.width - j + step - 1) // step
            p0, p1 = g.edge * first, min(g.edge * last, p)
            if p0 < p1 and q > 0:
                part = Lattice(lattice.k, lattice.height, lattice.width, p, q, i, step, j, step)
                store_planes(
                    part, outputs, 0, 0, 1, between, images, pitch, n, k, p0, p1,
                    bias, activation, slope, pre_activation, y,
                )  # fmt: skip
