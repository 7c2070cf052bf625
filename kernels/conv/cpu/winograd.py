"""Winograd's algorithm for kernels of 3x3 and 5x5 taps, forward and input gradient, on fewer multiplications.

A tile of outputs y reads 6x6 inputs d. With constant matrices B, G, A (winograd_transforms.py),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 4x4 outputs instead of 144 with 3x3 taps, for 2x2 instead
of 100 with 5x5. Each of the 36 positions is a matrix product of filters x channels and channels x tiles. A kernel of
stride 2 is four of half the taps, one for each phase of what is read or written (winograd_taps.py).

Tiles are transformed first, as many as fit the third-level cache. Then each thread transforms a few filters at a time
and multiplies with all of the tiles: neither the transformed filters, which are up to four times as large as the
filters, nor the products reach memory. Where filters and channels are few, threads work alone: each
keeps all filters, and the transformed tiles of a task do not leave its second-level cache either.

In float32 the error is two to four times that of the direct algorithm (python -m gpuconv.bench.precision). Images that
would lose more, or whose results are not finite, are computed directly (guard.py).
"""

from functools import partial
from typing import NamedTuple

from numba import njit

from ...cpu.microkernel import multiply_packed
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import cached, pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, NV, lanes, tile_columns
from . import direct
from .correlation import Lattice
from .epilogue import epilogue
from .guard import GuardedPlan, is_finite
from .winograd_filters import (
    MATRIX_GAP,
    Filters,
    block_filters,
    block_size,
    matrix_size,
    row_size,
    scratch_size,
    transform_filters,
)
from .winograd_taps import dgrad_taps, fprop_taps
from .winograd_tiles import Tiles, cut, fill_inputs, input_size, output_size, plane_size, task_bounds, task_count
from .winograd_transforms import INPUT, TILE_POSITIONS, gather_sandwich, output_matrix, scatter_sandwich

BLOCK_FILTERS = 16  # about: of 512 channels they take 1.2 MB in all positions (Zen 5, 2026-11)
PRODUCT_CHANNELS = 256  # multiplied at once, at most: a tile's part then fills two thirds of the first-level cache
TASK_TILES = 512  # at most: their products with a block of filters then fill the second-level cache


class Limits(NamedTuple):
    """What decides whether each thread transforms tiles and filters for itself (private) or all share them."""

    private_products: int = 1 << 11
    """Products of phases of filters and channels, at most, where threads work alone."""
    private_fill: float = 1.2
    """Tiles multiplied over tiles needed, at most, where threads work alone; the others only fill up vectors."""
    private_elements: int = 3 << 16
    """Transformed tiles, and filters or sums, of a thread: fit the second-level cache."""
    shared_elements: int = 3 << 20
    """Transformed tiles at a time, about: a third of the third-level cache (Zen 5, 2026-11)."""
    at_once_elements: int = 5 << 20
    """Transformed tiles of a weight gradient that are summed at once if they are all: half of that cache."""


LIMITS = Limits()

# Integers of a plan: Tiles, Filters, Lattice, tasks whose tiles are transformed together, bounds of three tables.
FILTERS = len(Tiles._fields)
LATTICE = FILTERS + len(Filters._fields)
BATCH = LATTICE + len(Lattice._fields)
TABLES = BATCH + 1

transform_input = gather_sandwich(INPUT)
_transform_output_4, _transform_output_2 = scatter_sandwich(output_matrix(3)), scatter_sandwich(output_matrix(5))


def fprop_plan(shape, dtype, limits=LIMITS):
    """The plan of a forward pass."""
    plan = partial(_direct_plan, direct.fprop_plan, shape, dtype)
    return _winograd_plan(shape.x_shape, shape.y_shape, False, shape, *fprop_taps(shape), dtype, limits, plan)


def dgrad_plan(shape, dtype, limits=LIMITS):
    """The plan of an input gradient."""
    plan = partial(_direct_plan, direct.dgrad_plan, shape, dtype)
    return _winograd_plan(shape.y_shape, shape.x_shape, True, shape, *dgrad_taps(shape), dtype, limits, plan)


@cached
def _direct_plan(make_plan, shape, dtype, images):
    """The direct algorithm's plan for some images of a problem."""
    return make_plan(shape._replace(n=images), dtype)


