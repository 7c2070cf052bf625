"""Winograd's algorithm for square kernels of a few taps, forward and input gradient, on fewer multiplications.

A tile of outputs y reads 6x6 inputs d. With constant matrices B, G, A (transforms.py),

    y = A^T [ sum_c (G w G^T) . (B^T d B) ] A,

where . multiplies element by element: 36 multiplications for 4x4 outputs instead of 144 with 3x3 taps, for 2x2 instead
of 100 with 5x5. Each of the 36 positions is a matrix product of filters x channels and channels x tiles. A kernel of
stride 2 is four of half the taps, one for each phase of what is read or written, and one with a dilation several
without (taps.py). Groups are computed one after the other, or shared where threads work alone.

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

from ....cpu.microkernel import multiply_packed
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import cached, pack_tables, record, scratch_or_new, table
from ....cpu.registers import MR, NV, lanes, tile_columns
from .. import direct
from ..correlation import Lattice
from ..guard import GuardedPlan
from .filters import (
    MATRIX_GAP,
    Filters,
    block_filters,
    block_size,
    matrix_size,
    row_size,
    scratch_size,
    transform_filters,
)
from .store import product_stride, store_tiles
from .taps import dgrad_taps, fprop_taps
from .tiles import Tiles, cut, fill_inputs, input_size, output_size, padded_tiles, plane_size, task_bounds, task_count
from .transforms import INPUT, TILE_POSITIONS, gather_sandwich

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
    (_, k, p, q), groups, step = written_shape, shape.groups, correlation.writes
    channels, filters = read_shape[1] // groups, k // groups
    step_h, step_w = shape.dilation_h * step, shape.dilation_w * step

    def blocked(private):
        size, taps = (-(-p // step_h), -(-q // step_w)), shape.r * shape.s
        return _block(read_shape, filters, size, taps, transposed, correlation, dtype, private, limits)

    # few filters and channels: each thread works alone, unless many tiles of the one group would only fill up vectors
    private = channels * filters * (correlation.reads * step) ** 2 <= limits.private_products
    f, g, offsets = blocked(private)
    if private and groups == 1 and _multiplied(g) > limits.private_fill * g.n * g.down * g.across:
        private, (f, g, offsets) = False, blocked(False)
    batch = 0 if private else max(1, min(task_count(g), limits.shared_elements // _task_size(g)))
    tables, bounds = pack_tables(tap_table, *offsets)
    return GuardedPlan(
        _run_winograd, [*g, *f, *Lattice(k, p, q, g.p, g.q, 0, step_h, 0, step_w), batch, *bounds], tables, dtype, k,
        tasks=groups * task_count(g) if private else batch * -(-filters // block_filters(f)), serial=False,
        scratch=batch * _task_size(g), direct=direct_plan,
    )  # fmt: skip


def _block(read_shape, k, size, taps, transposed, correlation, dtype, private, limits):
    """(Filters, Tiles, TileOffsets): blocks of some filters, one of all where threads work alone."""
    c, vector, columns = read_shape[1] // correlation.groups, lanes(dtype), tile_columns(dtype)
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
    for group in range(g.groups):
        for first in range(0, tasks, batch):
            count = min(batch, tasks - first)
            on_threads(_transform_tiles, (g, inputs, x, group, v, first, count), threads)
            on_threads(_correlate_shared, (*problem, group, first, count), threads)


@njit(cache=True, nogil=True)
def _tile_stride(g):
    """Elements from one position's transformed inputs to the next one's."""
    return g.c * g.reads * g.reads * g.count + MATRIX_GAP


@njit(cache=True, nogil=True)
def _task_size(g):
    """Elements of a task's transformed inputs."""
    return TILE_POSITIONS * _tile_stride(g)


@njit(cache=True, nogil=True)
def _multiplied(g):
    """Tiles that are multiplied in all tasks, those included that only fill up."""
    tiles = 0
    for task in range(task_count(g)):
        tiles += padded_tiles(g, task)
    return tiles


@njit(cache=True, nogil=True)
def _transform_tiles(g, sources, x, group, v, task0, count, thread, threads):
    """V of some tasks of a group, one thread's channels of them.

    v[task, position, tile // NR, (c, u, v), tile % NR], NR tiles being multiplied at once.
    """
    inputs, phases, columns, size = zeros(input_size(g), x), g.reads * g.reads, NV * g.lanes, plane_size(g)
    first, last = share(count * g.c, thread, threads)
    for work in range(first, last):
        task, c = task0 + work // g.c, work % g.c
        n, images, top, _ = task_bounds(g, task)
        fill_inputs(g, x, n, images, group * g.c + c, top, inputs, 0)
        for phase in range(phases):
            row = (task - task0) * _task_size(g) + (c * phases + phase) * columns
            for tile in range(0, padded_tiles(g, task), g.lanes):
                target = row + tile // columns * g.c * phases * columns + tile % columns
                transform_input(inputs, phase * size, sources, tile, g.width, v, target, _tile_stride(g))


@njit(cache=True, nogil=True)
def _correlate_shared(
    g, f, inputs, targets, x, taps, w, v, lattice, bias, activation, slope, pre_activation, y, redo, group, task0,
    count, thread, threads,
):  # fmt: skip
    """The equation at the head of this file, for some tasks of a group and one thread's blocks of filters.

    FLOPs: 72 K C for each tile. Bytes: x and y once, w once for so many tasks; V once a block from the third-level
    cache, the block's transformed filters and products from the second.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(TILE_POSITIONS * product_stride(g, f), x), workspace(output_size(g), x)
    block = -1
    first, last = share((f.count + block_filters(f) - 1) // block_filters(f) * count, thread, threads)
    for unit in range(first, last):
        if unit // count != block:
            block = unit // count
            transform_filters(f, w, group, taps, block, a, work)
        task = task0 + unit % count
        _multiply_filters(g, f, task, block, a, v, unit % count * _task_size(g), m)
        store_tiles(
            g, f, targets, group, task, block, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo
        )


@njit(cache=True, nogil=True)
def _correlate_private(
    g, f, inputs, targets, x, taps, w, shared, lattice, bias, activation, slope, pre_activation, y, redo, thread,
    threads,
):  # fmt: skip
    """The same of all filters of a group, for one thread's tasks of all groups.

    FLOPs: 72 K C / groups for each tile. Bytes: x and y once, w once a thread.
    """
    a, work = workspace(block_size(f), x), workspace(scratch_size(f), x)
    m, outputs = workspace(TILE_POSITIONS * product_stride(g, f), x), workspace(output_size(g), x)
    v = workspace(_task_size(g), x)
    tasks, transformed = task_count(g), -1
    first, last = share(g.groups * tasks, thread, threads)
    for unit in range(first, last):
        group, task = unit // tasks, unit % tasks
        if group != transformed:
            transformed = group
            transform_filters(f, w, group, taps, 0, a, work)
        _transform_tiles(g, inputs, x, group, v, task, 1, 0, 1)
        _multiply_filters(g, f, task, 0, a, v, 0, m)
        store_tiles(
            g, f, targets, group, task, 0, m, outputs, lattice, bias, activation, slope, pre_activation, y, redo
        )


@njit(cache=True, nogil=True)
def _multiply_filters(g, f, task, block, a, v, start, m):
    """M of a task and a block: m[position, (i, j, k), tile]."""
    channels, columns, width = g.c * g.reads * g.reads, NV * g.lanes, row_size(f)
    tiles, m_stride = padded_tiles(g, task), product_stride(g, f)
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
