"""Rows of images in 128-bit accesses: registers that a thread fills from a row and stores into one.

Where rows are a multiple of four elements and start at a multiple of 16 bytes, a vector is either valid or not as a
whole, so one predicate serves four elements; elsewhere each element has its predicate and access. Registers are arrays
of `cuda.local.array`; offsets are uint32, in elements.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import gemm_tile, ptx
from .vectorized import FOUR, aligned


def rows_are_aligned(array, width):
    """Whether every row of an array can be accessed in vectors."""
    return width % FOUR == 0 and aligned(array)


@intrinsic
def load_row_vectors(typing_context, registers, array, offset, column, width, vectors, count):
    """registers[k] = array[offset + k] where 0 <= column + k < width, else 0, for k < 4 count.

    With `vectors` as `@p ld.global.nc.v4.f32` (bytes of a mask: `ld.global.u32`), else as single elements. column is
    that of the first element, int32.
    """
    if not gemm_tile.constant(count):
        return None
    signature = types.void(registers, array, offset, types.int32, types.int32, types.boolean, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])

        def load(k, length, valid):
            pointer = _element(context, builder, signature, arguments, 1, k)
            for i, value in enumerate(_load_if(builder, pointer, valid, length, start.type.pointee)):
                builder.store(value, ptx.advanced(builder, start, k + i))

        _each(builder, arguments, 3, FOUR * count.literal_value, _longest(signature.args[1]), load)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_row_vectors(typing_context, array, offset, column, width, vectors, registers, count):
    """array[offset + k] = registers[k] where 0 <= column + k < width, for k < 4 count; as load_row_vectors."""
    if not gemm_tile.constant(count):
        return None
    signature = types.void(array, offset, types.int32, types.int32, types.boolean, registers, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[5], arguments[5])

        def store(k, length, valid):
            with builder.if_then(valid):
                pointer = _element(context, builder, signature, arguments, 0, k)
                values = [builder.load(ptx.advanced(builder, start, k + i)) for i in range(length)]
                if isinstance(pointer.type.pointee, ir.IntType):
                    values = [builder.trunc(value, pointer.type.pointee) for value in values]
                ptx.emit_vector_store(builder, pointer, values)

        _each(builder, arguments, 2, FOUR * count.literal_value, _longest(signature.args[0]), store)
        return context.get_dummy_value()

    return signature, generate


def _each(builder, arguments, position, count, longest, access):
    """access(k, length, valid) of `count` elements, of vectors if arguments[position + 2] holds, else of single ones.

    arguments[position] is the first element's column, the next one the width.
    """
    column, width, vectors = arguments[position : position + 3]

    def all_of(length):
        for k in range(0, count, length):
            access(k, length, builder.icmp_unsigned("<", builder.add(column, ir.Constant(ptx.I32, k)), width))

    with builder.if_else(ptx.truth(builder, vectors)) as (wide, single):
        with wide:
            all_of(longest)
        with single:
            all_of(1)


def _longest(array):
    """Most elements of an access."""
    return min(FOUR, ptx.vector_length(array.dtype))


def _element(context, builder, signature, arguments, position, k):
    """Element arguments[position + 1] + k of the array arguments[position]."""
    offset = builder.add(arguments[position + 1], ir.Constant(ptx.I32, k))
    moved = [*arguments[: position + 1], offset, *arguments[position + 2 :]]
    return ptx.element(context, builder, signature, moved, position)


def _load_if(builder, pointer, valid, length, wanted):
    """Elements where the predicate holds, else zeros; integers in the wanted type."""
    if not isinstance(pointer.type.pointee, ir.IntType):
        return ptx.emit_load_if(builder, pointer, valid, length)
    skipped, zero = builder.block, ir.Constant(wanted, 0)
    with builder.if_then(valid):
        loaded = [builder.zext(value, wanted) for value in ptx.emit_vector_load(builder, pointer, length)]
        taken = builder.block
    values = []
    for value in loaded:
        merged = builder.phi(wanted)
        merged.add_incoming(zero, skipped)
        merged.add_incoming(value, taken)
        values.append(merged)
    return values
