"""Positions of all maps laid end to end, cut into tiles; a tile consists of pieces, each of which lies in one row."""

from typing import NamedTuple

import numpy as np
from numba import njit

from ....core.scalar import IDENTITY, activate, activate_grad
from ....cpu.simd_rows import clear_row, copy_row, copy_tiles, unzip_row, zip_rows


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
NEAR_CHANNELS = 32
"""Copied piece by piece: their pages are found quickly, and branches on a piece's length are foreseen."""


@njit(cache=True, nogil=True)
def cut(g, maps, group, start, count, first, pieces):
    """Cut `count` positions from `start` on into pieces; those of tile t are first[t] to first[t + 1]."""
    done, i = 0, 0
    while done < count:
        if done % g.columns == 0:
            first[done // g.columns] = i
        image, j = (start + done) // maps.pixels * g.groups + group, (start + done) % maps.pixels
        p, q = j // maps.run, j % maps.run
        length = min(maps.run - q, g.columns - done % g.columns, count - done)
        inside = p * maps.target_row + q * maps.target_step
        # what follows in the target: a position of this row or of the next one, or the end of the map
        following = inside + length * maps.target_step
        if q + length == maps.run:
            following = (p + 1) * maps.target_row if (p + 1) * maps.run < maps.pixels else maps.target_plane
        piece = i * FIELDS
        pieces[piece + POSITION], pieces[piece + LENGTH] = done, length
        source = p * maps.source_row + q * maps.source_step
        pieces[piece + SOURCE] = image * g.channels * maps.source_plane + source
        pieces[piece + TARGET] = image * g.filters * maps.target_plane + inside
        pieces[piece + GAP] = following - inside - (length - 1) * maps.target_step - 1
        done, i = done + length, i + 1
    first[(count + g.columns - 1) // g.columns] = i


@njit(inline="always")
def is_whole(g, maps, first, pieces, i):
    """Whether tile i is one piece that lies in y as it does in the tile, with nothing to clear after it."""
    piece = first[i] * FIELDS
    return pieces[piece + LENGTH] == g.columns and maps.target_step == 1 and pieces[piece + GAP] == 0


@njit(cache=True, nogil=True)
def copy_strip(g, maps, x, tiles, first, pieces, part, odd):
    """part[tile, c, i] = x of channel c at position i of a tile; `odd` takes columns that a step of two leaves out."""
    tile, size = 0, g.channels * g.columns
    while tile < tiles:
        run = _run_from(g, maps, first, pieces, tile, tiles)
        if run > 0:
            source = pieces[first[tile] * FIELDS + SOURCE]
            copy_tiles(part, tile * size, size, x, source, maps.source_plane, g.channels, run)
            tile += run
            continue
        # tiles up to the next run, piece by piece
        end = tile + 1
        while end < tiles and _run_from(g, maps, first, pieces, end, end + 1) == 0:
            end += 1
        for c in range(0, g.channels, NEAR_CHANNELS):
            channels = min(NEAR_CHANNELS, g.channels - c)
            for piece in range(first[tile] * FIELDS, first[end] * FIELDS, FIELDS):
                position, source = pieces[piece + POSITION], pieces[piece + SOURCE] + c * maps.source_plane
                start, length = (
                    position // g.columns * size + c * g.columns + position % g.columns,
                    pieces[piece + LENGTH],
                )
                if maps.source_step == 1:
                    for i in range(channels):
                        copy_row(part, start + i * g.columns, x, source + i * maps.source_plane, length)
                elif maps.source_step == 2 and source + (channels - 1) * maps.source_plane + 2 * length <= x.size:
                    for i in range(channels):
                        unzip_row(part, start + i * g.columns, odd, 0, x, source + i * maps.source_plane, length)
                else:
                    for i in range(channels):
                        for j in range(length):
                            part[start + i * g.columns + j] = x[source + i * maps.source_plane + j * maps.source_step]
        tile = end


@njit(cache=True, nogil=True)
def _run_from(g, maps, first, pieces, tile, tiles):
    """How many tiles, from one on, lie in x as one run."""
    source, run = pieces[first[tile] * FIELDS + SOURCE], 0
    while (
        tile + run < tiles
        and maps.source_step == 1
        and pieces[first[tile + run] * FIELDS + LENGTH] == g.columns
        and pieces[first[tile + run] * FIELDS + SOURCE] == source + run * g.columns
    ):
        run += 1
    return run


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
