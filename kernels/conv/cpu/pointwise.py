"""1x1 kernels with stride 1 on large maps: for each image filters x channels are multiplied with channels x pixels.

    y[n, k, j] = f(sum_c w[k, c] x[n, c, j] + b[k]),    or that sum times f'(pre_activation), for the input gradient

A task is some pixels of an image. Their channels are copied side by side, a part that stays in the first-level cache,
and multiplied with all filters; so x is read once, in rows of a few cache lines, and y written once.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cpu import parallel
from ...cpu.microkernel import multiply_biased, multiply_packed
from ...cpu.parallel import on_threads, share, workspace, zeros
from ...cpu.plan import pack_tables, record, scratch_or_new
from ...cpu.registers import MR, tile_columns
from ...cpu.simd_rows import clear_row, copy_columns, copy_row
from ...cpu.transpose import transpose
from .correlation import SERIAL_PRODUCTS, CorrelationPlan, Lattice
from .epilogue import epilogue

LINE_FILTERS = 16 // MR * MR  # whose weights for a channel lie side by side: a cache line
CACHED_CHANNELS = 128  # multiplied at once, at most
TASK_ELEMENTS = 8192  # of the pixels' channels that are multiplied at once: two thirds of the first-level cache


class PixelGemm(NamedTuple):
    """One product for each image, and how it is cut into tasks."""

    images: int
    channels: int
    filters: int
    pixels: int
    steps: int
    """Channels multiplied at once."""
    tiles: int
    """Tiles of `columns` pixels of a task."""
    columns: int
    transposed: int
    """Whether weights lie as (channels, filters)."""


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _pointwise_plan(shape.n, shape.c, shape.k, shape.h * shape.w, False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _pointwise_plan(shape.n, shape.k, shape.c, shape.h * shape.w, True, dtype)


def _pointwise_plan(images, channels, filters, pixels, transposed, dtype):
    columns, steps = tile_columns(dtype), min(channels, CACHED_CHANNELS)
    tiles = max(1, min(TASK_ELEMENTS // (steps * columns), -(-pixels // columns)))
    g = PixelGemm(images, channels, filters, pixels, steps, tiles, columns, transposed)
    return CorrelationPlan(
        _run_pointwise, g, pack_tables()[0], dtype, filters,
        tasks=images * -(-pixels // (tiles * columns)),
        serial=parallel.is_serial(images * pixels * channels * filters < SERIAL_PRODUCTS),
        scratch=_blocks(g) * channels * LINE_FILTERS,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_pointwise(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pack the weights, then multiply."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    g = record(PixelGemm, sizes, 0)
    packed = scratch_or_new(scratch, 0, _blocks(g) * g.channels * LINE_FILTERS, x)
    on_threads(_pack_weights, (g, w, packed), threads)
    on_threads(_multiply_pixels, (g, x, packed, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _blocks(g):
    """Blocks of filters."""
    return (g.filters + LINE_FILTERS - 1) // LINE_FILTERS


@njit(cache=True, nogil=True)
def _pack_weights(g, w, packed, thread, threads):
    """packed[block, c * LINE_FILTERS + i] = w[k, c], k = block * LINE_FILTERS + i; zero past the last filter."""
    size = g.channels * LINE_FILTERS
    first, last = share(_blocks(g), thread, threads)
    for block in range(first, last):
        k, target = block * LINE_FILTERS, block * size
        valid = min(LINE_FILTERS, g.filters - k)
        if valid < LINE_FILTERS:
            clear_row(packed, target, size)
        if g.transposed:
            for c in range(g.channels):
                copy_row(packed, target + c * LINE_FILTERS, w, c * g.filters + k, valid)
        else:
            transpose(w, k * g.channels, g.channels, valid, g.channels, packed, target, LINE_FILTERS)


@njit(cache=True, nogil=True)
def _multiply_pixels(g, x, packed, bias, activation, slope, pre_activation, y, thread, threads):
    """The equation at the head of this file, for one thread's pixels.

    Whole tiles are stored to y from registers: while memory takes them the next ones are multiplied. What is left of a
    map is stored from the cache.

    FLOPs: 2 N K C H W. Bytes: x and y once, w once a task.
    """
    # sizes and thread-local workspaces
    channels, filters, pixels, columns = g.channels, g.filters, g.pixels, g.columns
    width, rows = g.tiles * columns, (filters + MR - 1) // MR * MR
    strips, in_registers = (pixels + width - 1) // width, columns if filters % MR == 0 else pixels + 1
    part, rest = zeros(g.steps * width, x), workspace(rows * width, x)
    first, last = share(g.images * strips, thread, threads)
    for task in range(first, last):
        n, j = task // strips, task % strips * width
        count, target = min(width, pixels - j), n * filters * pixels + j
        stored_tiles = count // in_registers
        for c0 in range(0, channels, g.steps):
            # copy some channels of the task's pixels, then multiply them with all filters
            length = min(g.steps, channels - c0)
            _copy_channels(x, (n * channels + c0) * pixels + j, pixels, length, count, part, g.steps, columns)
            for k in range(0, filters, MR):
                weights = (k // LINE_FILTERS * channels + c0) * LINE_FILTERS + k % LINE_FILTERS
                for tile in range((count + columns - 1) // columns):
                    column = tile * g.steps * columns
                    if tile >= stored_tiles:
                        sums = k * width + tile * columns
                        multiply_packed(packed, weights, LINE_FILTERS, part, column, length, rest, sums, width, c0 > 0)
                    else:
                        row = target + k * pixels + tile * columns
                        if c0 == 0:
                            multiply_biased(
                                packed, weights, LINE_FILTERS, part, column, length, bias, k, y, row, pixels
                            )
                        else:
                            multiply_packed(packed, weights, LINE_FILTERS, part, column, length, y, row, pixels, True)
        # epilogue: activation of what was stored, then what is left of the map
        done = stored_tiles * columns
        if activation != IDENTITY and done:
            _activate_pixels(y, target, pixels, filters, done, activation, slope, pre_activation)
        if done < count:
            lattice = Lattice(filters, 1, pixels, 1, count - done, 0, 1, j + done, 1)
            epilogue(
                lattice, rest, done, width, filters, 0, 1, width, n, 0, 0, 1,
                bias, activation, slope, pre_activation, y,
            )  # fmt: skip


@njit(cache=True, nogil=True)
def _copy_channels(x, source, pixels, length, count, part, steps, columns):
    """part[(tile * steps + c) * columns + i] = x[source + c * pixels + tile * columns + i] for some channels."""
    for tile in range(0, count, columns):
        if count - tile >= columns:
            copy_columns(part, tile * steps, x, source + tile, pixels, length)
        else:
            for c in range(length):
                copy_row(part, tile * steps + c * columns, x, source + c * pixels + tile, count - tile)


@njit(cache=True, nogil=True)
def _activate_pixels(y, first, row_stride, rows, count, activation, slope, pre_activation):
    """y = f(y), or y f'(pre_activation), of some pixels of all filters."""
    for k in range(rows):
        row = np.uint64(first + k * row_stride)  # unsigned: no test for a negative index, as in epilogue.py
        if pre_activation.size:
            for j in range(np.uint64(count)):
                y[row + j] = activate_grad(y[row + j], pre_activation[row + j], activation, slope)
        else:
            for j in range(np.uint64(count)):
                y[row + j] = activate(y[row + j], activation, slope)
