"""Direct weight gradient on padded planes: inner products over positions.

For one tap t, dw[k, c, t] = sum over positions of dy[k, position] x[c, position + tap]. Along a row of outputs both
factors are contiguous in memory (x in the planes of padded_planes.py), so the micro-kernel multiplies vectors of
positions: a tile of filters x (channel, tap) pairs holds one partial sum a lane, and nothing is transposed. dy is
copied with zeros where the planes' rows are longer than the rows of dy. Each thread sums into a buffer;
the buffers are added in a fixed order, so the bits depend on nothing but the number of threads.
"""

from typing import NamedTuple

from numba import njit

from ...cpu import parallel
from ...cpu.microkernel import add_dots
from ...cpu.parallel import on_threads, share, zeros
from ...cpu.plan import Plan, pack_tables, record, scratch_or_new, table
from ...cpu.registers import DOT_COLUMNS, DOT_ROWS, lanes
from ...cpu.simd_rows import fill_row
from .correlation import SERIAL_PRODUCTS, fprop_correlation
from .padded_planes import TileShape, fill_planes, planes_size, task_bounds, task_count, task_vectors, tile

CACHED_FILTERS = 2 * DOT_ROWS  # rows of dy that stay in the first-level cache while the planes pass (Zen 3, 2026-11)
TASK_FILTERS = 64  # as many outputs a task as a forward pass with so many filters has
STEP_PAIRS = 1 << 12  # (channel, tap) pairs at once; the planes' size is the tighter bound


class ThreadSums(NamedTuple):
    """How a thread's sums lie: (groups, steps, columns, rows)."""

    filters: int
    """Of a group."""
    steps: int
    """Steps of channels."""
    columns: int
    """(channel, tap) pairs of a step, in whole tiles."""
    rows: int
    """Filters of a group, in whole tiles."""


THREAD_SUMS = len(TileShape._fields)
TABLES = THREAD_SUMS + len(ThreadSums._fields)


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    correlation = fprop_correlation(shape)
    serial = parallel.is_serial(correlation.products < SERIAL_PRODUCTS)
    g, offset_tables = tile(correlation, STEP_PAIRS, lanes(dtype), serial=serial, filters=TASK_FILTERS)
    tables, bounds = pack_tables(*offset_tables[1:])
    channels, filters = shape.c // shape.groups, shape.k // shape.groups
    columns, rows = -(-g.step * g.taps // DOT_COLUMNS) * DOT_COLUMNS, -(-filters // DOT_ROWS) * DOT_ROWS
    sums = ThreadSums(filters, -(-channels // g.step), columns, rows)
    return Plan(
        _run_direct_wgrad, [*g, *sums, *bounds], tables, dtype,
        tasks=task_count(g), serial=serial,
        scratch_per_thread=g.groups * sums.steps * columns * rows,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_direct_wgrad(sizes, tables, scratch, x, dy, dw, threads):
    """Sum each thread's tasks, then add the threads' sums."""
    x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
    g, shape = record(TileShape, sizes, 0), record(ThreadSums, sizes, THREAD_SUMS)
    offsets, starts = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    sums = scratch_or_new(scratch, 0, threads * _sums_size(g, shape), x)
    on_threads(_sum_tasks, (g, shape, offsets, starts, x, dy, sums), threads)
    on_threads(_add_sums, (g, shape, sums, dw), threads)


@njit(inline="always")
def _sums_size(g, shape):
    """Elements of one thread's sums."""
    return g.groups * shape.steps * shape.columns * shape.rows


@njit(cache=True, nogil=True)
def _sum_tasks(g, shape, offsets, starts, x, dy, sums, thread, threads):
    """Equation (13) for one thread's tasks; sums (threads, groups, steps, channels of a step * taps, filters).

    FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and dy once (dy again for each step of channels), dw once a thread.
    """
    # sizes and thread-local workspaces
    channels, filters, outputs = g.c // g.groups, shape.filters, g.p * g.q
    planes, stride = zeros(planes_size(g), x), g.vectors * g.lanes
    gradient, size = zeros(CACHED_FILTERS * stride, dy), _sums_size(g, shape)
    local = sums[thread * size : (thread + 1) * size]
    local[:] = 0
    first_task, last_task = share(task_count(g), thread, threads)
    for task in range(first_task, last_task):
        n, images, group, p0, p1 = task_bounds(g, task)
        vectors = task_vectors(g, images, p1 - p0)
        # rows of dy that fill their vectors need no copy
        in_place = images == 1 and g.pitch == g.q and (p1 - p0) * g.q == vectors * g.lanes and filters % DOT_ROWS == 0
        rows_of_k, row_stride = (dy, outputs) if in_place else (gradient, stride)
        for step in range(shape.steps):
            c0, c1 = step * g.step, min((step + 1) * g.step, channels)
            fill_planes(g, x, n, images, group * channels + c0, group * channels + c1, p0, p1, planes)
            for k0 in range(0, filters, CACHED_FILTERS):
                # pad a few filters' rows of dy
                k1 = min(k0 + CACHED_FILTERS, filters)
                first = (n * g.groups + group) * filters + k0
                if not in_place:
                    for k in range(k1 - k0):
                        _fill_gradient(g, dy, first + k, g.groups * filters, images, p0, p1, gradient, k * stride)
                    gradient[(k1 - k0) * stride :] = 0
                start = first * outputs + p0 * g.q if in_place else 0
                # multiply: tiles of (channel, tap) pairs by filters
                for pair in range(0, (c1 - c0) * g.taps, DOT_COLUMNS):
                    for k in range(k0, k1, DOT_ROWS):
                        target = ((group * shape.steps + step) * shape.columns + pair) * shape.rows + k
                        add_dots(
                            rows_of_k, start + (k - k0) * row_stride, row_stride,
                            planes, 0, starts, offsets, pair, vectors, local, target, shape.rows, True,
                        )  # fmt: skip


@njit(cache=True, nogil=True)
def _fill_gradient(g, dy, first, filters, images, p0, p1, gradient, start):
    """gradient[start + m, p - p0, q] = dy[n + m, k, p, q], zero between the rows; first = n * filters + k."""
    for m in range(images):
        for p in range(p0, p1):
            row = m * g.run * g.lanes + (p - p0) * g.pitch
            length = g.pitch if p < p1 - 1 else (m + 1) * g.run * g.lanes - row
            fill_row(gradient, start + row, length, dy, ((first + m * filters) * g.p + p) * g.q, 0, g.q)


@njit(cache=True, nogil=True)
def _add_sums(g, shape, sums, dw, thread, threads):
    """dw of one thread's share of the filters: all threads' sums, in order; a few filters at a time."""
    channels, filters, size = g.c // g.groups, shape.filters, _sums_size(g, shape)
    slices = sums.size // size
    for block in range(thread, g.groups * ((filters + CACHED_FILTERS - 1) // CACHED_FILTERS), threads):
        group, k0 = block % g.groups, block // g.groups * CACHED_FILTERS
        k1 = min(k0 + CACHED_FILTERS, filters)
        for c in range(channels):
            for t in range(g.taps):
                column = (group * shape.steps + c // g.step) * shape.columns + c % g.step * g.taps + t
                for k in range(k0, k1):
                    source = column * shape.rows + k
                    total = sums[source]
                    for part in range(1, slices):
                        total += sums[part * size + source]
                    dw[((group * filters + k) * channels + c) * g.taps + t] = total
