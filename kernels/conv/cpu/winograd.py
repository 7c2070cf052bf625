"""Winograd's algorithm for kernels of 3x3 and 5x5 taps, forward and input gradient, on fewer multiplications.

A tile of outputs y reads 6x6 inputs d. With constant matrices B, G, A (winograd_matrices.py),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 4x4 outputs instead of 144 with 3x3 taps, for 2x2 instead
of 100 with 5x5. Each of the 36 positions is a matrix product of filters x channels and channels x tiles. A kernel of
stride 2 is four of half the taps, one for each phase of what is read or written (winograd_taps.py).

Tiles are transformed first, as many as fit the third-level cache. Then each thread transforms a few filters at a time
and multiplies with all of the tiles: neither the transformed filters, which are up to four times as large as the
filters, nor the products reach memory. Where filters and channels are few, each thread keeps all filters and has tasks
of its own, whose transformed tiles do not leave its second-level cache either.

In float32 the error is some 1e-5 of the largest output: the matrices multiply by up to 8 and cancel. NaN and infinity
spread over the tiles they touch, and come out as NaN.
"""

from numba import njit

from ...core.memory import new
from ...cpu.emitter import MR, NV, lanes, tile_columns
from ...cpu.microkernel import multiply_packed
from ...cpu.parallel import share
from ...cpu.threads import on_threads, threads_for
from ...cpu.workspaces import workspace, zeros
from .direct import Lattice, store_planes
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

