"""1x1 kernels, forward pass and input gradient: filters x channels are multiplied with channels x positions.

    y[n, k, j] = f(sum_c w[k, c] x[n, c, j] + b[k]),    or that sum times f'(pre_activation), for the input gradient

Positions j of all images lie end to end, in tiles of NR. A strip is some tiles whose channels are copied side by side,
a part that stays in the second-level cache, and multiplied with all filters; so x is read once, in runs of kilobytes.
The sums of a tile that lies in one map are stored to y from registers, those of others piece by piece (pieces.py).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ....core.scalar import IDENTITY
from ....cpu import parallel
from ....cpu.microkernel import multiply_biased, multiply_packed
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import pack_tables, record, scratch_or_new
from ....cpu.registers import MR, tile_columns
from ....cpu.simd_rows import clear_row, copy_row
from ....cpu.transpose import transpose
from ..correlation import SERIAL_PRODUCTS, CorrelationPlan
from ..offset_tables import balanced_step
from .pieces import (
    FIELDS,
    LENGTH,
    NEAR_CHANNELS,
    TARGET,
    Maps,
    activate_rows,
    activate_sums,
    copy_strip,
    cut,
    is_whole,
    maps_of,
    store_piece,
)

LINE_FILTERS = 16 // MR * MR
"""Whose weights for a channel lie side by side: a cache line."""
STEP_CHANNELS = 256
"""Multiplied at once, at most: a tile of them takes two thirds of the first-level cache."""
STRIP_ELEMENTS = 1 << 17
"""Of the channels of a strip, about: a part of the second-level cache."""
STRIP_TILES = 4, 16
"""At least, so that weights are read few times, and at most."""
BLOCK_ELEMENTS = 1 << 16
"""Of the weights that all tiles of a strip are multiplied with before the next ones."""
PACKED_ELEMENTS = 1 << 17
"""Of weights that are packed once for all strips; more are packed as they are needed, if strips are few."""


class PixelGemm(NamedTuple):
    """The product, and how it is cut, as integers for the kernels; channels and filters are a group's."""

    images: int
    groups: int
    channels: int
    filters: int
    transposed: int
    """Whether weights lie as (channels, filters)."""
    steps: int
    """Channels multiplied at once."""
    strip: int
    """Tiles of a strip, at most."""
    block: int
    """Filters that are multiplied with a strip at once."""
    columns: int
    """Positions of a tile, NR."""
    packed: int
    """Whether weights are packed once for all strips."""


MAPS = len(PixelGemm._fields)


