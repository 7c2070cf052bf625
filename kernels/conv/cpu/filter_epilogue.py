"""The epilogue of a convolution whose lanes are filters: sums are transposed to rows of pixels as they are stored."""

import numpy as np
from numba import njit

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cpu.plan import record
from ...cpu.simd_rows import copy_row
from ...cpu.transpose import transpose
from .correlation import Lattice
from .epilogue import epilogue
from .zones import PIECE, Piece


@njit(inline="always")
def whole_tiles(g, outputs):
    """A number of outputs, filled up to whole tiles."""
    return (outputs + g.tile_rows - 1) // g.tile_rows * g.tile_rows


@njit(cache=True, nogil=True)
def store_pieces(
    g, pieces, first, last, lattice, sums, rows, n, images, k, filters, bias, activation, slope, pre_activation, y
):  # fmt: skip
    """The epilogue of some pieces: transpose to rows of pixels, bias, activation, store."""
    start, width, dense = 0, g.width, lattice.row_step == 1 and lattice.col_step == 1
    if g.ordered:
        # the pieces are whole maps: sums in the order of pixels are stored map by map
        size = lattice.height * lattice.width
        ordered = sums
        if not (dense and last - first == 1):
            _order_pixels(g, pieces, first, last, lattice, images, sums, rows)
            ordered = rows
        if not pre_activation.size:
            _activate_lanes(ordered, 0, images * size, width, bias, k, filters, activation, slope)
        for m in range(images):
            target = ((n + m) * lattice.k + k) * size
            transpose(ordered, m * size * width, width, size, filters, y, target, size)
            if pre_activation.size:
                _scale_maps(y, target, filters * size, pre_activation, activation, slope)
        return
    for i in range(first, last):
        piece = record(Piece, pieces, i * PIECE)
        size = piece.rows * piece.columns
        count = images * size
        if dense and piece.columns == lattice.width and not pre_activation.size:
            _activate_lanes(sums, start, count, width, bias, k, filters, activation, slope)
            for m in range(images):
                target = (((n + m) * lattice.k + k) * lattice.height + piece.row0) * lattice.width
                source = (start + m * size) * width
                transpose(sums, source, width, size, filters, y, target, lattice.height * lattice.width)
        else:
            part = Lattice(
                lattice.k, lattice.height, lattice.width, piece.rows, piece.columns,
                piece.row0, lattice.row_step, piece.col0, lattice.col_step,
            )  # fmt: skip
            transpose(sums, start * width, width, count, filters, rows, 0, g.longest)
            epilogue(
                part, rows, 0, g.longest, filters, size, images, piece.columns, n, k, 0, piece.rows,
                bias, activation, slope, pre_activation, y,
            )  # fmt: skip
        start += whole_tiles(g, count)


@njit(cache=True, nogil=True)
def _order_pixels(g, pieces, first, last, lattice, images, sums, ordered):
    """ordered[m, i, j] = the sums of filters at pixel (i, j) of image m, which lie piece by piece."""
    start, width, step = 0, g.width, lattice.col_step
    for i in range(first, last):
        piece = record(Piece, pieces, i * PIECE)
        columns = piece.columns
        for m in range(images):
            for p in range(piece.rows):
                source = (start + (m * piece.rows + p) * columns) * width
                pixel = (m * lattice.height + piece.row0 + p * lattice.row_step) * lattice.width + piece.col0
                if step == 1:
                    copy_row(ordered, pixel * width, sums, source, columns * width)
                else:
                    for q in range(columns):
                        copy_row(ordered, (pixel + q * step) * width, sums, source + q * width, width)
        start += whole_tiles(g, images * piece.rows * columns)


@njit(cache=True, nogil=True)
def _scale_maps(y, first, count, pre_activation, activation, slope):
    """y = y f'(pre_activation), of some elements."""
    first = np.uint64(first)  # unsigned: no test for a negative index, as in epilogue.py
    for j in range(np.uint64(count)):
        y[first + j] = activate_grad(y[first + j], pre_activation[first + j], activation, slope)


@njit(cache=True, nogil=True)
def _activate_lanes(sums, start, count, width, bias, k, filters, activation, slope):
    """sums[start + j, i] = f(sums[start + j, i] + bias[k + i]); the lanes are filters."""
    biased = False
    for i in range(k, k + filters):
        biased |= bias[i] != 0
    if activation == IDENTITY and not biased:
        return
    for j in range(start, start + count):
        row, first = np.uint64(j * width), np.uint64(k)  # unsigned: no test for a negative index, as in epilogue.py
        for i in range(np.uint64(filters)):
            sums[row + i] = activate(sums[row + i] + bias[first + i], activation, slope)
