"""Depthwise weight gradient: each plane of dy times a plane of x of its group, in place, the taps' sums in registers.

    dw[f, c, r, s] = sum_{n, p, q} dy[n, f, p, q] x[n, c, p stride - pad + r, q stride - pad + s]

A task is a few pairs (f, c) of neighboring planes, which memory hands over as one stream, and a slice of the images.
Lanes add in float32 over some thousand positions; those sums are added in float64.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.core.cgutils import alloca_once_value, for_range_slice
from numba.extending import intrinsic

from ....cpu import parallel
from ....cpu.parallel import on_threads, share, zeros
from ....cpu.plan import Plan, pack_tables, record
from ..correlation import MIN_TASKS
from ..lines import LineEmitter, Lines, copy_margins, line_tables, lines_of
from .tile import Window, block_for, is_edge, lanes_for, read_columns, tap_masks, tap_vectors

REGISTER_SUMS = 25
"""Sums that stay in registers: taps of a tile (AVX-512; Zen 5, 2026-11)."""
STREAM_ELEMENTS = 1 << 13
"""Of neighboring planes that a task reads in turn."""
STREAM_PLANES = 16
LANE_STEPS = 1 << 12
"""Additions of a lane in float32, about, before its sum is added in float64."""


class TapSums(NamedTuple):
    """The sums of one weight gradient, as integers for the kernels."""

    images: int
    groups: int
    filters: int
    """Of a group."""
    channels: int
    """Of a group."""
    p: int
    q: int
    top: int
    left: int
    strip: int
    """Rows of dy that are added at once."""
    pairs: int
    """(filter, channel) pairs of a task."""
    slices: int
    """Tasks that share the images and strips of a pair."""
    rows: int
    """Of taps."""
    columns: int
    tile_rows: int
    """Rows of taps that a tile sums."""
    lanes: int


LINES = len(TapSums._fields)


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    size = lanes_for(shape.q, dtype)
    tile_rows = min(shape.r, max(1, REGISTER_SUMS // shape.s))
    window = Window(tile_rows, shape.s, shape.stride_h, shape.stride_w, size)
    rest = window._replace(rows=shape.r % tile_rows) if shape.r % tile_rows else None
    lines = lines_of(shape.h, shape.w, *read_columns(window, shape.q, shape.pad_left))
    written = lines_of(shape.p, shape.q, 0, -(-shape.q // size) * size)
    # tasks: neighboring pairs of planes, slices of the images where pairs are few
    filters, channels = shape.k // shape.groups, shape.c // shape.groups
    block = block_for(window, shape.p)
    strip = min(shape.p, max(1, LANE_STEPS // -(-shape.q // size) // block) * block)
    pairs = max(1, min(STREAM_PLANES, STREAM_ELEMENTS // (shape.h * shape.w)))
    count = shape.k * channels
    pairs = max(1, min(pairs, count // MIN_TASKS))
    tasks = -(-count // pairs)
    slices = max(1, min(shape.n * -(-shape.p // strip), MIN_TASKS // tasks))
    g = TapSums(
        shape.n, shape.groups, filters, channels, shape.p, shape.q, shape.pad_top, shape.pad_left, strip, pairs,
        slices, shape.r, shape.s, tile_rows, size,
    )  # fmt: skip
    tables, bounds = pack_tables(*line_tables(lines, dtype), *line_tables(written, dtype))
    elements = max(shape.n * count * shape.p * shape.q, math.prod(shape.x_shape))
    return Plan(
        _kernel(window, rest, block), [*g, *lines, *written, bounds[2]], tables, dtype,
        tasks=tasks * slices,
        serial=parallel.is_serial(elements < parallel.SERIAL_ELEMENTS),
    )  # fmt: skip


@lru_cache(maxsize=256)
def add_rows(window, block):
    """An intrinsic: sums[r, s, lane] += rows p0 to p1 of dy times what the taps of a window read of x."""

    @intrinsic
    def add(
        typingctx, lines, x, margins, tables, plane, top, left, written, dy, dy_margins, dy_tables, dy_plane,
        p0, p1, sums, first,
    ):  # fmt: skip
        """x and dy: flat arrays, each with its lines, margins and tables; sums[first + (r S + s) lanes + lane]."""
        index = types.intp
        read = lines, x, margins, tables, index, index, index
        signature = types.void(*read, written, dy, dy_margins, dy_tables, index, index, index, sums, index)

        def codegen(context, builder, sig, args):
            plane, top, left = args[4:7]
            dy_plane, p0, p1, sums, first = args[11:]
            emit, gradient = (
                LineEmitter(context, builder, sig.args[i : i + 4], args[i : i + 4], window.lanes) for i in (0, 7)
            )
            emit.enter_plane(plane)
            gradient.enter_plane(dy_plane)
            sums = emit.pointer(sig.args[14], sums, first)
            addresses = [
                [emit.at(sums, (r * window.columns + s) * emit.width) for s in range(window.columns)]
                for r in range(window.rows)
            ]
            totals = [[alloca_once_value(builder, emit.load(address)) for address in row] for row in addresses]

            def add_tile(rows, deltas, column, masks):
                tile = [[builder.load(total) for total in row] for row in totals]
                for i, row in enumerate(rows):
                    for s, read in enumerate(tap_vectors(emit, emit.at(row, column), window)):
                        vector = emit.masked(read, masks[s])
                        for k, delta in enumerate(deltas):
                            r = i - k * window.stride_h
                            if 0 <= r < window.rows:
                                tile[r][s] = emit.fma(vector, delta, tile[r][s])
                for row, results in zip(totals, tile, strict=True):
                    for total, result in zip(row, results, strict=True):
                        builder.store(result, total)

            # whole blocks of rows of dy, then the rows that are left, one by one
            whole = builder.sub(p1, builder.srem(builder.sub(p1, p0), emit.constant(block)))
            for start, stop, step in ((p0, whole, block), (whole, p1, 1)):
                with for_range_slice(builder, start, stop, emit.constant(step)) as (p, _):
                    begin = builder.sub(builder.mul(p, emit.constant(window.stride_h)), top)
                    rows = emit.rows(begin, (step - 1) * window.stride_h + window.rows)
                    outputs = gradient.rows(p, step)
                    q_count = gradient.plane_width
                    with for_range_slice(builder, emit.constant(0), q_count, emit.constant(emit.width)) as (q, _):
                        column = builder.sub(builder.mul(q, emit.constant(window.stride_w)), left)
                        left_over = builder.sub(q_count, q)
                        with builder.if_else(is_edge(emit, column, left_over, window)) as (edge, inside):
                            with edge:
                                # what has an output and is inside the map
                                outer = gradient.mask(emit.load(emit.at(gradient.ones, q)))
                                masks = [builder.and_(outer, mask) for mask in tap_masks(emit, column, window)]
                                deltas = [emit.masked(emit.load(emit.at(row, q)), outer) for row in outputs]
                                add_tile(rows, deltas, column, masks)
                            with inside:
                                deltas = [emit.load(emit.at(row, q)) for row in outputs]
                                add_tile(rows, deltas, column, [None] * window.columns)
            for row, targets in zip(totals, addresses, strict=True):
                for total, target in zip(row, targets, strict=True):
                    emit.store(builder.load(total), target)
            return context.get_dummy_value()

        return signature, codegen

    return add


@lru_cache(maxsize=256)
def _kernel(window, rest, block):
    """kernel(sizes, tables, scratch, x, dy, dw, threads) for tiles of a window of taps, and the rest of their rows."""
    add, add_rest = add_rows(window, block), add_rows(rest or window, block)

    @njit(cache=True, nogil=True)
    def sum_planes(g, lines, written, x, margins, tables, dy, dy_margins, dy_tables, totals, thread, threads):
        """The equation at the head of this file, for one thread's tasks; totals (slices, pairs of all, R, S)."""
        count, taps, row = g.groups * g.filters * g.channels, g.rows * g.columns, g.columns * g.lanes
        x_size, dy_size, strips = lines.height * lines.width, g.p * g.q, (g.p + g.strip - 1) // g.strip
        sums, blocks = zeros(g.pairs * taps * g.lanes, x), (count + g.pairs - 1) // g.pairs
        steps = g.strip * ((g.q + g.lanes - 1) // g.lanes)
        first, last = share(blocks * g.slices, thread, threads)
        for task in range(first, last):
            part, pair0 = task // blocks, task % blocks * g.pairs
            pair1, waiting = min(pair0 + g.pairs, count), 0
            f0, c0 = pair0 // g.channels, pair0 % g.channels
            group0, member0 = f0 // g.filters, f0 % g.filters
            item0, item1 = share(g.images * strips, part, g.slices)
            for item in range(item0, item1):
                n, p0 = item // strips, item % strips * g.strip
                p1 = min(p0 + g.strip, g.p)
                f, c, group, member = f0, c0, group0, member0
                for pair in range(pair0, pair1):
                    # a tile of taps of the pair after the other
                    source = ((n * g.groups + group) * g.channels + c) * x_size
                    delta = (n * g.groups * g.filters + f) * dy_size
                    start = (pair - pair0) * taps * g.lanes
                    for r in range(0, g.rows - g.tile_rows + 1, g.tile_rows):
                        add(
                            lines, x, margins, tables, source, g.top - r, g.left,
                            written, dy, dy_margins, dy_tables, delta, p0, p1, sums, start + r * row,
                        )  # fmt: skip
                    r = g.rows // g.tile_rows * g.tile_rows
                    if r < g.rows:
                        add_rest(
                            lines, x, margins, tables, source, g.top - r, g.left,
                            written, dy, dy_margins, dy_tables, delta, p0, p1, sums, start + r * row,
                        )  # fmt: skip
                    # the next pair
                    c += 1
                    if c == g.channels:
                        c, f, member = 0, f + 1, member + 1
                        if member == g.filters:
                            member, group = 0, group + 1
                # sums of lanes, in float64
                waiting += steps
                if waiting > LANE_STEPS or item == item1 - 1:
                    waiting = 0
                    _add_lanes(sums, (pair1 - pair0) * taps, g.lanes, totals, (part * count + pair0) * taps)

    @njit(cache=True, nogil=True)
    def run(sizes, tables, scratch, x, dy, dw, threads):
        """Copy the margins, sum each task, add the slices."""
        x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
        g, lines, written = record(TapSums, sizes, 0), record(Lines, sizes, LINES), record(Lines, sizes, LINES + 4)
        totals = np.zeros(g.slices * dw.size, np.float64)
        margins, dy_margins, dy_tables = copy_margins(lines, x), copy_margins(written, dy), tables[sizes[LINES + 8] :]
        arguments = g, lines, written, x, margins, tables, dy, dy_margins, dy_tables, totals
        on_threads(sum_planes, arguments, threads)
        for i in range(dw.size):
            total = totals[i]
            for part in range(1, g.slices):
                total += totals[part * dw.size + i]
            dw[i] = total

    return run


@njit(cache=True, nogil=True)
def _add_lanes(sums, count, lanes, totals, first):
    """totals[first + j] += the sum of lanes of sums[j], which are cleared, for j < count."""
    for j in range(count):
        total = totals[first + j]
        for lane in range(lanes):
            total += sums[j * lanes + lane]
            sums[j * lanes + lane] = 0
        totals[first + j] = total
