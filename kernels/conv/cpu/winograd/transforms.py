"""Winograd's matrices on six points, and the transforms Y = M X M^T with them, of a vector of tiles at a time.

Along an axis a tile of m outputs reads 6 inputs d through r = 7 - m taps w, and its outputs are

    y = A^T [ (G w) . (B^T d) ],

where B^T evaluates d at the points 0, 2/3, -2/3, 3/2, -3/2 and infinity, whatever r is: it is the transpose of what
finds a polynomial of degree 5 through these points (Winograd 1980; Lavin and Gray 2016, F(4, 3)). G evaluates the taps
at the points, over the products of a point's differences to the others, and A^T adds up powers of the points.

Points and their reciprocals keep the matrices' entries near 1: the error is less than half of that with the usual 0, 1,
-1, 2, -2 (Barabasz, Anderson, Soodhalter and Gregg 2020 on the choice of points), for as many operations.

In a transform one lane is one tile throughout, and the matrices are constants unrolled into the code. Tiles are read
from images, and written to them, as quads of neighboring elements that are transposed in registers, so a lane may hold
any tile of any image.
"""

import math
from fractions import Fraction

from numba import types
from numba.extending import intrinsic

from ....cpu.emitter import Emitter

POINTS = (Fraction(0), Fraction(2, 3), Fraction(-2, 3), Fraction(3, 2), Fraction(-3, 2))
TILE_SIDE = 6
"""Points, and inputs of a tile, along an axis."""

TILE_POSITIONS = TILE_SIDE * TILE_SIDE
"""Points of a tile: the products at each are one GEMM."""


def outputs_of(taps):
    """Outputs of a tile along an axis."""
    return TILE_SIDE + 1 - taps


def input_matrix():
    """B^T, a row for each point: the coefficients of the product of x - q over all other points q, from x^0 on."""
    return tuple(_coefficients([q for q in POINTS if q != p]) for p in (*POINTS, None))


def _coefficients(roots):
    """TILE_SIDE coefficients of the product of x - root."""
    polynomial = [1]
    for root in roots:
        polynomial = [low - root * high for low, high in zip([0, *polynomial], [*polynomial, 0], strict=True)]
    return (*map(float, polynomial), *[0.0] * (TILE_SIDE - len(polynomial)))


def filter_matrix(taps):
    """G, six rows: powers of a point over the product of its differences; the last tap at infinity."""
    rows = [tuple(float(p**i / math.prod(p - q for q in POINTS if q != p)) for i in range(taps)) for p in POINTS]
    return (*rows, (*[0] * (taps - 1), 1))


def output_matrix(taps):
    """A^T, a row for each output: a power of each point; infinity counts in the last one."""
    outputs = outputs_of(taps)
    return tuple((*(float(p**i) for p in POINTS), float(i == outputs - 1)) for i in range(outputs))


INPUT = input_matrix()


def transposed(matrix):
    """The transpose of a matrix."""
    return tuple(zip(*matrix, strict=True))


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
            elements = [[emit.load(emit.at(x, i * across + j, x_stride)) for j in range(across)] for i in range(across)]
            _store_matrix(emit, _products(emit, matrix, elements), y, y_stride, size)
            return context.get_dummy_value()

        return types.void(x, index, index, y, index, index), codegen

    return intrinsic(typing)


def gather_sandwich(matrix):
    """An intrinsic for Y = M X M^T of tiles of images.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, offsets, first, row_stride, y, y_start, y_stride), with element (i, j) of lane l's X at
        x[x_start + offsets[first + l] + i * row_stride + j] and vector (i, j) of Y at
        y[y_start + (i * rows + j) * y_stride :]. Reads whole quads: up to two elements to the right of a tile.
    """
    size, across = len(matrix), len(matrix[0])

    def typing(typingctx, x, x_start, offsets, first, row_stride, y, y_start, y_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, offsets, first, row_stride, y, y_start, y_stride = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[5], y, y_start)
            tiles = _tile_addresses(emit, x, emit.pointer(sig.args[2], offsets, first))
            elements = [_gather_row(emit, tiles, i, row_stride, across) for i in range(across)]
            _store_matrix(emit, _products(emit, matrix, elements), y, y_stride, size)
            return context.get_dummy_value()

        return types.void(x, index, offsets, index, index, y, index, index), codegen

    return intrinsic(typing)


def scatter_sandwich(matrix):
    """An intrinsic for Y = M X M^T that writes tiles of images; M has four rows, or two.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, x_stride, y, offsets, first, row_stride), with vector (i, j) of X at
        x[x_start + (i * columns + j) * x_stride :] and element (i, j) of lane l's Y at
        y[offsets[first + l] + i * row_stride + j].
    """
    across = len(matrix[0])

    def typing(typingctx, x, x_start, x_stride, y, offsets, first, row_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, x_stride, y, offsets, first, row_stride = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[3], y)
            tiles = _tile_addresses(emit, y, emit.pointer(sig.args[4], offsets, first))
            elements = [[emit.load(emit.at(x, i * across + j, x_stride)) for j in range(across)] for i in range(across)]
            for i, row in enumerate(_products(emit, matrix, elements)):
                for tile, few in zip(tiles, emit.quads(row) if len(row) == 4 else emit.pairs(row), strict=True):
                    emit.store(few, emit.at(tile, i, row_stride))
            return context.get_dummy_value()

        return types.void(x, index, index, y, offsets, index, index), codegen

    return intrinsic(typing)


def _products(emit, matrix, elements):
    """M X M^T of vectors, rows first: no more than one row of X and one of M X M^T is in registers."""
    rows = [emit.multiply_matrix(matrix, row) for row in elements]
    columns = [emit.multiply_matrix(matrix, [row[j] for row in rows]) for j in range(len(matrix))]
    return [list(row) for row in zip(*columns, strict=True)]


def _store_matrix(emit, elements, y, y_stride, size):
    for i in range(size):
        for j in range(size):
            emit.store(elements[i][j], emit.at(y, i * size + j, y_stride))


def _tile_addresses(emit, base, offsets):
    """Address of each lane's tile."""
    return [emit.at(base, emit.table_entry(offsets, emit.constant(lane))) for lane in range(emit.width)]


def _gather_row(emit, tiles, row, row_stride, across):
    """Row `row` of every tile, as `across` vectors."""
    columns = []
    for start in range(0, across, 4):
        quads = [emit.load(emit.at(emit.at(tile, row, row_stride), start), 4) for tile in tiles]
        columns += emit.columns(quads)
    return columns[:across]
