"""Direct convolution whose lanes are filters: no row of pixels is too short for a vector.

    y[n, k, row0 + p * row_step, col0 + q * col_step] = sum_l w[k, l] x[position(n, p, q) + pair(l)],    l = (c, r, s)

A matrix product, one factor of which is read from x itself by offset tables: the micro-kernel broadcasts MR elements of
x and multiplies them with NV vectors of filters. Outputs are cut into zones that meet the same taps (zones.py), or x is
copied with padding, whichever multiplies less. Weights are transposed into panels as they are needed, a part that stays
in the first-level cache; sums are transposed back as they are stored. The forward pass, and the input gradient from dy
with the taps of the rotated kernel, all phases of a stride together.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...cpu import parallel
from ...cpu.microkernel import NARROW_ROWS
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import pack_tables, record, scratch_or_new, table
from ...cpu.registers import MR, lanes
from ...cpu.simd_rows import copy_row
from ...cpu.transpose import transpose
from .correlation import SERIAL_PRODUCTS, CorrelationPlan, Lattice, dgrad_correlations, fprop_correlation
from .filter_epilogue import store_pieces, whole_tiles
from .offset_tables import TABLE_LIMIT, InputLayout, balanced_step, copy_size, pad
from .zone_product import multiply_zone, multiply_zone_narrow, zone_tile
from .zones import PIECE, Piece, lay_out_zones, reading, task_splits

STEP_PAIRS = 192  # of a reduction at once, at most: a panel's part then fills half of the first-level cache


class Zoned(NamedTuple):
    """One pass, as integers for the kernels."""

    n: int
    c: int
    """Channels of all groups."""
    size: int
    """Of a plane of what is read."""
    groups: int
    channels: int
    """Of a group."""
    filters: int
    """Of a group."""
    taps: int
    """Of a kernel."""
    transposed: int
    """Whether w lies as (channels, filters, taps) in each group."""
    width: int
    """Filters that are multiplied at once."""
    tile_rows: int
    """Outputs that are multiplied at once."""
    step: int
    """Channels that are multiplied at once."""
    images: int
    """Of a task."""
    strips: int
    """Tasks of an image and a block of filters."""
    longest: int
    """Most outputs of a task."""
    ordered: int
    """Whether the outputs of a task are all pixels of its images."""


# Integers of a plan: whether the correlations write all of y, whether x is copied; an InputLayout, a Zoned, a Lattice,
# the bounds of three tables, and the pieces.
LAYOUT = 2
ZONED = LAYOUT + len(InputLayout._fields)
LATTICE = ZONED + len(Zoned._fields)
TABLES = LATTICE + len(Lattice._fields)
PIECES = TABLES + 4


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _filter_vectorized_plan((fprop_correlation(shape),), True, shape, dtype, shape.k)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _filter_vectorized_plan(*dgrad_correlations(shape), shape, dtype, shape.c)


def _filter_vectorized_plan(correlations, complete, shape, dtype, filters):
    """The plan of correlations into an array; of none, where no tap reaches it."""
    if not correlations:
        sizes = [complete, 0] + [0] * (PIECES - 2)
        return CorrelationPlan(_run_clear, sizes, pack_tables()[0], dtype, filters, tasks=1, serial=True)
    first, field = correlations[0], shape.r * shape.s
    n, c, *_ = first.x_shape
    group_filters, channels = filters // shape.groups, c // shape.groups
    rows, vectors = zone_tile(group_filters, lanes(dtype))
    width = vectors * lanes(dtype)
    blocks = -(-group_filters // width)
    serial = parallel.is_serial(max(c.products for c in correlations) < SERIAL_PRODUCTS)
    layout, zones, products = reading(correlations, blocks, rows)
    plane = (layout.height, layout.width) if layout.copied else first.x_shape[2:]
    # tasks: of some images, or of some of one image's products of a channel and a filter
    sizes = products // field, n * c * plane[0] * plane[1], channels * field
    count = task_splits(*sizes, shape.groups * blocks, width, serial=serial)
    images = max(1, min(-(-n // count), TABLE_LIMIT // (c * plane[0] * plane[1]) - 1))
    images = -(-n // -(-n // images))
    task = -(-products * images // (n * -(-count * images // n)))
    step = balanced_step(channels, max(1, STEP_PAIRS // field))
    t = lay_out_zones(zones, (n, c, *plane), shape.s, field, step, images, task, rows)
    g = Zoned(
        n, c, plane[0] * plane[1], shape.groups, channels, group_filters, field, first.transposed, width, rows, step,
        images, len(t.starts) - 1, t.longest, complete and len(t.starts) == 2,
    )  # fmt: skip
    tables, bounds = pack_tables(t.starts, t.positions, np.stack((t.pairs, t.weights), axis=1))
    pieces = [entry for piece in t.pieces for entry in piece]
    return CorrelationPlan(
        _run_filter_vectorized, [complete, layout.copied, *layout, *g, *first.lattice, *bounds, *pieces], tables,
        dtype, filters,
        tasks=-(-n // images) * g.strips * shape.groups * blocks,
        serial=serial,
        scratch=copy_size(layout),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_clear(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """The gradient that no tap reaches."""
    y.reshape(-1)[:] = 0


@njit(cache=True, nogil=True)
def _run_filter_vectorized(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pad the input if a copy is read, then multiply."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    if not sizes[0]:
        y[:] = 0
    layout, g, lattice = (
        record(InputLayout, sizes, LAYOUT),
        record(Zoned, sizes, ZONED),
        record(Lattice, sizes, LATTICE),
    )
    starts, positions = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    pairs = table(tables, sizes, TABLES + 2)
    copy = scratch_or_new(scratch, 0, copy_size(layout), x)
    if layout.copied:
        on_threads(pad, (layout, x, copy), threads)
    problem = (g, copy if layout.copied else x, sizes[PIECES:], starts, positions, pairs, w, lattice)
    on_threads(_correlate_filters, (*problem, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _transpose_filters(g, w, group, k, count, c0, c1, panel):
    """panel[(c - c0) * T + t, i] = w of a group's filter k + i, channel c and tap t for c0 <= c < c1, i < count."""
    first, width = group * g.filters * g.channels * g.taps, g.width
    if not g.transposed:
        first, taps = first + (k * g.channels + c0) * g.taps, (c1 - c0) * g.taps
        transpose(w, first, g.channels * g.taps, count, taps, panel, 0, width)
    elif g.taps == 1:
        for c in range(c0, c1):
            copy_row(panel, (c - c0) * width, w, first + c * g.filters + k, count)
    else:
        for c in range(c0, c1):
            source, target = first + (c * g.filters + k) * g.taps, (c - c0) * g.taps * width
            transpose(w, source, g.taps, count, g.taps, panel, target, width)


