"""Weight gradient of bfloat16 arrays: products of pairs of positions.

For one tap t, dw[k, c, t] = sum over positions of dy[k, position] x[c, position + tap]. Along a row of outputs two
neighbors are a pair of both factors: of x as it lies in the planes of padded_planes.py, of dy after a transpose of
pairs, so that a tile's columns are filters. Sums are (channel, tap) pairs by filters, one buffer a thread; the buffers
are added in a fixed order and rounded once.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from ....cpu import pair_tiles, parallel
from ....cpu.bfloat16 import store_row
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import Plan, pack_tables, record, scratch_or_new, table
from ....cpu.simd_rows import add_row, copy_row, fill_row
from ....cpu.transpose import transpose
from ..correlation import SERIAL_PRODUCTS
from ..padded_planes import TileShape, fill_planes, planes_size, task_bounds, task_count, task_vectors, tile
from .rows import TapRows, correlation_of, fill_row_planes

FILTERS = 32
"""Columns of a tile."""
STEP_PAIRS = 1 << 12
"""(channel, tap) pairs at once; the planes' size is the tighter bound."""
TASK_FILTERS = 64
"""As many outputs a task as a forward pass with so many filters has."""
SUM_ROWS = 256
"""(channel, tap) pairs that are transposed together."""
SUM_FILTERS = 16


class GradientShape(NamedTuple):
    """How a thread's sums lie: (groups, channels of whole tiles, taps, filters of whole panels)."""

    filters: int
    """Of a group."""
    panels: int
    """Panels of FILTERS filters of a group."""
    channels: int
    """Channels of a group, in whole tiles."""


SHAPE = len(TileShape._fields)
ROWS = SHAPE + len(GradientShape._fields)
TABLES = ROWS + len(TapRows._fields)


class PairGradientPlan(Plan):
    """The plan of a weight gradient of bfloat16 arrays; its kernel takes their bits."""

    __slots__ = ()

    def launch(self, x, dy, dw):
        """Run the kernel on these arrays."""
        super().launch(x.view(np.uint16), dy.view(np.uint16), dw.view(np.uint16))