def fprop_plan(shape, dtype):
    """The plan of a forward pass."""
    return _plan(shape, shape.c // shape.groups, shape.k // shape.groups, False, dtype)


def dgrad_plan(shape, dtype):
    """The plan of an input gradient."""
    return _plan(shape, shape.k // shape.groups, shape.c // shape.groups, True, dtype)


def _plan(shape, channels, filters, transposed, dtype):
    """The plan of a product, by channels and filters of a group."""
    columns, steps = tile_columns(dtype), balanced_step(channels, STEP_CHANNELS)
    tiles = -(-shape.n * shape.p * shape.q // columns)
    least, most = STRIP_TILES
    strip = tiles if tiles <= most else min(max(STRIP_ELEMENTS // (channels * columns), least), most)
    block = max(1, BLOCK_ELEMENTS // (steps * LINE_FILTERS)) * LINE_FILTERS
    packed = filters * channels <= PACKED_ELEMENTS or tiles > 2 * strip
    g = PixelGemm(shape.n, shape.groups, channels, filters, transposed, steps, strip, block, columns, packed)
    return CorrelationPlan(
        _run_pointwise, [*g, *maps_of(shape, transposed)], pack_tables()[0], dtype, shape.groups * filters,
        tasks=shape.groups * max(tiles, -(-filters // LINE_FILTERS)),
        serial=parallel.is_serial(shape.flops // 2 < SERIAL_PRODUCTS),
        scratch=_packed_size(g),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _run_pointwise(sizes, tables, scratch, x, w, bias, activation, slope, pre_activation, y, threads):
    """Pack the weights, unless strips do, then multiply."""
    x, w, pre_activation, y = x.reshape(-1), w.reshape(-1), pre_activation.reshape(-1), y.reshape(-1)
    g, maps = record(PixelGemm, sizes, 0), record(Maps, sizes, MAPS)
    packed = scratch_or_new(scratch, 0, _packed_size(g), x)
    if g.packed:
        on_threads(_pack_weights, (g, w, packed), threads)
    on_threads(_multiply_positions, (g, maps, x, w, packed, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _packed_size(g):
    """Elements of all packed weights; none if strips pack them."""
    return g.groups * _blocks(g) * g.channels * LINE_FILTERS if g.packed else 0


@njit(cache=True, nogil=True)
def _blocks(g):
    """Blocks of LINE_FILTERS filters in a group."""
    return (g.filters + LINE_FILTERS - 1) // LINE_FILTERS


@njit(cache=True, nogil=True)
def _pack_weights(g, w, packed, thread, threads):
    """packed[group, block, c, i] = w of channel c and filter block * LINE_FILTERS + i; one thread's blocks."""
    blocks, size = _blocks(g), g.channels * LINE_FILTERS
    block, last = share(g.groups * blocks, thread, threads)
    while block < last:
        group, count = block // blocks, min(last - block, blocks - block % blocks)
        _pack_blocks(g, w, group, block % blocks * LINE_FILTERS, count, 0, g.channels, packed, block * size)
        block += count


@njit(cache=True, nogil=True)
def _pack_blocks(g, w, group, k0, blocks, c0, channels, packed, target):
    """packed[target + (block * channels + c) * LINE_FILTERS + i] = w of channel c0 + c and one filter.

    The filter is k0 + block * LINE_FILTERS + i; zero past a group's last.
    """
    first, size = group * g.filters * g.channels, channels * LINE_FILTERS
    rest = (g.filters - k0) % LINE_FILTERS
    whole = blocks - 1 if rest and (g.filters - k0) // LINE_FILTERS < blocks else blocks
    if whole < blocks:
        clear_row(packed, target + whole * size, size)
    if g.transposed:
        for c in range(channels):
            row, line = first + (c0 + c) * g.filters + k0, target + c * LINE_FILTERS
            for block in range(whole):
                copy_row(packed, line + block * size, w, row + block * LINE_FILTERS, LINE_FILTERS)
            if whole < blocks:
                copy_row(packed, line + whole * size, w, row + whole * LINE_FILTERS, rest)
    else:
        for block in range(blocks):
            row, count = first + (k0 + block * LINE_FILTERS) * g.channels + c0, rest if block == whole else LINE_FILTERS
            transpose(w, row, g.channels, count, channels, packed, target + block * size, LINE_FILTERS)


@njit(cache=True, nogil=True)
def _shares(g, tiles, thread, threads):
    """(first, last tile of all groups, first, last filter) of a thread: it has some of the tiles or of the filters."""
    blocks, units = _blocks(g), g.groups * tiles
    by_tiles, by_filters = (units + threads - 1) // threads * blocks, units * ((blocks + threads - 1) // threads)
    if 10 * by_filters < 9 * by_tiles or (20 * by_filters < 21 * by_tiles and g.filters > tiles * g.columns):
        first, last = share(blocks, thread, threads)
        return 0, units, first * LINE_FILTERS, min(last * LINE_FILTERS, g.filters)
    first, last = share(units, thread, threads)
    return first, last, 0, g.filters


@njit(cache=True, nogil=True)
def _multiply_positions(g, maps, x, w, packed, bias, activation, slope, pre_activation, y, thread, threads):
    """The equation at the head of this file, for one thread's tiles or filters.

    FLOPs: 2 N K P Q C / groups. Bytes: x and y once, w once a strip.
    """
    # sizes and thread-local workspaces
    positions, width, blocks = g.images * maps.pixels, g.strip * g.columns, _blocks(g)
    tiles, padded = (positions + g.columns - 1) // g.columns, min(g.block, blocks * LINE_FILTERS)
    part, spare, rest = workspace(g.channels * width, x), zeros(2 * g.columns, x), workspace(padded * width, x)
    panels = packed if g.packed else workspace(padded * g.steps, x)
    first, pieces = np.empty(g.strip + 1, np.int64), np.empty(FIELDS * (width + 1), np.int64)
    unit, last, k0, k1 = _shares(g, tiles, thread, threads)
    while unit < last and k0 < k1:
        # the channels of a strip
        group, tile = unit // tiles, unit % tiles
        count = min(g.strip, tiles - tile, last - unit)
        cut(g, maps, group, tile * g.columns, min(count * g.columns, positions - tile * g.columns), first, pieces)
        if (tile + count) * g.columns > positions:
            clear_row(part, (count - 1) * g.channels * g.columns, g.channels * g.columns)
        copy_strip(g, maps, x, count, first, pieces, part, spare)
        for block0 in range(k0, k1, g.block):
            block1 = min(block0 + g.block, k1)
            for c0 in range(0, g.channels, g.steps):
                # some channels of the weights
                channels = min(g.steps, g.channels - c0)
                depth, corner = g.channels, (group * blocks + block0 // LINE_FILTERS) * g.channels + c0
                if not g.packed:
                    depth, corner = channels, 0
                    lines = (block1 - block0 + LINE_FILTERS - 1) // LINE_FILTERS
                    _pack_blocks(g, w, group, block0, lines, c0, channels, panels, 0)
                # multiply: tiles by panels of MR filters
                for i in range(count):
                    stored = block1 if is_whole(g, maps, first, pieces, i) else block0
                    row, column = pieces[first[i] * FIELDS + TARGET], (i * g.channels + c0) * g.columns
                    for k in range(block0, block1, MR):
                        j, target = k - block0, row + k * maps.target_plane
                        weights = (j // LINE_FILTERS * depth + corner) * LINE_FILTERS + j % LINE_FILTERS
                        if k + MR > stored:
                            multiply_packed(
                                panels, weights, LINE_FILTERS, part, column, channels,
                                rest, j * width + i * g.columns, width, c0 > 0,
                            )  # fmt: skip
                        elif c0 > 0:
                            multiply_packed(
                                panels, weights, LINE_FILTERS, part, column, channels,
                                y, target, maps.target_plane, True,
                            )  # fmt: skip
                        else:
                            multiply_biased(
                                panels, weights, LINE_FILTERS, part, column, channels, bias, group * g.filters + k,
                                y, target, maps.target_plane,
                            )  # fmt: skip
            _finish(
                g, maps, group, block0, block1, count, first, pieces, rest, spare,
                bias, activation, slope, pre_activation, y,
            )  # fmt: skip
        unit += count


@njit(cache=True, nogil=True)
def _finish(
    g, maps, group, k0, k1, tiles, first, pieces, rest, nothing, bias, activation, slope, pre_activation, y
):  # fmt: skip
    """The epilogue of some filters: the activation of what was stored; what was not is stored piece by piece.

    All filters in one call, here and below: a call counts a reference to each array, which takes as long as a piece.
    """
    width, end = g.strip * g.columns, k0 + (k1 - k0) // MR * MR
    if activation != IDENTITY or not pre_activation.size:
        for i in range(tiles):
            k, whole = k0, is_whole(g, maps, first, pieces, i)
            if whole and activation != IDENTITY and end > k0:
                row = pieces[first[i] * FIELDS + TARGET] + k0 * maps.target_plane
                activate_rows(y, row, maps.target_plane, end - k0, g.columns, activation, slope, pre_activation)
            if whole:
                k = end
            if k < k1 and not pre_activation.size:
                row = (k - k0) * width + i * g.columns
                activate_sums(rest, row, width, k1 - k, g.columns, bias, group * g.filters + k, activation, slope)
    for near in range(k0, k1, NEAR_CHANNELS):
        for i in range(tiles):
            k = max(near, end) if is_whole(g, maps, first, pieces, i) else near
            row, filters = (k - k0) * width + i * g.columns, min(near + NEAR_CHANNELS, k1) - k
            if filters > 0:
                for piece in range(first[i], first[i + 1]):
                    store_piece(
                        maps, k, filters, piece, pieces, rest, row, width,
                        activation, slope, pre_activation, y, nothing,
                    )  # fmt: skip
                    row += pieces[piece * FIELDS + LENGTH]