@njit(cache=True, nogil=True)
def _correlate_filters(
    g,
    x,
    pieces,
    starts,
    positions,
    pairs,
    w,
    lattice,
    bias,
    activation,
    slope,
    pre_activation,
    y,
    thread,
    threads,
):
    """The equation at the head of this file, for one thread's strips and blocks of filters.

    FLOPs: 2 N K (C/groups) for each tap of each zone's outputs. Bytes: x and y once, w once a strip.
    """
    # thread-local workspaces
    blocks, width = (g.filters + g.width - 1) // g.width, g.width
    panel = zeros(g.step * g.taps * width, x)
    sums, rows = workspace(g.longest * width, x), workspace(width * g.longest, x)
    local = workspace(g.longest, positions)
    first, last = share((g.n + g.images - 1) // g.images * g.strips * g.groups * blocks, thread, threads)
    for task in range(first, last):
        # the task's filters, images, pieces and positions
        block, strip = task % (g.groups * blocks), task // (g.groups * blocks) % g.strips
        group, k, n = block // blocks, block % blocks * width, task // (g.groups * blocks * g.strips) * g.images
        filters, images = min(width, g.filters - k), min(g.images, g.n - n)
        _find_positions(g, pieces, starts[strip], starts[strip + 1], images, positions, local)
        # multiply, some channels at a time
        for c0 in range(0, g.channels, g.step):
            c1, start = min(c0 + g.step, g.channels), 0
            _transpose_filters(g, w, group, k, filters, c0, c1, panel)
            plane = (n * g.c + group * g.channels + c0) * g.size
            for i in range(starts[strip], starts[strip + 1]):
                piece = record(Piece, pieces, i * PIECE)
                end = start + whole_tiles(g, images * piece.rows * piece.columns)
                if piece.taps == 0:
                    sums[start * width : end * width] = 0
                    start = end
                    continue
                pair, steps = piece.entry * g.step, (c1 - c0) * piece.taps
                if g.tile_rows == MR:
                    for j in range(start, end, MR):
                        multiply_zone(x, plane, local, j, pairs, pair, steps, panel, sums, j * width, c0 > 0)
                else:
                    for j in range(start, end, NARROW_ROWS):
                        multiply_zone_narrow(x, plane, local, j, pairs, pair, steps, panel, sums, j * width, c0 > 0)
                start = end
        store_pieces(
            g, pieces, starts[strip], starts[strip + 1], lattice, sums, rows, n, images, group * g.filters + k, filters,
            bias, activation, slope, pre_activation, y,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _find_positions(g, pieces, first, last, images, positions, local):
    """Positions of some pieces; a last tile is read whole, but not past the images."""
    start = 0
    for i in range(first, last):
        piece = record(Piece, pieces, i * PIECE)
        count = images * piece.rows * piece.columns
        for j in range(whole_tiles(g, count)):
            local[start + j] = positions[piece.first + (j if j < count else 0)]
        start += whole_tiles(g, count)