def wgrad_plan(shape, name):
    """The plan of a weight gradient by a tile of pair_tiles.names()."""
    rows, pairs = pair_tiles.tile(name)[:2]
    correlation, tap_rows = correlation_of(shape, lambda channels, taps: -(-channels // rows) * taps)
    serial = parallel.is_serial(correlation.products < SERIAL_PRODUCTS)
    g, offset_tables = tile(
        correlation, STEP_PAIRS, 2 * pairs, serial=serial, filters=TASK_FILTERS, multiple=rows
    )  # fmt: skip
    tables, bounds = pack_tables(*offset_tables[1:])
    channels, filters = correlation.x_shape[1] // shape.groups, shape.k // shape.groups
    padded = -(-channels // g.step) * g.step
    sums = GradientShape(filters, -(-filters // FILTERS), padded)
    return PairGradientPlan(
        _kernel(name), [*g, *sums, *tap_rows, *bounds], tables, np.dtype(np.float32),
        tasks=task_count(g), serial=serial,
        scratch_per_thread=g.groups * padded * g.taps * sums.panels * FILTERS,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _kernel(name):
    """The kernel of a tile, called as kernel(sizes, tables, scratch, x, dy, dw, threads)."""
    rows, pairs, begin, end, _, multiply_rows = pair_tiles.tile(name)

    @njit(cache=True, nogil=True)
    def sum_tasks(g, shape, tap_rows, offsets, starts, x, dy, sums, thread, threads):
        """Equation (13) for one thread's tasks.

        FLOPs: 2 N K P Q (C/groups) R S. Bytes: x and dy once, dw once a thread.
        """
        # sizes and thread-local workspaces
        channels, columns, size = g.c // g.groups, shape.panels * FILTERS, _sums_size(g, shape)
        plane, stride = g.phases_h * g.phases_w * g.height * g.width, g.vectors * g.lanes
        planes, local = zeros(planes_size(g), x), sums[thread * size : (thread + 1) * size]
        natural = workspace(FILTERS * stride // 2, sums).view(np.uint32)
        halves = natural.view(dy.dtype)
        turned = workspace(columns * stride // 2, sums).view(np.uint32)
        line = workspace(g.rows * g.w, x)
        local[:] = 0
        begin(pairs)
        first, last = share(task_count(g), thread, threads)
        for task in range(first, last):
            n, images, group, p0, p1 = task_bounds(g, task)
            vectors = task_vectors(g, images, p1 - p0)
            # pairs of dy become rows, filters columns
            for panel in range(shape.panels):
                k0, count = panel * FILTERS, min(FILTERS, shape.filters - panel * FILTERS)
                for k in range(FILTERS):
                    row = ((n * g.groups + group) * shape.filters + k0 + k) * g.p
                    step = g.groups * shape.filters * g.p
                    present = images if k < count else 0
                    fill_gradient(g, dy, row, step, present, p0, p1, halves, k * stride)
                transpose(natural, 0, stride // 2, FILTERS, stride // 2, turned, panel * FILTERS * stride // 2, FILTERS)
            for c0 in range(0, channels, g.step):
                c1 = min(c0 + g.step, channels)
                if tap_rows.taps:
                    first_channel = group * channels + c0
                    fill_row_planes(
                        g, tap_rows, x, n, images, first_channel, first_channel + c1 - c0, p0, p1, line, planes
                    )  # fmt: skip
                else:
                    fill_planes(g, x, n, images, group * channels + c0, group * channels + c1, p0, p1, planes)
                # multiply: a panel of filters and some channels stay in the cache for all taps
                for panel in range(shape.panels):
                    for c in range(c0, c1, rows):
                        for t in range(g.taps):
                            target = ((group * shape.channels + c) * g.taps + t) * columns + panel * FILTERS
                            multiply_rows(
                                planes, offsets[(c - c0) * g.taps + t], plane, starts, vectors,
                                turned, panel * FILTERS * stride // 2, local, target, g.taps * columns, True,
                            )  # fmt: skip
        end()

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, x, dy, dw, threads):
        """Sum each thread's tasks, then add the threads' sums."""
        x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
        g, shape = record(TileShape, sizes, 0), record(GradientShape, sizes, SHAPE)
        offsets, starts = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
        sums = scratch_or_new(scratch, 0, threads * _sums_size(g, shape), scratch)
        on_threads(sum_tasks, (g, shape, record(TapRows, sizes, ROWS), offsets, starts, x, dy, sums), threads)
        on_threads(add_sums, (g, shape, sums, dw), threads)

    return run


@njit(inline="always")
def _sums_size(g, shape):
    """Elements of one thread's sums."""
    return g.groups * shape.channels * g.taps * shape.panels * FILTERS


@njit(cache=True, nogil=True)
def fill_gradient(g, dy, first_row, image_rows, images, p0, p1, gradient, start):
    """gradient[start + ...] = rows p0 to p1 of some images of a filter, at the positions of the planes' vectors.

    Zeros between the rows and after the last image. `first_row` is the number of the filter's row 0 in the first image.
    """
    run = g.run * g.lanes
    for m in range(images):
        for p in range(p0, p1):
            row = m * run + (p - p0) * g.pitch
            length = g.pitch if p < p1 - 1 else (m + 1) * run - row
            fill_row(gradient, start + row, length, dy, (first_row + m * image_rows + p) * g.q, 0, min(g.q, length))
    gradient[start + images * run : start + g.images * run] = 0


@njit(cache=True, nogil=True)
def add_sums(g, shape, sums, dw, thread, threads):
    """dw of one thread's share of the filters: all threads' sums, in order, transposed and rounded."""
    channels, columns, size = g.c // g.groups, shape.panels * FILTERS, _sums_size(g, shape)
    length, slices = channels * g.taps, sums.size // size
    total, turned = workspace(SUM_ROWS * SUM_FILTERS, sums), workspace(SUM_ROWS * SUM_FILTERS, sums)
    blocks = (shape.filters + SUM_FILTERS - 1) // SUM_FILTERS
    first, last = share(g.groups * blocks, thread, threads)
    for block in range(first, last):
        group, k0 = block // blocks, block % blocks * SUM_FILTERS
        for j0 in range(0, length, SUM_ROWS):
            count = min(SUM_ROWS, length - j0)
            for j in range(count):
                source = (group * shape.channels * g.taps + j0 + j) * columns + k0
                copy_row(total, j * SUM_FILTERS, sums, source, SUM_FILTERS)
                for part in range(1, slices):
                    add_row(total, j * SUM_FILTERS, sums, part * size + source, SUM_FILTERS)
            transpose(total, 0, SUM_FILTERS, count, SUM_FILTERS, turned, 0, SUM_ROWS)
            for k in range(min(SUM_FILTERS, shape.filters - k0)):
                store_row(dw, (group * shape.filters + k0 + k) * length + j0, turned, k * SUM_ROWS, count)
