"""The micro-kernel every matrix-like CPU kernel is built on: LLVM intrinsics, as in winograd_transforms.py.

A tile of MR rows x NV vectors is held in registers while the reduction runs: each step broadcasts MR elements of A and
multiplies them with NV vectors of B. B is read where it lies, at an offset looked up for each step: that is what lets a
convolution run on it without an im2col buffer.
"""

from numba import types
from numba.extending import intrinsic

from .emitter import DOT_COLUMNS, DOT_ROWS, MR, NV, VECTOR_BYTES, Emitter

__all__ = [
    "MR",
    "NV",
    "VECTOR_BYTES",
    "add_dots",
    "multiply_biased",
    "multiply_gathered",
    "multiply_packed",
    "multiply_tile",
]


@intrinsic
def multiply_tile(typingctx, a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate):
    """C[i, j] (+)= sum_l A[l, i] B[l, j] for i < MR, j < NR = NV vectors.

    Parameters
    ----------
    a : array, with A[l, i] = a[a_start + l * MR + i]
    b : array, with vector v of B[l] = b[b_start + starts[tile * NV + v] + offsets[l] :]
    starts, offsets : int32 arrays
        Where the vectors of the columns lie, and by how much each step moves them.
    tile : int
        Number of the tile: its vectors are tile * NV to tile * NV + NV - 1 of starts.
    steps : int
        Length of the reduction, at least 1.
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(a, index, b, index, starts, index, offsets, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[2], b, b_start)
        starts, offsets = emit.pointer(sig.args[4], starts), emit.pointer(sig.args[6], offsets)
        c = emit.pointer(sig.args[8], c, c_start)
        first = builder.mul(tile, emit.constant(NV))
        vectors = [emit.shifted(b, emit.entry_of(starts, builder.add(first, emit.constant(v)))) for v in range(NV)]

        def products(step):
            offset = emit.entry_of(offsets, step)
            row = [emit.load(emit.shifted(vector, offset)) for vector in vectors]
            column = emit.shifted(a, MR, step)
            for i in range(MR):
                factor = emit.broadcast(emit.shifted(column, i))
                for j in range(NV):
                    yield i, j, factor, row[j]

        emit.put(emit.accumulate(steps, MR, NV, products), c, c_stride, accumulate)
        return context.get_dummy_value()

    return signature, codegen


def _packed_products(emit, a, a_stride, b):
    """The products of multiply_packed, from the addresses of A and B."""

    def products(step):
        line, column = emit.shifted(b, NV * emit.width, step), emit.shifted(a, a_stride, step)
        row = [emit.load(emit.shifted(line, j * emit.width)) for j in range(NV)]
        for i in range(MR):
            factor = emit.broadcast(emit.shifted(column, i))
            for j in range(NV):
                yield i, j, factor, row[j]

    return products


@intrinsic
def multiply_packed(typingctx, a, a_start, a_stride, b, b_start, steps, c, c_start, c_stride, accumulate):
    """C[i, j] (+)= sum_l A[l, i] B[l, j] for i < MR, j < NR = NV vectors.

    Parameters
    ----------
    a : array, with A[l, i] = a[a_start + l * a_stride + i]
    b : array, with B[l, j] = b[b_start + l * NR + j]
    steps : int
        Length of the reduction, at least 1.
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(a, index, index, b, index, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        a, a_start, a_stride, b, b_start, steps, c, c_start, c_stride, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[3], b, b_start)
        c = emit.pointer(sig.args[6], c, c_start)
        emit.put(emit.accumulate(steps, MR, NV, _packed_products(emit, a, a_stride, b)), c, c_stride, accumulate)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def multiply_biased(typingctx, a, a_start, a_stride, b, b_start, steps, bias, first, c, c_start, c_stride):
    """C[i, j] = bias[first + i] + sum_l A[l, i] B[l, j], as multiply_packed; C is written and not read."""
    index = types.intp
    signature = types.void(a, index, index, b, index, index, bias, index, c, index, index)

    def codegen(context, builder, sig, args):
        a, a_start, a_stride, b, b_start, steps, bias, first, c, c_start, c_stride = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[3], b, b_start)
        bias, c = emit.pointer(sig.args[6], bias, first), emit.pointer(sig.args[8], c, c_start)
        biases = [emit.broadcast(emit.shifted(bias, i)) for i in range(MR)]
        emit.write(emit.accumulate(steps, MR, NV, _packed_products(emit, a, a_stride, b), biases), c, c_stride)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def multiply_gathered(
    typingctx, a, a_start, rows, row, moves, step0, steps, b, b_start, c, c_start, c_stride, accumulate
):
    """C[i, j] (+)= sum_l a[a_start + rows[row + i] + moves[step0 + l]] B[l, j] for i < MR, j < NR = NV vectors.

    Parameters
    ----------
    a : array, read where it lies
    rows, moves : int32 arrays
        Where the rows of A lie, and by how much each step moves them.
    row, step0 : int
        The first entry of each that is read.
    steps : int
        Length of the reduction, at least 1.
    b : array, with B[l, j] = b[b_start + l * NR + j]
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(
        a, index, rows, index, moves, index, index, b, index, c, index, index, types.boolean
    )  # fmt: skip

    def codegen(context, builder, sig, args):
        a, a_start, rows, row, moves, step0, steps, b, b_start, c, c_start, c_stride, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[7], b, b_start)
        rows, moves = emit.pointer(sig.args[2], rows), emit.pointer(sig.args[4], moves, step0)
        c = emit.pointer(sig.args[9], c, c_start)
        places = [emit.shifted(a, emit.entry_of(rows, builder.add(row, emit.constant(i)))) for i in range(MR)]

        def products(step):
            move, line = emit.entry_of(moves, step), emit.shifted(b, NV * emit.width, step)
            vectors = [emit.load(emit.shifted(line, j * emit.width)) for j in range(NV)]
            for i, place in enumerate(places):
                factor = emit.broadcast(emit.shifted(place, move))
                for j, vector in enumerate(vectors):
                    yield i, j, factor, vector

        emit.put(emit.accumulate(steps, MR, NV, products), c, c_stride, accumulate)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_dots(
    typingctx, a, a_start, a_stride, b, b_start, starts, offsets, first, steps, c, c_start, c_stride, accumulate
):
    """C[j, i] (+)= sum_l <A[i, l], B[j, l]> over vectors, for i < DOT_ROWS, j < DOT_COLUMNS.

    Parameters
    ----------
    a : array, with vector l of A[i] = a[a_start + i * a_stride + l * lanes :]
    b : array, with vector l of B[j] = b[b_start + offsets[first + j] + starts[l] :]
    starts, offsets : int32 arrays
    first : int
        Where the tile's columns begin in offsets.
    steps : int
        Vectors in a row, at least 1.
    c : array, with C[j, i] = c[c_start + j * c_stride + i]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(
        a, index, index, b, index, starts, offsets, index, index, c, index, index, types.boolean
    )  # fmt: skip

    def codegen(context, builder, sig, args):
        a, a_start, a_stride, b, b_start, starts, offsets, first, steps, c, c_start, c_stride, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[3], b, b_start)
        starts, offsets = emit.pointer(sig.args[5], starts), emit.pointer(sig.args[6], offsets)
        c = emit.pointer(sig.args[9], c, c_start)
        rows = [emit.shifted(a, i, a_stride) for i in range(DOT_ROWS)]
        columns = [
            emit.shifted(b, emit.entry_of(offsets, builder.add(first, emit.constant(j)))) for j in range(DOT_COLUMNS)
        ]

        def products(step):
            start, position = emit.entry_of(starts, step), builder.mul(step, emit.constant(emit.width))
            right = [emit.load(emit.shifted(column, start)) for column in columns]
            for i, row in enumerate(rows):
                left = emit.load(emit.shifted(row, position))
                for j in range(DOT_COLUMNS):
                    yield i, j, left, right[j]

        results = emit.accumulate(steps, DOT_ROWS, DOT_COLUMNS, products)
        for j in range(DOT_COLUMNS):
            place = emit.shifted(c, j, c_stride)
            sums = emit.sum_quad([results[i][j] for i in range(DOT_ROWS)])
            before = builder.select(accumulate, emit.load_quad(place), emit.zero_quad)
            emit.store_few(builder.fadd(before, sums), place)
        return context.get_dummy_value()

    return signature, codegen
