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
from ....cpu.parallel import on_threads, share, workspace, zeros
from ....cpu.plan import pack_tables, record, scratch_or_new
from ....cpu.registers import tile_columns
from ....cpu.simd_rows import clear_row
from ..correlation import SERIAL_PRODUCTS, CorrelationPlan
from ..offset_tables import balanced_step
from .panels import filter_of, pack_panels, pack_weights, panels_of
from .pieces import (
    FIELDS,
    LENGTH,
    NEAR_CHANNELS,
    RUN,
    SOURCE,
    TARGET,
    WHOLE,
    Maps,
    activate_rows,
    activate_sums,
    copy_strip,
    cut,
    lines_ahead,
    maps_of,
    store_piece,
)
from .tile import WIDE, multiply_panel

STEP_CHANNELS = 256
"""Multiplied at once, at most: a tile of them takes two thirds of the first-level cache."""
NEAR_ELEMENTS = 1 << 12
"""Of the channels of neighboring tiles that stay in the first-level cache, about."""
FEW_CHANNELS, FEW_NEAR = 40, 16
"""Of few channels, so many tiles: y is stored in long runs."""
STRIP_ELEMENTS = 1 << 16
"""Of the channels of a strip, about: a part of the second-level cache, which also takes the lines of the next one."""
STRIP_TILES = 4, 64
"""At least, so that weights are read few times, and at most."""
ONE_STRIP = 16
"""Tiles that are one strip, however many channels they have."""
BLOCK_ELEMENTS = 1 << 16
"""Of the weights that all tiles of a strip are multiplied with before the next ones."""
SUMS_ELEMENTS = 1 << 18
"""Of the sums of a strip, at most, that are not stored to y at once."""
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
    near: int
    """Tiles that are multiplied with each panel in turn."""
    wide: int
    """Panels of WIDE filters, which are the first ones."""
    panels: int
    """All panels; others than the wide ones have NARROW filters."""
    block: int
    """Panels that are multiplied with a strip at once."""
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
    strip = tiles if tiles <= ONE_STRIP else min(max(STRIP_ELEMENTS // (channels * columns), least), most)
    wide, narrow = panels_of(filters)
    block = max(1, min(BLOCK_ELEMENTS // (steps * WIDE), SUMS_ELEMENTS // (strip * columns * WIDE)))
    near = FEW_NEAR if channels <= FEW_CHANNELS else max(1, NEAR_ELEMENTS // (steps * columns))
    packed = filters * channels <= PACKED_ELEMENTS or tiles > 2 * strip
    g = PixelGemm(
        shape.n, shape.groups, channels, filters, transposed, steps, strip, near, wide, wide + narrow, block, columns,
        packed,
    )  # fmt: skip
    return CorrelationPlan(
        _run_pointwise, [*g, *maps_of(shape, transposed)], pack_tables()[0], dtype, shape.groups * filters,
        tasks=shape.groups * max(tiles, wide + narrow),
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
        on_threads(pack_weights, (g, w, packed), threads)
    on_threads(_multiply_positions, (g, maps, x, w, packed, bias, activation, slope, pre_activation, y), threads)


@njit(cache=True, nogil=True)
def _packed_size(g):
    """Elements of all packed weights; none if strips pack them."""
    return g.groups * filter_of(g, g.panels) * g.channels if g.packed else 0


@njit(cache=True, nogil=True)
def _shares(g, tiles, thread, threads):
    """(first, last tile of all groups, first, last panel) of a thread: it has some of the tiles or of the panels."""
    units = g.groups * tiles
    by_tiles, by_panels = (units + threads - 1) // threads * g.panels, units * ((g.panels + threads - 1) // threads)
    if 10 * by_panels < 9 * by_tiles or (20 * by_panels < 21 * by_tiles and g.filters > tiles * g.columns):
        first, last = share(g.panels, thread, threads)
        return 0, units, first, last
    first, last = share(units, thread, threads)
    return first, last, 0, g.panels


@njit(cache=True, nogil=True)
def _multiply_positions(g, maps, x, w, packed, bias, activation, slope, pre_activation, y, thread, threads):
    """The equation at the head of this file, for one thread's tiles or filters.

    FLOPs: 2 N K P Q C / groups. Bytes: x and y once, w once a strip.
    """
    # sizes and thread-local workspaces
    positions, width = g.images * maps.pixels, g.strip * g.columns
    tiles, padded = (positions + g.columns - 1) // g.columns, min(g.block, g.panels) * WIDE
    part, spare, rest = workspace(g.channels * width, x), zeros(2 * g.columns, x), workspace(padded * width, x)
    weights = packed if g.packed else workspace(padded * g.steps, x)
    first, pieces = np.empty(2 * g.strip + 1, np.int64), np.empty(FIELDS * (2 * width + 1), np.int64)
    kinds = np.empty(2 * g.strip, np.int64)
    lines, bounds = np.empty(3 * width, np.int64), np.empty(g.strip + 1, np.int64)
    unit, last, panel0, panel1 = _shares(g, tiles, thread, threads)
    while unit < last and panel0 < panel1:
        # the tiles of a strip, and those of the next one
        group, tile = unit // tiles, unit % tiles
        count = min(g.strip, tiles - tile, last - unit)
        known = min(count + g.strip, tiles - tile, last - unit)
        covered = min(known * g.columns, positions - tile * g.columns)
        cut(g, maps, group, tile * g.columns, covered, first, pieces, kinds)
        if (tile + count) * g.columns > positions:
            clear_row(part, (count - 1) * g.channels * g.columns, g.channels * g.columns)
        all_runs, all_whole = True, activation == IDENTITY
        for i in range(count):
            all_runs = all_runs and kinds[i] & RUN > 0
            all_whole = all_whole and kinds[i] & WHOLE > 0
        if not all_runs:
            copy_strip(g, maps, x, count, first, pieces, kinds, part)
        for block0 in range(panel0, panel1, g.block):
            block1 = min(block0 + g.block, panel1)
            for c0 in range(0, g.channels, g.steps):
                turn = c0, block0 == panel0, block1 == panel1
                lines_ahead(g, maps, turn, count, known, first, pieces, kinds, lines, bounds)
                _multiply_block(
                    g, maps, group, block0, block1, turn, count, first, pieces, kinds, lines, bounds,
                    x, w, weights, part, bias, spare, y, rest,
                )  # fmt: skip
            if not all_whole or filter_of(g, block1) > g.filters:
                _finish(
                    g, maps, group, block0, block1, count, first, pieces, kinds, rest, spare,
                    bias, activation, slope, pre_activation, y,
                )  # fmt: skip
        unit += count


@njit(cache=True, nogil=True)
def _multiply_block(
    g, maps, group, block0, block1, turn, count, first, pieces, kinds, lines, bounds,
    x, w, weights, part, bias, spare, y, rest,
):  # fmt: skip
    """The products of a strip with some panels and channels; meanwhile the lines of x that follow are prefetched.

    No calls in the loops: a call counts references to arrays, each of which waits for all stores before it.
    """
    # some channels of the weights
    c0, is_first, _ = turn
    width, channels, k0 = g.strip * g.columns, min(g.steps, g.channels - c0), filter_of(g, block0)
    if g.packed:
        depth, corner = g.channels, group * filter_of(g, g.panels) * g.channels
    else:
        depth, corner = channels, -k0 * channels
        pack_panels(g, w, group, block0, block1, c0, channels, weights, 0)
    for near in range(0, count, g.near):
        # each prefetched line is one of all channels, which 2^shift tiles share
        end, line, last_line = min(near + g.near, count), bounds[near // g.near], bounds[near // g.near + 1]
        shift, called = 0, 0
        while (last_line - line) << (shift + 1) <= (block1 - block0) * (end - near) and shift < 5:
            shift += 1
        # multiply: panels by tiles
        for panel in range(block0, block1):
            k, is_wide, packs = filter_of(g, panel), panel < g.wide, is_first and panel == block0
            filters = filter_of(g, panel + 1) - k
            start = corner + k * depth + (c0 * filters if g.packed else 0)
            for i in range(near, end):
                piece, column = first[i] * FIELDS, (i * g.channels + c0) * g.columns
                whole = kinds[i] & WHOLE > 0 and k + filters <= g.filters
                source = pieces[piece + SOURCE] + c0 * maps.source_plane
                target = pieces[piece + TARGET] + k * maps.target_plane
                row, ahead, stride = (k - k0) * width + i * g.columns, source, 0
                if line + (called >> shift) < last_line:
                    c = (called & ((1 << shift) - 1)) * channels >> shift
                    ahead, stride = lines[line + (called >> shift)] + c * maps.source_plane, maps.source_plane
                called += 1
                multiply_panel(
                    is_wide, weights, start, packs and kinds[i] & RUN > 0, x, source, maps.source_plane, part, column,
                    channels, bias, group * g.filters + k, spare, whole and c0 == 0, y, target, maps.target_plane,
                    rest, row, width, whole, c0 > 0, ahead, stride, shift,
                )  # fmt: skip


@njit(cache=True, nogil=True)
def _finish(
    g, maps, group, panel0, panel1, tiles, first, pieces, kinds, rest, nothing,
    bias, activation, slope, pre_activation, y,
):  # fmt: skip
    """The epilogue of some filters: the activation of what was stored; what was not is stored piece by piece.

    All filters in one call, here and below: a call counts a reference to each array, which takes as long as a piece.
    """
    width, k0, end = g.strip * g.columns, filter_of(g, panel0), filter_of(g, panel1)
    k1 = min(end, g.filters)
    if end > k1:
        end = filter_of(g, panel1 - 1)
    if activation != IDENTITY or not pre_activation.size:
        for i in range(tiles):
            k, whole = k0, kinds[i] & WHOLE > 0
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
            k = max(near, end) if kinds[i] & WHOLE > 0 else near
            row, filters = (k - k0) * width + i * g.columns, min(near + NEAR_CHANNELS, k1) - k
            if filters > 0:
                for piece in range(first[i], first[i + 1]):
                    store_piece(
                        maps, k, filters, piece, pieces, rest, row, width,
                        activation, slope, pre_activation, y, nothing,
                    )  # fmt: skip
                    row += pieces[piece * FIELDS + LENGTH]
