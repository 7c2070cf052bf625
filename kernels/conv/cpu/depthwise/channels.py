"""Depthwise forward pass and input gradient of stride 1 with channels as lanes: small maps, any taps and dilation.

    y[n, c, p, q] = f(sum_{r, s} w[c, r, s] x[n, c, p stride - top + r d, q stride - left + s d] + b[c])

One channel and one filter a group. A task is a strip of some channels of an image (channel_lanes.py).
"""

from numba import njit

from ....core.scalar import IDENTITY, activate
from ....cpu import parallel
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import pack_tables, record, table
from ....cpu.registers import lanes
from ....cpu.transpose import transpose
from ..correlation import CorrelationPlan, Lattice
from ..epilogue import epilogue
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


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    pads, strides = (shape.pad_top, shape.pad_left), (shape.stride_h, shape.stride_w)
    return _plan(shape, (shape.h, shape.w), (shape.p, shape.q), pads, strides, False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient of stride 1."""
    pads = (shape.r - 1) * shape.dilation_h - shape.pad_top, (shape.s - 1) * shape.dilation_w - shape.pad_left
    return _plan(shape, (shape.p, shape.q), (shape.h, shape.w), pads, (1, 1), True, dtype)


def _plan(shape, read, written, pads, strides, rotated, dtype):
    """The plan of a correlation of planes (rows, columns)."""
    g = cut_block(shape, read, written, pads, strides, lanes(dtype))
    tables, bounds = pack_tables(in_tiles(output_offsets(g, strides[1])), tap_offsets(shape, g, rotated))
    elements = shape.n * shape.c * max(read[0] * read[1], written[0] * written[1])
    return CorrelationPlan(
        _correlate_channels, [*g, *bounds], tables, dtype, shape.c,
        tasks=-(-shape.c // g.lanes) * shape.n * -(-g.p // g.strip),
        serial=parallel.is_serial(elements < parallel.SERIAL_ELEMENTS),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _correlate_channels(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """The equation at the head of this file."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    g = record(ChannelBlock, sizes, 0)
    outputs, taps = table(tables, sizes, TABLES), table(tables, sizes, TABLES + 1)
    on_threads(_correlate_strips, (g, outputs, taps, x, w, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _correlate_strips(g, outputs, taps, x, w, bias, activation, slope, pre_activation, y, thread, threads):
    """The same for one thread's tasks.

    FLOPs: 2 N C P Q R S. Bytes: x and y once.
    """
    # thread-local workspaces
    strips, longest = (g.p + g.strip - 1) // g.strip, whole_tiles(g.strip * g.q)
    block, sums = zeros(block_rows(g) * g.width * g.lanes, x), workspace(longest * g.lanes, x)
    weights, first_sum, rows = zeros(g.taps * g.lanes, x), zeros(g.lanes, x), workspace(longest * g.lanes, x)
    packed = -1
    first, last = share(channel_groups(g) * g.images * strips, thread, threads)
    for task in range(first, last):
        # the task's channels, image and rows of outputs
        c, n, p0 = task // (g.images * strips) * g.lanes, task // strips % g.images, task % strips * g.strip
        p1, valid = min(p0 + g.strip, g.p), min(g.lanes, g.channels - c)
        if c != packed:
            packed = c
            transpose(w, c * g.taps, g.taps, valid, g.taps, weights, 0, g.lanes)
            for i in range(valid):
                first_sum[i] = bias[c + i]
        fill_block(g, x, n, c, p0, block)
        # multiply
        count, target = (p1 - p0) * g.q, (n * g.channels + c) * g.p * g.q + p0 * g.q
        for j in range(0, count, TILE_ROWS):
            multiply_lanes(block, outputs, j, taps, g.taps, weights, 0, sums, j * g.lanes, first_sum, 0)
        # epilogue: activation, transpose to planes
        if not pre_activation.size:
            if activation != IDENTITY:
                for i in range(count * g.lanes):
                    sums[i] = activate(sums[i], activation, slope)
            transpose(sums, 0, g.lanes, count, valid, y, target, g.p * g.q)
        else:
            lattice = Lattice(g.channels, g.p, g.q, g.p, g.q, 0, 1, 0, 1)
            transpose(sums, 0, g.lanes, count, valid, rows, 0, longest)
            epilogue(
                lattice, rows, 0, longest, valid, 0, 1, g.q, n, c, p0, p1, bias, activation, slope, pre_activation, y
            )