def _winograd_plan(read_shape, written_shape, transposed, shape, correlation, tap_table, dtype, limits, direct_plan):
    """The plan of a pass from an array of one shape to one of another."""
    (n, k, p, q), channels, step = written_shape, read_shape[1], correlation.writes

    def blocked(private):
        return _block(read_shape, k, (-(-p // step), -(-q // step)), shape.r * shape.s, transposed, correlation, dtype,
                      private, limits)  # fmt: skip

    # few filters and channels: each thread works alone, unless many tiles would only fill up vectors
    private = channels * k * (correlation.reads * step) ** 2 <= limits.private_products
    f, g, offsets = blocked(private)
    if private and _multiplied(g) > limits.private_fill * n * g.down * g.across:
        private, (f, g, offsets) = False, blocked(False)
    batch = 0 if private else max(1, min(task_count(g), limits.shared_elements // _task_size(g)))
    tables, bounds = pack_tables(tap_table, *offsets)
    return GuardedPlan(
        _run_winograd, [*g, *f, *Lattice(k, p, q, g.p, g.q, 0, step, 0, step), batch, *bounds], tables, dtype, k,
        tasks=task_count(g) if private else batch * -(-k // block_filters(f)), serial=False,
        scratch=batch * _task_size(g), direct=direct_plan,
    )  # fmt: skip


def _block(read_shape, k, size, taps, transposed, correlation, dtype, private, limits):
    """(Filters, Tiles, TileOffsets): blocks of some filters, one of all where threads work alone."""
    c, vector, columns = read_shape[1], lanes(dtype), tile_columns(dtype)
    reads, writes = correlation.reads**2, correlation.writes**2
    vectors = -(-k // vector) if private else max(1, BLOCK_FILTERS // (vector * writes))
    f = Filters(k, c, taps, transposed, correlation.taps, reads, writes, vectors, vector)
    each = TILE_POSITIONS * (c * reads + (row_size(f) if private else 0))
    tiles = (limits.private_elements - block_size(f) if private else limits.shared_elements) // each
    return f, *cut(read_shape, size, correlation, max(2 * columns, min(TASK_TILES, tiles)), columns, vector)


@njit(cache=True, nogil=True)
def _run_winograd(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, redo, threads):
    """Transform the tiles of some tasks, then multiply; or both in each thread, for its share of the tasks."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    g, f, lattice = record(Tiles, sizes, 0), record(Filters, sizes, FILTERS), record(Lattice, sizes, LATTICE)
    taps, inputs = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    outputs, batch = table(tables, sizes, TABLES + 2), sizes[BATCH]
    v = scratch_or_new(scratch, 0, batch * _task_size(g), x)
    problem = (g, f, inputs, outputs, x, taps, w, v, lattice, bias, activation, slope, pre_activation, y, redo)
    if batch == 0:
        on_threads(_correlate_private, problem, threads)
        return
    tasks = task_count(g)
    for first in range(0, tasks, batch):
        count = min(batch, tasks - first)
        on_threads(_transform_tiles, (g, inputs, x, v, first, count), threads)
        on_threads(_correlate_shared, (*problem, first, count), threads)


@njit(cache=True, nogil=True)
def _tile_stride(g):
    """Elements from one position's transformed inputs to the next one's."""
    return g.c * g.reads * g.reads * g.count + MATRIX_GAP


@njit(cache=True, nogil=True)
def _task_size(g):
    """Elements of a task's transformed inputs."""
    return TILE_POSITIONS * _tile_stride(g)


@njit(cache=True, nogil=True)
def _product_stride(g, f):
    """Elements from one position's products to the next one's."""
    return (row_size(f) + MR - 1) // MR * MR * g.count + MATRIX_GAP


@njit(cache=True, nogil=True)
def _padded_tiles(g, task):
    """Tiles of a task, filled up to what is multiplied at once."""
    _, images, first, last = task_bounds(g, task)
    columns = NV * g.lanes
    return (images * (last - first) * g.across + columns - 1) // columns * columns


@njit(cache=True, nogil=True)
def _multiplied(g):
    """Tiles that are multiplied in all tasks, those included that only fill up."""
    tiles = 0
    for task in range(task_count(g)):
        tiles += _padded_tiles(g, task)
    return tiles


@njit(cache=True, nogil=True)
def _transform_tiles(g, sources, x, v, task0, count, thread, threads):
    """V of some tasks, one thread's channels of them.

    v[task, position, tile // NR, (c, u, v), tile % NR], NR tiles being multiplied at once.
    """
    inputs, phases, columns, size = zeros(input_size(g), x), g.reads * g.reads, NV * g.lanes, plane_size(g)
    first, last = share(count * g.c, thread, threads)
    for work in range(first, last):
        task, c = task0 + work // g.c, work % g.c
        n, images, top, _ = task_bounds(g, task)
        fill_inputs(g, x, n, images, c, top, inputs, 0)
        for phase in range(phases):
            row = (task - task0) * _task_size(g) + (c * phases + phase) * columns
            for tile in range(0, _padded_tiles(g, task), g.lanes):
                target = row + tile // columns * g.c * phases * columns + tile % columns
                transform_input(inputs, phase * size, sources, tile, g.width, v, target, _tile_stride(g))


@njit(cache=True, nogil=True)
def _correlate_shared(
    g, f, inputs, targets, x, taps, w, v, lattice, bias, activation, slope, pre_activation, y, redo, task0, count,
    thread, threads,
):  # fmt: skip
    """The equation at the head of this file, for some tasks and one thread's blocks of filters.

    FLOPs: 72 K C for each tile. Bytes: x and y once, w once for so many tasks; V once a block from the third-level
    cache, the block's transformed filters and products from the second.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(TILE_POSITIONS * _product_stride(g, f), x), workspace(output_size(g), x)
    block = -1
    first, last = share((f.count + block_filters(f) - 1) // block_filters(f) * count, thread, threads)
    for unit in range(first, last):
        if unit // count != block:
            block = unit // count
            transform_filters(f, w, taps, block, a, work)
        task = task0 + unit % count
        _multiply_filters(g, f, task, block, a, v, unit % count * _task_size(g), m)
        _store_tiles(g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo)


@njit(cache=True, nogil=True)
def _correlate_private(
    g, f, inputs, targets, x, taps, w, shared, lattice, bias, activation, slope, pre_activation, y, redo, thread,
    threads,
):  # fmt: skip
    """The same of all filters, for one thread's tasks.

    FLOPs: 72 K C for each tile. Bytes: x and y once, w once a thread.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(TILE_POSITIONS * _product_stride(g, f), x), workspace(output_size(g), x)
    v = workspace(_task_size(g), x)
    transform_filters(f, w, taps, 0, a, work)
    first, last = share(task_count(g), thread, threads)
    for task in range(first, last):
        _transform_tiles(g, inputs, x, v, task, 1, 0, 1)
        _multiply_filters(g, f, task, 0, a, v, 0, m)
        _store_tiles(g, f, targets, task, 0, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo)


@njit(cache=True, nogil=True)
def _multiply_filters(g, f, task, block, a, v, start, m):
    """M of a task and a block: m[position, (i, j, k), tile]."""
    channels, columns, width = g.c * g.reads * g.reads, NV * g.lanes, row_size(f)
    tiles, m_stride = _padded_tiles(g, task), _product_stride(g, f)
    rows = width if f.writes > 1 else min(width, f.count - block * block_filters(f))
    for position in range(TILE_POSITIONS):
        for c in range(0, channels, PRODUCT_CHANNELS):
            matrix, steps = position * matrix_size(f) + c * width, min(PRODUCT_CHANNELS, channels - c)
            for tile in range(0, tiles, columns):
                column = start + position * _tile_stride(g) + tile * channels + c * columns
                for k in range(0, rows, MR):
                    multiply_packed(
                        a, matrix + k, width, v, column, steps,
                        m, position * m_stride + k * g.count + tile, g.count, c > 0,
                    )  # fmt: skip


@njit(cache=True, nogil=True)
def _store_tiles(g, f, targets, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo):
    """Results of a task and a block: of every filter, the phases one after the other."""
    n, images, first, last = task_bounds(g, task)
    stride, pitch, k0, step = _product_stride(g, f), g.edge * g.across, block * block_filters(f), lattice.row_step
    tiles, image_stride = _padded_tiles(g, task), g.rows * g.edge * pitch
    for k in range(k0, min(k0 + block_filters(f), f.count)):
        for phase in range(f.writes):
            # inverse transform
            for tile in range(0, tiles, g.lanes):
                row = (phase * block_filters(f) + k - k0) * g.count + tile
                if g.edge == 4:
                    _transform_output_4(m, row, stride, outputs, targets, tile, pitch)
                else:
                    _transform_output_2(m, row, stride, outputs, targets, tile, pitch)
            # epilogue: bias, activation, store the phase
            i, j = phase // step, phase % step
            p, q = (lattice.height - i + step - 1) // step, (lattice.width - j + step - 1) // step
            p0, p1 = g.edge * first, min(g.edge * last, p)
            if p0 < p1 and q > 0:
                for image in range(images):
                    if not is_finite(outputs, image * image_stride, (p1 - p0 - 1) * pitch + q):
                        redo[n + image] = True
                part = Lattice(lattice.k, lattice.height, lattice.width, p, q, i, step, j, step)
                epilogue(
                    part, outputs, 0, 0, 1, image_stride, images, pitch, n, k, p0, p1,
                    bias, activation, slope, pre_activation, y,
                )  # fmt: skip
