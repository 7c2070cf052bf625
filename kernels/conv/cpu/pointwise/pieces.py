"""Positions of all maps laid end to end, cut into tiles; a tile consists of pieces, each of which lies in one row."""

from typing import NamedTuple

import numpy as np
from numba import njit

from ....core.scalar import IDENTITY, activate, activate_grad
from ....cpu.simd_rows import clear_row, copy_row, zip_rows
from .every_other import copy_every_other


class Maps(NamedTuple):
    """Where positions lie in the maps that are read and in those that are written."""

    pixels: int
    """Positions of a map."""
    run: int
    """Positions of a row: all of the map where rows lie end to end on both sides."""
    source_plane: int
    """Elements of a map that is read."""
    source_row: int
    """Elements from a row of positions to the next."""
    source_step: int
    """Elements from a position to the next."""
    target_plane: int
    target_row: int
    target_step: int


def maps_of(shape, transposed):
    """The Maps of a forward pass, or of an input gradient."""
    pixels, end_to_end = shape.p * shape.q, (shape.h, shape.w) == (shape.p, shape.q)
    small = pixels, shape.q, 1
    large = shape.h * shape.w, shape.stride_h * shape.w, shape.stride_w
    source, target = (small, large) if transposed else (large, small)
    return Maps(pixels, pixels if end_to_end else shape.q, *source, *target)


POSITION, LENGTH, SOURCE, TARGET, GAP = range(5)
"""What the table of pieces has of each: its position in the strip, how many there are, the first element in both maps
of a group, and elements of the target between the last one and what follows."""
FIELDS = 5
RUN, WHOLE = 1, 2
"""Kinds of a tile: it lies in the source as one run, or so in the target, with no gap after it."""
LINE_ELEMENTS = 16
"""Of a cache line, of float32."""
NEAR_CHANNELS = 32
"""Copied piece by piece: their pages are found quickly, and branches on a piece's length are foreseen."""


@njit(cache=True, nogil=True)
def cut(g, maps, group, start, count, first, pieces, kinds):
    """Cut `count` positions from `start` on into pieces; those of tile t are first[t] to first[t + 1].

    kinds[t] is RUN or WHOLE or both, or neither: 0.
    """
    rows, image, position = maps.pixels // maps.run, start // maps.pixels, start % maps.pixels
    p, q = position // maps.run, position % maps.run
    is_one_row = maps.run == maps.pixels
    source_joined = maps.source_step == 1 and (is_one_row or maps.source_row == maps.run)
    target_joined = maps.target_step == 1 and (is_one_row or maps.target_row == maps.run)
    target_joined = target_joined and maps.target_plane == maps.pixels
    done, i, tile, room, first_image = 0, 0, 0, 0, image
    while done < count:
        if room == 0:
            first[tile], kinds[tile] = i, 0
            tile, room, first_image = tile + 1, g.columns, image
        length, inside = min(maps.run - q, room, count - done), p * maps.target_row + q * maps.target_step
        # what follows in the target: a position of this row or of the next one, or the end of the map
        following = inside + length * maps.target_step
        if q + length == maps.run:
            following = (p + 1) * maps.target_row if p + 1 < rows else maps.target_plane
        piece, plane = i * FIELDS, image * g.groups + group
        pieces[piece + POSITION], pieces[piece + LENGTH] = done, length
        source = p * maps.source_row + q * maps.source_step
        pieces[piece + SOURCE] = plane * g.channels * maps.source_plane + source
        pieces[piece + TARGET] = plane * g.filters * maps.target_plane + inside
        gap = following - inside - (length - 1) * maps.target_step - 1
        pieces[piece + GAP] = gap
        # a tile that ends: of one piece, or of rows of one map that lie end to end
        if length == room:
            one, one_map = length == g.columns, image == first_image
            run = (one and maps.source_step == 1) or (one_map and source_joined)
            whole = (one and maps.target_step == 1 and gap == 0) or (one_map and target_joined)
            kinds[tile - 1] = RUN * run + WHOLE * whole
        # the next position
        done, i, room, q = done + length, i + 1, room - length, q + length
        if q == maps.run:
            p, q = p + 1, 0
        if p == rows:
            image, p = image + 1, 0
    first[tile] = i


@njit(cache=True, nogil=True)
def lines_ahead(g, maps, turn, count, known, first, pieces, kinds, lines, bounds):
    """What neighboring tiles n of a strip are to prefetch: lines[bounds[n] : bounds[n + 1]], of one channel each.

    Those of the runs that are packed next, and of the tiles that are copied when the next strip begins: as many tiles
    of it as there are neighbors.
    """
    (c0, is_first, is_last), found, n = turn, 0, 0
    channels = min(g.steps, g.channels - c0)
    for near in range(0, count, g.near):
        # runs: of the next tiles, the next channels of the strip, or the next strip
        end, tile0, tile1, c = near + g.near, 0, 0, c0
        bounds[n], n = found, n + 1
        if is_first and end < count:
            tile0, tile1 = end, min(end + g.near, count)
        elif is_first and c0 + channels < g.channels:
            tile1, c = min(g.near, count), c0 + channels
        elif is_last and end >= count and c0 + channels == g.channels:
            tile0, tile1, c = count, min(count + g.near, known), 0
        for tile in range(tile0, tile1):
            if kinds[tile] & RUN > 0:
                found = _add_lines(maps, c, first, pieces, tile, lines, found)
        # others
        for tile in range(count + near, min(count + end, known) if is_last else 0):
            if kinds[tile] & RUN == 0:
                found = _add_lines(maps, c0, first, pieces, tile, lines, found)
    bounds[n] = found


