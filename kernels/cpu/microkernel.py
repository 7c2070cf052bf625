"""The micro-kernels that every GEMM-like CPU kernel is built on, as LLVM intrinsics.

A register tile of MR rows x NV vectors is accumulated over the reduction: each step broadcasts MR elements of A and
multiplies them with NV vectors of B. Offset tables let an element be read from the tensor itself, without an im2col
buffer.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .emitter import Emitter
from .registers import DOT_COLUMNS, DOT_ROWS, MR, NV


def tile_intrinsic(emitter):
    """The intrinsic multiply_tile, whose vectors and products are those of an Emitter."""

    @intrinsic
    def multiply_tile(
        typingctx, a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate
    ):
        """C[i, j] (+)= sum_l A[l, i] B[l, j] for i < MR, j < NR = NV vectors.

        Parameters
        ----------
        a : array, with A[l, i] = a[a_start + l * MR + i]
        b : array, with vector v of B[l] = b[b_start + starts[tile * NV + v] + offsets[l] :]
        starts, offsets : int32 arrays
            Offset of each vector of the columns, and of each step from it.
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
            # addresses of A, C, the tables and the tile's NV vectors of B
            a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate = args
            emit = emitter(context, builder, sig.args[0].dtype)
            a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[2], b, b_start)
            starts, offsets = emit.pointer(sig.args[4], starts), emit.pointer(sig.args[6], offsets)
            c = emit.pointer(sig.args[8], c, c_start)
            first = builder.mul(tile, emit.constant(NV))
            vectors = [emit.at(b, emit.table_entry(starts, builder.add(first, emit.constant(v)))) for v in range(NV)]

            # a step: NV vectors of B, MR broadcast elements of A
            def products(step):
                offset = emit.table_entry(offsets, step)
                row = [emit.load(emit.at(vector, offset)) for vector in vectors]
                column = emit.at(a, MR, step)
                for i in range(MR):
                    a_element = emit.broadcast(emit.at(column, i))
                    for j in range(NV):
                        yield i, j, a_element, row[j]

            emit.store_tile(emit.accumulate(steps, MR, NV, products), c, c_stride, accumulate)
            return context.get_dummy_value()

        return signature, codegen

    return multiply_tile


multiply_tile = tile_intrinsic(Emitter)


def _packed_products(emit, a, a_stride, b):
    """The products of multiply_packed, from the addresses of A and B."""

    def products(step):
        line, column = emit.at(b, NV * emit.width, step), emit.at(a, a_stride, step)
        row = [emit.load(emit.at(line, j * emit.width)) for j in range(NV)]
        for i in range(MR):
            a_element = emit.broadcast(emit.at(column, i))
            for j in range(NV):
                yield i, j, a_element, row[j]

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
        emit.store_tile(emit.accumulate(steps, MR, NV, _packed_products(emit, a, a_stride, b)), c, c_stride, accumulate)
        return context.get_dummy_value()

    return signature, codegen


def _gathered(tile_rows, tile_vectors):
    """The intrinsic of multiply_gathered for a register tile of so many rows and vectors."""

    @intrinsic
    def multiply_gathered(
        typingctx,
        a,
        a_start,
        row_offsets,
        row,
        step_offsets,
        step0,
        steps,
        b,
        b_start,
        c,
        c_start,
        c_stride,
        accumulate,
    ):
        """C[i, j] (+)= sum_l a[a_start + row_offsets[row + i] + step_offsets[step0 + l]] B[l, j] for a tile's i and j.

        Parameters
        ----------
        a : array
        row_offsets, step_offsets : int32 arrays
            Offset of each row of A, and of each step from it.
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
            a, index, row_offsets, index, step_offsets, index, index, b, index, c, index, index, types.boolean
        )  # fmt: skip

        def codegen(context, builder, sig, args):
            # addresses of A's rows, B, C and the step offsets
            a, a_start, row_offsets, row, step_offsets, step0, steps, b, b_start, c, c_start, c_stride, accumulate = (
                args
            )
            emit = Emitter(context, builder, sig.args[0].dtype)
            a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[7], b, b_start)
            row_offsets = emit.pointer(sig.args[2], row_offsets)
            step_offsets = emit.pointer(sig.args[4], step_offsets, step0)
            c = emit.pointer(sig.args[9], c, c_start)
            rows = [
                emit.at(a, emit.table_entry(row_offsets, builder.add(row, emit.constant(i)))) for i in range(tile_rows)
            ]

            # a step: NV vectors of B, MR broadcast elements of A
            def products(step):
                offset, line = emit.table_entry(step_offsets, step), emit.at(b, tile_vectors * emit.width, step)
                vectors = [emit.load(emit.at(line, j * emit.width)) for j in range(tile_vectors)]
                for i, address in enumerate(rows):
                    a_element = emit.broadcast(emit.at(address, offset))
                    for j, vector in enumerate(vectors):
                        yield i, j, a_element, vector

            emit.store_tile(emit.accumulate(steps, tile_rows, tile_vectors, products), c, c_stride, accumulate)
            return context.get_dummy_value()

        return signature, codegen

    return multiply_gathered


NARROW_ROWS = 10
"""Rows of a tile of one vector: as many addresses as fit the registers, and sums that hide a multiply-add's latency."""
multiply_gathered, multiply_gathered_narrow = _gathered(MR, NV), _gathered(NARROW_ROWS, 1)


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
        # addresses of the tile's rows and columns
        a, a_start, a_stride, b, b_start, starts, offsets, first, steps, c, c_start, c_stride, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[3], b, b_start)
        starts, offsets = emit.pointer(sig.args[5], starts), emit.pointer(sig.args[6], offsets)
        c = emit.pointer(sig.args[9], c, c_start)
        rows = [emit.at(a, i, a_stride) for i in range(DOT_ROWS)]
        columns = [
            emit.at(b, emit.table_entry(offsets, builder.add(first, emit.constant(j)))) for j in range(DOT_COLUMNS)
        ]

        # a step: a vector of each row times one of each column
        def products(step):
            start, position = emit.table_entry(starts, step), builder.mul(step, emit.constant(emit.width))
            right = [emit.load(emit.at(column, start)) for column in columns]
            for i, row in enumerate(rows):
                left = emit.load(emit.at(row, position))
                for j in range(DOT_COLUMNS):
                    yield i, j, left, right[j]

        # sum over the lanes, and store or add a column's rows at a time
        results = emit.accumulate(steps, DOT_ROWS, DOT_COLUMNS, products)
        for j in range(DOT_COLUMNS):
            target = emit.at(c, j, c_stride)
            sums = emit.reduce_lanes([results[i][j] for i in range(DOT_ROWS)])
            stored = builder.select(accumulate, emit.load(target, 4), ir.Constant(emit.vector_of(4), None))
            emit.store(builder.fadd(stored, sums), target)
        return context.get_dummy_value()

    return signature, codegen
