"""Depthwise weight gradient with channels as lanes: small maps, any taps, stride and dilation.

    dw[c, r, s] = sum_{n, p, q} dy[n, c, p, q] x[n, c, p stride - pad + r d, q stride - pad + s d]

One channel and one filter a group. A task is some channels: their planes of x as a padded block (channel_lanes.py),
those of dy transposed beside it, TILE_ROWS taps at a time. Sums of a strip are in float32, and added in float64.
"""

import numpy as np
from numba import njit

from ....cpu import parallel
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import Plan, pack_tables, record, table
from ....cpu.registers import lanes
from ....cpu.transpose import transpose
from .channel_lanes import (
    TILE_ROWS,
    ChannelBlock,
    block_rows,
    channel_groups,
    cut_block,
    fill_block,
    in_tiles,
    multiply_lanes,
    output_offsets,
    tap_offsets,
    whole_tiles,
)

TABLES = len(ChannelBlock._fields)


def wgrad_plan(shape, dtype):
    """The plan of a weight gradient."""
    pads, strides = (shape.pad_top, shape.pad_left), (shape.stride_h, shape.stride_w)
    g = cut_block(shape, (shape.h, shape.w), (shape.p, shape.q), pads, strides, lanes(dtype))
    tables, bounds = pack_tables(in_tiles(tap_offsets(shape, g, False)), output_offsets(g, strides[1]))
    elements = shape.n * shape.c * max(shape.h * shape.w, shape.p * shape.q)
    return Plan(
        _sum_channels, [*g, *bounds], tables, dtype,
        tasks=-(-shape.c // g.lanes),
        serial=parallel.is_serial(elements < parallel.SERIAL_ELEMENTS),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _sum_channels(sizes, tables, scratch, x, dy, dw, threads):
    """The equation at the head of this file."""
    x, dy, dw = x.reshape(-1), dy.reshape(-1), dw.reshape(-1)
    g = record(ChannelBlock, sizes, 0)
    taps, outputs = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    on_threads(_sum_strips, (g, taps, outputs, x, dy, dw), threads)


@njit(cache=True, nogil=True)
def _sum_strips(g, taps, outputs, x, dy, dw, thread, threads):
    """The same for one thread's channels.

    FLOPs: 2 N C P Q R S. Bytes: x and dy once.
    """
    block, gradient = zeros(block_rows(g) * g.width * g.lanes, x), zeros(g.strip * g.q * g.lanes, x)
    sums, nothing = workspace(whole_tiles(g.taps) * g.lanes, x), zeros(g.lanes, x)
    totals = np.empty(g.taps * g.lanes, np.float64)
    first, last = share(channel_groups(g), thread, threads)
    for task in range(first, last):
        c = task * g.lanes
        valid = min(g.lanes, g.channels - c)
        totals[:] = 0
        for n in range(g.images):
            for p0 in range(0, g.p, g.strip):
                # planes of x and dy, a channel a lane
                count = (min(p0 + g.strip, g.p) - p0) * g.q
                fill_block(g, x, n, c, p0, block)
                source = (n * g.channels + c) * g.p * g.q + p0 * g.q
                transpose(dy, source, g.p * g.q, valid, count, gradient, 0, g.lanes)
                # sums of the strip, then of all
                for t in range(0, g.taps, TILE_ROWS):
                    multiply_lanes(block, taps, t, outputs, count, gradient, 0, sums, t * g.lanes, nothing, 0)
                for i in range(totals.size):
                    totals[i] += sums[i]
        for i in range(valid):
            for t in range(g.taps):
                dw[(c + i) * g.taps + t] = totals[t * g.lanes + i]