@njit(inline="always")
def _add_lines(maps, c, first, pieces, tile, lines, found):
    """Append an element of each cache line of a tile's channel c; how many lines there are now."""
    for piece in range(first[tile] * FIELDS, first[tile + 1] * FIELDS, FIELDS):
        source, span = pieces[piece + SOURCE], (pieces[piece + LENGTH] - 1) * maps.source_step + 1
        source += c * maps.source_plane
        # the last element of each: the line of the first one is another piece's, unless pieces lie apart
        if maps.source_step > 1 and found < lines.size:
            lines[found] = source
            found += 1
        for j in range(min(LINE_ELEMENTS, span) - 1, span, LINE_ELEMENTS):
            if found < lines.size:
                lines[found] = source + j
                found += 1
    return found


@njit(cache=True, nogil=True)
def copy_strip(g, maps, x, tiles, first, pieces, kinds, part):
    """part[tile, c, i] = x of channel c at position i of a tile that is no run of x."""
    size = g.channels * g.columns
    for c0 in range(0, g.channels, NEAR_CHANNELS):
        channels = min(NEAR_CHANNELS, g.channels - c0)
        for tile in range(tiles):
            if kinds[tile] & RUN > 0:
                continue
            for piece in range(first[tile] * FIELDS, first[tile + 1] * FIELDS, FIELDS):
                position, source = pieces[piece + POSITION], pieces[piece + SOURCE] + c0 * maps.source_plane
                start, length = tile * size + c0 * g.columns + position % g.columns, pieces[piece + LENGTH]
                if maps.source_step == 1:
                    for c in range(channels):
                        copy_row(part, start + c * g.columns, x, source + c * maps.source_plane, length)
                elif maps.source_step == 2:
                    for c in range(channels):
                        copy_every_other(part, start + c * g.columns, x, source + c * maps.source_plane, length)
                else:
                    for c in range(channels):
                        for j in range(length):
                            part[start + c * g.columns + j] = x[source + c * maps.source_plane + j * maps.source_step]


@njit(cache=True, nogil=True)
def store_piece(
    maps, k, filters, piece, pieces, sums, first, stride, activation, slope, pre_activation, y, nothing
):  # fmt: skip
    """y of some filters from k on at a piece, from rows of sums; zeros between them where y has more."""
    length, gap, step = pieces[piece * FIELDS + LENGTH], pieces[piece * FIELDS + GAP], maps.target_step
    for i in range(filters):
        target, row = pieces[piece * FIELDS + TARGET] + (k + i) * maps.target_plane, first + i * stride
        end = target + (length - 1) * step
        if pre_activation.size:
            # unsigned: no test for a negative index, as in epilogue.py
            sum0, x0, apart = np.uint64(row), np.uint64(target), np.uint64(step)
            for j in range(np.uint64(length)):
                sums[sum0 + j] = activate_grad(sums[sum0 + j], pre_activation[x0 + j * apart], activation, slope)
        if step == 1:
            copy_row(y, target, sums, row, length)
        elif step == 2:
            zip_rows(y, target, sums, row, nothing, 0, length - 1)
            y[end] = sums[row + length - 1]
        else:
            for j in range(length - 1):
                y[target + j * step] = sums[row + j]
                clear_row(y, target + j * step + 1, step - 1)
            y[end] = sums[row + length - 1]
        if gap > 0:
            clear_row(y, end + 1, gap)


@njit(cache=True, nogil=True)
def activate_sums(sums, first, stride, rows, count, bias, k, activation, slope):
    """sums = f(sums + bias[k + i]), of some rows."""
    for i in range(rows):
        row, b = np.uint64(first + i * stride), bias[k + i]
        if b != 0 or activation != IDENTITY:
            for j in range(np.uint64(count)):
                sums[row + j] = activate(sums[row + j] + b, activation, slope)


@njit(cache=True, nogil=True)
def activate_rows(y, first, row_stride, rows, count, activation, slope, pre_activation):
    """y = f(y), or y f'(pre_activation), of some rows."""
    for k in range(rows):
        row = np.uint64(first + k * row_stride)
        if pre_activation.size:
            for j in range(np.uint64(count)):
                y[row + j] = activate_grad(y[row + j], pre_activation[row + j], activation, slope)
        else:
            for j in range(np.uint64(count)):
                y[row + j] = activate(y[row + j], activation, slope)