BLOCK = 16  # filters of a block, about: of 512 channels they take 1.2 MB in all positions (Zen 5, 2026-11)
STEPS = 256  # channels multiplied at once, at most: a tile's part then fills two thirds of the first-level cache
TILES = 512  # of a task, at most: its products with a block then fill the second-level cache
SHARED = 3 << 20  # elements of transformed inputs at a time, about: a third of the third-level cache
FEW = 1 << 11  # products of phases of filters and channels that each thread transforms for itself
FILLED = 1.2  # tiles multiplied for each that there is, at most, where a thread works on so few
ALONE = 3 << 16  # elements of transformed filters and inputs and of products, of a thread: fit the second-level cache

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
    n, (k, p, q), step = x.shape[0], y.shape[1:], correlation.writes
    if n == 0:
        return
    size = -(-p // step), -(-q // step)
    few = x.shape[1] * k * (correlation.reads * step) ** 2 <= FEW
    f, g, places = _plan(x, w, k, size, transposed, correlation, few)
    if few and _multiplied(g) > FILLED * n * g.down * g.across:
        few, (f, g, places) = False, _plan(x, w, k, size, transposed, correlation, False)
    together = 0 if few else max(1, min(task_count(g), SHARED // _task_size(g)))
    lattice = Lattice(k, p, q, g.p, g.q, 0, step, 0, step)
    result = lattice, bias, activation, slope, pre_activation.reshape(-1), y.reshape(-1)
    problem = g, places, x.reshape(-1), f, table, w.reshape(-1), new((together * _task_size(g),), x.dtype), *result
    _launch(problem, together, threads_for(task_count(g) if few else together * -(-k // block_filters(f)), False))


def _plan(x, w, k, size, transposed, correlation, alone):
    """(Filters, Tiles, Places): blocks of some filters, one of all where threads work alone; tasks that fit a cache."""
    c, vector, columns = x.shape[1], lanes(x.dtype), tile_columns(x.dtype)
    reads, writes = correlation.reads**2, correlation.writes**2
    vectors = -(-k // vector) if alone else max(1, BLOCK // (vector * writes))
    f = Filters(k, c, w.shape[2] * w.shape[3], transposed, correlation.taps, reads, writes, vectors, vector)
    each = POSITIONS * (c * reads + (row_size(f) if alone else 0))
    tiles = (ALONE - block_size(f) if alone else SHARED) // each
    return f, *cut(x.shape, size, correlation, max(2 * columns, min(TILES, tiles)), columns, vector)


@njit(cache=True, nogil=True)
def _launch(problem, together, threads):
    """Some tasks at a time: transform their tiles, then multiply. Or none together: each thread its own."""
    tasks = task_count(problem[0])
    if together == 0:
        on_threads(_correlate_alone, problem, threads)
        return
    for first in range(0, tasks, together):
        count = min(together, tasks - first)
        on_threads(_transform_tiles, (*problem, first, count), threads)
        on_threads(_correlate, (*problem, first, count), threads)


@njit(cache=True, nogil=True)
def _tile_stride(g):
    """Elements from one position's transformed inputs to the next one's."""
    return g.c * g.reads * g.reads * g.count + SPREAD


@njit(cache=True, nogil=True)
def _task_size(g):
    """Elements of a task's transformed inputs."""
    return POSITIONS * _tile_stride(g)


@njit(cache=True, nogil=True)
def _product_stride(g, f):
    """Elements from one position's products to the next one's."""
    return (row_size(f) + MR - 1) // MR * MR * g.count + SPREAD


@njit(cache=True, nogil=True)
def _tiles_of(g, task):
    """Tiles of a task, filled up to what is multiplied at once."""
    _, images, first, last = task_of(g, task)
    columns = NV * g.lanes
    return (images * (last - first) * g.across + columns - 1) // columns * columns


@njit(cache=True, nogil=True)
def _multiplied(g):
    """Tiles that are multiplied in all tasks together, those included that only fill up."""
    tiles = 0
    for task in range(task_count(g)):
        tiles += _tiles_of(g, task)
    return tiles


@njit(cache=True, nogil=True)
def _transform_tiles(
    g, places, x, f, table, w, v, lattice, bias, activation, slope, pre_activation, y, task0, count, thread, threads
):
    """V of some tasks, one thread's channels of them.

    v[task, position, tile // NR, (c, u, v), tile % NR], NR tiles being multiplied at once.
    """
    inputs, phases, columns, size = zeros(input_size(g), x), g.reads * g.reads, NV * g.lanes, plane_size(g)
    sources = places.inputs
    first, last = share(count * g.c, thread, threads)
    for work in range(first, last):
        task, c = task0 + work // g.c, work % g.c
        n, images, top, _ = task_of(g, task)
        fill_inputs(g, x, n, images, c, top, inputs, 0)
        for phase in range(phases):
            row = (task - task0) * _task_size(g) + (c * phases + phase) * columns
            for tile in range(0, _tiles_of(g, task), g.lanes):
                place = row + tile // columns * g.c * phases * columns + tile % columns
                transform_input(inputs, phase * size, sources, tile, g.width, v, place, _tile_stride(g))


@njit(cache=True, nogil=True)
def _correlate(
    g, places, x, f, table, w, v, lattice, bias, activation, slope, pre_activation, y, task0, count, thread, threads
):
    """The equation at the head of this file, for some tasks and one thread's blocks of filters.

    FLOPs: 72 K C for each tile. Bytes: x and y once, w once for so many tasks; V once a block from the third-level
    cache, the block's transformed filters and products from the second.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(POSITIONS * _product_stride(g, f), x), workspace(output_size(g), x)
    targets, block = places.outputs, -1
    first, last = share((f.count + block_filters(f) - 1) // block_filters(f) * count, thread, threads)
    for unit in range(first, last):
        if unit // count != block:
            block = unit // count
            transform_filters(f, w, table, block, a, work)
        task = task0 + unit % count
        _multiply(g, f, task, block, a, v, unit % count * _task_size(g), m)
        _store(
            g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _correlate_alone(
    g, places, x, f, table, w, nothing, lattice, bias, activation, slope, pre_activation, y, thread, threads
):
    """The same of all filters, for one thread's tasks.

    FLOPs: 72 K C for each tile. Bytes: x and y once, w once a thread.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(POSITIONS * _product_stride(g, f), x), workspace(output_size(g), x)
    v, targets = workspace(_task_size(g), x), places.outputs
    transform_filters(f, w, table, 0, a, work)
    first, last = share(task_count(g), thread, threads)
    for task in range(first, last):
        _transform_tiles(
            g, places, x, f, table, w, v, lattice, bias, activation, slope, pre_activation, y, task, 1, 0, 1
        )
        _multiply(g, f, task, 0, a, v, 0, m)
        _store(g, f, targets, task, 0, m, outputs, lattice, bias, activation, slope, pre_activation, y)


@njit(cache=True, nogil=True)
def _multiply(g, f, task, block, a, v, start, m):
    """M of a task and a block: m[position, (i, j, k), tile]."""
    channels, columns, width = g.c * g.reads * g.reads, NV * g.lanes, row_size(f)
    tiles, m_stride = _tiles_of(g, task), _product_stride(g, f)
    rows = width if f.writes > 1 else min(width, f.count - block * block_filters(f))
    for position in range(POSITIONS):
        for c in range(0, channels, STEPS):
            matrix, steps = position * matrix_size(f) + c * width, min(STEPS, channels - c)
            for tile in range(0, tiles, columns):
                column = start + position * _tile_stride(g) + tile * channels + c * columns
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
    tiles, between = _tiles_of(g, task), g.rows * g.edge * pitch
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
