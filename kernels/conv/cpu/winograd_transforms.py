"""Winograd's transforms Y = M X M^T, of a vector of tiles at a time: one lane is one tile throughout.

The matrices are constants unrolled into the code. Tiles are read from images, and written to them, as quads of
neighbouring elements that are transposed in registers, so a lane may hold any tile of any image.
"""

from numba import types
from numba.extending import intrinsic

from ...cpu.emitter import Emitter


def sandwich(matrix):
    """An intrinsic for Y = M X M^T of matrices that lie as vectors.

    Parameters
    ----------
    matrix : nested sequence of numbers
        M: zeros cost nothing, and rows that differ in signs alone share their sums.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, x_stride, y, y_start, y_stride), with element (i, j) of X at
        x[x_start + (i * columns + j) * x_stride :] and of Y at y[y_start + (i * rows + j) * y_stride :].
    """
    size, across = len(matrix), len(matrix[0])

    def typing(typingctx, x, x_start, x_stride, y, y_start, y_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, x_stride, y, y_start, y_stride = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[3], y, y_start)
            elements = [
                [emit.load(emit.shifted(x, i * across + j, x_stride)) for j in range(across)] for i in range(across)
            ]
            _store_matrix(emit, _products(emit, matrix, elements), y, y_stride, size)
            return context.get_dummy_value()

        return types.void(x, index, index, y, index, index), codegen

    return intrinsic(typing)


def gather_sandwich(matrix):
    """An intrinsic for Y = M X M^T of tiles of images.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, places, first, row_stride, y, y_start, y_stride), with element (i, j) of lane l's X at
        x[x_start + places[first + l] + i * row_stride + j] and vector (i, j) of Y at
        y[y_start + (i * rows + j) * y_stride :]. Reads whole quads: up to two elements to the right of a tile.
    """
    size, across = len(matrix), len(matrix[0])

    def typing(typingctx, x, x_start, places, first, row_stride, y, y_start, y_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, places, first, row_stride, y, y_start, y_stride = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[5], y, y_start)
            tiles = _places(emit, x, emit.pointer(sig.args[2], places, first))
            elements = [_gather_row(emit, tiles, i, row_stride, across) for i in range(across)]
            _store_matrix(emit, _products(emit, matrix, elements), y, y_stride, size)
            return context.get_dummy_value()

        return types.void(x, index, places, index, index, y, index, index), codegen

    return intrinsic(typing)


def scatter_sandwich(matrix):
    """An intrinsic for Y = M X M^T that writes tiles of images; M has four rows, or two.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, x_stride, y, places, first, row_stride), with vector (i, j) of X at
        x[x_start + (i * columns + j) * x_stride :] and element (i, j) of lane l's Y at
        y[places[first + l] + i * row_stride + j].
    """
    across = len(matrix[0])

    def typing(typingctx, x, x_start, x_stride, y, places, first, row_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, x_stride, y, places, first, row_stride = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[3], y)
            tiles = _places(emit, y, emit.pointer(sig.args[4], places, first))
            elements = [
                [emit.load(emit.shifted(x, i * across + j, x_stride)) for j in range(across)] for i in range(across)
            ]
            for i, row in enumerate(_products(emit, matrix, elements)):
                for tile, few in zip(tiles, emit.quads(row) if len(row) == 4 else emit.pairs(row), strict=True):
                    emit.store_few(few, emit.shifted(tile, i, row_stride))
            return context.get_dummy_value()

        return types.void(x, index, index, y, places, index, index), codegen

    return intrinsic(typing)


def _products(emit, matrix, elements):
    """M X M^T of vectors, rows first: no more than one row of X and one of M X M^T is in registers."""
    rows = [emit.apply(matrix, row) for row in elements]
    columns = [emit.apply(matrix, [row[j] for row in rows]) for j in range(len(matrix))]
    return [list(row) for row in zip(*columns, strict=True)]


def _store_matrix(emit, elements, y, y_stride, size):
    for i in range(size):
        for j in range(size):
            emit.store(elements[i][j], emit.shifted(y, i * size + j, y_stride))


def _places(emit, base, places):
    """Address of each lane's tile."""
    return [emit.shifted(base, emit.entry_of(places, emit.constant(lane))) for lane in range(emit.width)]


def _gather_row(emit, tiles, row, row_stride, across):
    """Row `row` of every tile, as `across` vectors."""
    columns = []
    for start in range(0, across, 4):
        quads = [emit.load_quad(emit.shifted(emit.shifted(tile, row, row_stride), start)) for tile in tiles]
        columns += emit.columns(quads)
    return columns[:across]
