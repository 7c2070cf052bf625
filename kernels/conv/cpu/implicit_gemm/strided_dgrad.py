"""Launches of the in-place input gradient with a stride of 2 along a row, both column phases at once (strided_tile.py).

    dx[n, c, i, 2 u + b] = sum_{k, r, s} w[k, c, r, s] dy[n, k, (i + pad - r) / stride, u + shift(b, s)]

for the taps r that leave no remainder. Rows of dx are computed one after the other.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from ....cpu import parallel
from ....cpu.parallel import on_threads, share, workspace
from ....cpu.plan import pack_tables, record, scratch_or_new
from ....cpu.registers import lanes
from ..correlation import MIN_TASKS, SERIAL_PRODUCTS, CorrelationPlan
from ..depthwise.strided_dgrad import column_shifts
from ..lines import Lines, copy_margins, line_tables, lines_of
from .strided_tile import PHASES, STRIDED_TILES, StridedProblem, StridedTile, gather_phases

LOAD_CYCLES = 0.75
"""Of a vector that may lie in two cache lines; a core begins two multiply-adds in a cycle (Xeon, 2026-11)."""

LINES = len(StridedProblem._fields)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    filters, channels = shape.k // shape.groups, shape.c // shape.groups
    tile = tile_for(shape, channels, lanes(dtype))
    # columns of dy that vectors read
    step, moved, shifts = tile.vectors * tile.lanes, shape.pad_left // PHASES, _shifts(shape)
    end = -(-shape.w // (PHASES * step)) * step
    lines = lines_of(shape.p, shape.q, shifts[0] + moved, shifts[-1] + moved + end)
    tables, _ = pack_tables(*line_tables(lines, dtype))
    strips = max(1, min(shape.h, -(-MIN_TASKS // (shape.n * shape.groups))))
    g = StridedProblem(
        shape.n, shape.groups, filters, channels, shape.r, shape.stride_h, shape.pad_top, -moved, shape.h, shape.w,
        shape.p, -(-shape.h // strips), shape.w + PHASES * step,
    )  # fmt: skip
    return CorrelationPlan(
        _kernel(tile), [*g, *lines], tables, dtype, shape.c,
        tasks=shape.n * shape.groups * -(-shape.h // g.strip),
        serial=parallel.is_serial(shape.flops // 2 < SERIAL_PRODUCTS),
        scratch=shape.groups * -(-channels // tile.channels) * tile.channels * filters * shape.r * shape.s,
    )  # fmt: skip


def _shifts(shape):
    """The shifts of all taps along a row."""
    return column_shifts(shape.s, PHASES, shape.pad_left)


def tile_for(shape, channels, size):
    """The StridedTile for so many channels of a group and vectors of `size` elements: that of the fewest cycles."""
    elements = -(-shape.w // PHASES)

    def cycles(tile):
        rows, vectors = tile
        products = rows * vectors * shape.s / 2
        loads = len(_shifts(shape)) * vectors * LOAD_CYCLES + rows * shape.s / 2
        return -(-elements // (vectors * size)) * -(-channels // rows) * max(products, loads)

    return StridedTile(shape.s, shape.pad_left % PHASES, *min(STRIDED_TILES, key=cycles), size)


@lru_cache(maxsize=256)
def _kernel(tile):
    """The kernel of a StridedTile, called as CorrelationPlan says."""
    gather, at_once, step = gather_phases(tile), tile.channels, tile.lanes * tile.vectors

    @njit(cache=True, nogil=True)
    def gather_rows(
        g, lines, tables, dy, margins, packed, activation, slope, pre_activation, dx, thread, threads
    ):  # fmt: skip
        """The equation at the head of this file, for one thread's strips of rows of dx.

        FLOPs: 2 N K P Q (C/groups) R S. Bytes: dy once for each block of channels, from a cache; dx once.
        """
        spare, blocks = workspace(g.spare, dy), (g.channels + at_once - 1) // at_once
        panel, strips = packed.size // (g.groups * blocks), (g.h + g.strip - 1) // g.strip
        first, last = share(g.images * g.groups * strips, thread, threads)
        for task in range(first, last):
            image, row0 = task // strips, task % strips * g.strip
            source, group = image * g.filters * lines.height * lines.width, image % g.groups
            for i in range(row0, min(row0 + g.strip, g.h)):
                # taps that reach the row: `tap` reads `row`, each further one the row before
                row, tap = (i + g.top) // g.stride_h, (i + g.top) % g.stride_h
                beyond = max(0, row - g.p + 1)
                count = max(0, min((g.rows - tap + g.stride_h - 1) // g.stride_h, row + 1) - beyond)
                row, tap = row - beyond, tap + beyond * g.stride_h
                target = image * g.channels * g.h * g.w + i * g.w
                for u in range(0, (g.w + 1) // 2, step):
                    for block in range(blocks):
                        gather(
                            lines, dy, margins, tables, g, source, row, tap, count,
                            packed, (group * blocks + block) * panel, activation, slope, pre_activation,
                            dx, target, block * at_once, u, spare,
                        )  # fmt: skip

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, dy, w, bias, activation, slope, pre_activation, dx, threads):
        """Pack the weights and copy the margins, then multiply."""
        dy, w, pre_activation, dx = dy.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), dx.reshape(-1)
        g, lines = record(StridedProblem, sizes, 0), record(Lines, sizes, LINES)
        blocks = (g.channels + at_once - 1) // at_once
        packed = scratch_or_new(scratch, 0, w.size // g.channels * blocks * at_once, dy)
        on_threads(pack_rows, (g, w, w.size // (g.groups * g.filters * g.channels * g.rows), at_once, packed), threads)
        margins = copy_margins(lines, dy)
        arguments = (g, lines, tables, dy, margins, packed, activation, slope, pre_activation, dx)
        on_threads(gather_rows, arguments, threads)

    return run


@njit(cache=True, nogil=True)
def pack_rows(g, w, columns, at_once, packed, thread, threads):
    """packed[group, block, r, k, s, i] = w[k, c, r, s] of channel c = block * at_once + i; zero past the last."""
    blocks, size = (g.channels + at_once - 1) // at_once, g.rows * g.filters * columns * at_once
    taps = g.rows * columns
    first, last = share(g.groups * blocks, thread, threads)
    for panel in range(first, last):
        group, c0 = panel // blocks, panel % blocks * at_once
        count = min(at_once, g.channels - c0)
        for k in range(g.filters):
            source = np.uint64(((group * g.filters + k) * g.channels + c0) * taps)
            for r in range(g.rows):
                target = np.uint64(panel * size + (r * g.filters + k) * columns * at_once)
                for s in range(columns):
                    entry = np.uint64(target + s * at_once)
                    tap = np.uint64(source + r * columns + s)
                    for i in range(np.uint64(count)):
                        packed[entry + i] = w[tap + i * np.uint64(taps)]
                    for i in range(np.uint64(count), np.uint64(at_once)):
                        packed[entry + i] = 0
