"""Depthwise tiles whose lanes are channels: any taps, stride and dilation, and no lane is empty on a small map.

The planes of as many channels as a vector has elements are transposed into one padded block, block[(i, j), channel];
then every output of these channels is a sum of whole vectors,

    C[i] (+)= sum_l a[rows[i] + steps[l]] b[l],

with rows the outputs and steps the taps or, in the weight gradient, the other way around.
"""

from typing import NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from ....cpu.emitter import Emitter
from ....cpu.registers import MR
from ....cpu.simd_rows import clear_row
from ....cpu.transpose import transpose

TILE_ROWS = 10 if MR >= 8 else 8
"""Sums in registers, which hide a multiply-add's latency; their addresses are in registers too."""
BLOCK_VECTORS = 1 << 13
"""Of a block, about: half of the second-level cache (Xeon with AVX-512, 2026-11)."""


class ChannelBlock(NamedTuple):
    """A strip of planes as a padded block, as integers for the kernels."""

    images: int
    channels: int
    h: int
    """Of a plane that is read."""
    w: int
    p: int
    """Of a plane of the result, or of dy."""
    q: int
    top: int
    """Row and column of what is read that output (0, 0) reads first."""
    left: int
    stride_h: int
    width: int
    """Columns of a block."""
    reach: int
    """Rows of a block beyond the first that a row of outputs reads."""
    strip: int
    """Rows of outputs of a block."""
    taps: int
    lanes: int


def cut_block(shape, read, written, pads, strides, lanes):
    """The ChannelBlock of a pass that reads planes (rows, columns) and writes others."""
    reach_h, reach_w = (shape.r - 1) * shape.dilation_h, (shape.s - 1) * shape.dilation_w
    width = (written[1] - 1) * strides[1] + reach_w + 1
    rows = max(1, (BLOCK_VECTORS // width - reach_h - 1) // strides[0] + 1)
    strip = -(-written[0] // -(-written[0] // min(rows, written[0])))
    top, left = pads
    return ChannelBlock(
        shape.n, shape.c, *read, *written, -top, -left, strides[0], width, reach_h, strip, shape.r * shape.s, lanes
    )


def output_offsets(g, stride_w):
    """Where each output of a strip begins in a block."""
    rows, columns = np.arange(g.strip)[:, None], np.arange(g.q)
    return ((rows * g.stride_h * g.width + columns * stride_w) * g.lanes).reshape(-1)


def tap_offsets(shape, g, rotated):
    """How far each tap lies from there."""
    rows, columns = np.arange(shape.r)[:, None] * shape.dilation_h, np.arange(shape.s) * shape.dilation_w
    offsets = ((rows * g.width + columns) * g.lanes).reshape(-1)
    return offsets[::-1] if rotated else offsets


def in_tiles(offsets):
    """Offsets filled up to whole tiles of TILE_ROWS."""
    return np.append(offsets, [offsets[0]] * (-len(offsets) % TILE_ROWS))


@njit(inline="always")
def whole_tiles(count):
    """A number of rows, filled up to whole tiles."""
    return (count + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS


@njit(inline="always")
def block_rows(g):
    """Rows of a block."""
    return (g.strip - 1) * g.stride_h + g.reach + 1


@njit(inline="always")
def channel_groups(g):
    """Blocks of channels."""
    return (g.channels + g.lanes - 1) // g.lanes


@njit(cache=True, nogil=True)
def fill_block(g, x, n, c, p0, block):
    """block[i, j, l] = x[n, c + l, p0 stride + i + top, j + left], zero outside; its padding is zero already.

    Lanes past the last channel keep what they have, which is not stored.
    """
    valid, size = min(g.lanes, g.channels - c), g.h * g.w
    # columns j0 to j1 are inside x
    j0 = min(max(0, -g.left), g.width)
    j1 = min(max(j0, g.w - g.left), g.width)
    plane, row_size = (n * g.channels + c) * size, g.width * g.lanes
    for i in range(block_rows(g)):
        row, target = p0 * g.stride_h + i + g.top, i * row_size
        if not 0 <= row < g.h:
            clear_row(block, target, row_size)
        elif j1 > j0:
            transpose(x, plane + row * g.w + g.left + j0, size, valid, j1 - j0, block, target + j0 * g.lanes, g.lanes)


@intrinsic
def multiply_lanes(typingctx, a, rows, row, steps, count, b, b_start, c, c_start, start, start_stride):
    """C[i] = start[i start_stride] + sum_l a[rows[row + i] + steps[l]] b[l], of vectors; i < TILE_ROWS, l < count.

    Parameters
    ----------
    a : array
    rows, steps : int32 arrays
    row, count : int
        First entry of `rows`; steps, at least 1.
    b, c : arrays
        b[l] at b[b_start + l lanes], C[i] at c[c_start + i lanes].
    start : array
        That sums begin with, vector i at start[i start_stride].
    """
    index = types.intp

    def codegen(context, builder, sig, args):
        a, rows, row, steps, count, b, b_start, c, c_start, start, start_stride = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a), emit.pointer(sig.args[5], b, b_start)
        rows, steps = emit.pointer(sig.args[1], rows, row), emit.pointer(sig.args[3], steps)
        c, start = emit.pointer(sig.args[7], c, c_start), emit.pointer(sig.args[9], start)
        lines = [emit.at(a, emit.table_entry(rows, emit.constant(i))) for i in range(TILE_ROWS)]
        first = [emit.load(emit.at(start, emit.constant(i), start_stride)) for i in range(TILE_ROWS)]

        def products(step):
            factor, offset = emit.load(emit.at(b, emit.width, step)), emit.table_entry(steps, step)
            for i, line in enumerate(lines):
                yield i, 0, emit.load(emit.at(line, offset)), factor

        emit.write_tile(emit.accumulate(count, TILE_ROWS, 1, products, first), c, emit.constant(emit.width))
        return context.get_dummy_value()

    return types.void(a, rows, index, steps, index, b, index, c, index, start, index), codegen
