"""PTX intrinsics that Numba lacks: 128-bit vectors, predicated loads, division by multiplication.

Numba merges neither four loads into one nor a branch into a predicate, so these emit LLVM vectors or the PTX itself.
Offsets are uint32, in elements; a constant displacement is added after the offset's extension to 64 bits, so that the
assembler folds it into the address. The caller guarantees the alignment of a pointer.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

I32, I64, VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()

SHARED = 3
"""LLVM's address space of shared memory."""

VECTOR_BYTES = 16
"""Bytes of the widest load and store."""


def data(context, builder, array_type, array):
    """Pointer to an array's first element."""
    return context.make_array(array_type)(context, builder, array).data


def advanced(builder, pointer, elements):
    """A pointer advanced by a constant number of elements."""
    return builder.gep(pointer, [ir.Constant(I64, elements)], inbounds=True)


def element(context, builder, signature, arguments, position):
    """Pointer to element arguments[position + 1] of the array arguments[position]."""
    offset, offset_type = arguments[position + 1], signature.args[position + 1]
    if offset.type.width < I64.width:
        offset = (builder.sext if offset_type.signed else builder.zext)(offset, I64)
    return builder.gep(data(context, builder, signature.args[position], arguments[position]), [offset], inbounds=True)


def byte_address(context, builder, signature, arguments, position):
    """As `element`, for an offset in bytes, which needs no scaling in a loop."""
    start = data(context, builder, signature.args[position], arguments[position])
    offset = builder.zext(arguments[position + 1], I64)
    byte = builder.gep(builder.bitcast(start, ir.IntType(8).as_pointer()), [offset], inbounds=True)
    return builder.bitcast(byte, start.type)


def shared_base(context, builder, signature, arguments, position):
    """32-bit address of an array in shared memory."""
    start = data(context, builder, signature.args[position], arguments[position])
    return builder.ptrtoint(builder.addrspacecast(start, start.type.pointee.as_pointer(SHARED)), I32)


def shared_address(context, builder, signature, arguments, position):
    """32-bit address of byte arguments[position + 1] of the array arguments[position] in shared memory."""
    return builder.add(shared_base(context, builder, signature, arguments, position), arguments[position + 1])


def emit(builder, result, text, constraints, operands, side_effect=True):
    """Emit PTX text; with a side effect LLVM does not move it."""
    function = ir.FunctionType(result, [operand.type for operand in operands])
    return builder.call(ir.InlineAsm(function, text, constraints, side_effect=side_effect), operands)


def vector_length(element_type):
    """Elements of a 128-bit vector."""
    return 8 * VECTOR_BYTES // element_type.bitwidth


def emit_vector_load(builder, pointer, length=None):
    """The elements of one load, of 128 bits if no length is given: `ld.v4.f32` or `ld.v2.f64`.

    The address space is the one that the compiler infers.
    """
    length = length or VECTOR_BYTES // _bytes(pointer.type.pointee)
    vector = ir.VectorType(pointer.type.pointee, length)
    align = length * _bytes(pointer.type.pointee)
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer(pointer.type.addrspace)), align=align)
    return [builder.extract_element(loaded, ir.Constant(I32, i)) for i in range(length)]


def emit_vector_store(builder, pointer, values):
    """One store of as many values: `st.v4.f32` or `st.v2.f64`."""
    vector = ir.VectorType(values[0].type, len(values))
    packed = ir.Constant(vector, ir.Undefined)
    for i, value in enumerate(values):
        packed = builder.insert_element(packed, value, ir.Constant(I32, i))
    align = len(values) * _bytes(values[0].type)
    builder.store(packed, builder.bitcast(pointer, vector.as_pointer(pointer.type.addrspace)), align=align)


def emit_load_if(builder, pointer, predicate, count):
    """`@p ld.global.nc` of one element or of a vector, zeros where the predicate is false.

    It has a side effect for LLVM, which would otherwise sink the load to the first use, where it hides no latency.
    """
    element_type = pointer.type.pointee
    letter, kind, zero = ("f", "f32", "0f00000000") if _bytes(element_type) == 4 else ("d", "f64", "0d0000000000000000")
    names = [f"${i}" for i in range(count)]
    target = f"v{count}.{kind} {{{', '.join(names)}}}" if count > 1 else f"{kind} $0"
    clear = " ".join(f"mov.{kind} {name}, {zero};" for name in names)
    text = f"{{ .reg .pred p; setp.ne.b32 p, ${count + 1}, 0; {clear} @p ld.global.nc.{target}, [${count}]; }}"
    result = ir.LiteralStructType([element_type] * count) if count > 1 else element_type
    constraints = ",".join([f"={letter}"] * count + ["l", "r"])
    operands = [builder.ptrtoint(pointer, I64), builder.zext(predicate, I32)]
    loaded = emit(builder, result, text, constraints, operands)
    return [builder.extract_value(loaded, i) for i in range(count)] if count > 1 else [loaded]


def truth(builder, boolean):
    """A Numba boolean as one bit."""
    return builder.trunc(boolean, ir.IntType(1)) if boolean.type.width > 1 else boolean


def _bytes(llvm_type):
    return (
        llvm_type.width // 8 if isinstance(llvm_type, ir.IntType) else 4 if isinstance(llvm_type, ir.FloatType) else 8
    )


@intrinsic
def load_vector(typing_context, array, offset):
    """The tuple array[offset : offset + 4] of float32, two of float64: `ld.v4.f32`, `ld.v2.f64`."""
    signature = types.UniTuple(array.dtype, vector_length(array.dtype))(array, offset)

    def generate(context, builder, signature, arguments):
        values = emit_vector_load(builder, element(context, builder, signature, arguments, 0))
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic
def store_vector(typing_context, array, offset, values):
    """array[offset : offset + 4] = values: `st.v4.f32`, `st.v2.f64`."""

    def generate(context, builder, signature, arguments):
        elements = [builder.extract_value(arguments[2], i) for i in range(signature.args[2].count)]
        emit_vector_store(builder, element(context, builder, signature, arguments, 0), elements)
        return context.get_dummy_value()

    return types.void(array, offset, values), generate


@intrinsic
def load_if(typing_context, array, offset, predicate):
    """array[offset] of global memory where the predicate holds, else 0: `@p ld.global.nc`, without a branch."""

    def generate(context, builder, signature, arguments):
        pointer = element(context, builder, signature, arguments, 0)
        return emit_load_if(builder, pointer, truth(builder, arguments[2]), 1)[0]

    return array.dtype(array, offset, types.boolean), generate


def reciprocal(divisor):
    """(multiplier, shift) with n // divisor == (2 n multiplier >> 32) >> shift for 0 <= n < 2^31.

    With shift = ceil(log2 divisor) and multiplier = ceil(2^(31 + shift) / divisor) < 2^32, the product exceeds
    2^(31 + shift) n / divisor by less than n <= 2^31, too little to reach the next multiple of 1 / divisor.
    """
    shift = (divisor - 1).bit_length()
    return -(-(1 << (31 + shift)) // divisor), shift


def reciprocals(*divisors):
    """The reciprocals of several divisors in a row, as kernels take them."""
    return tuple(np.uint32(number) for divisor in divisors for number in reciprocal(divisor))


@intrinsic
def divide(typing_context, n, multiplier, shift):
    """n // divisor for n < 2^31 and (multiplier, shift) = reciprocal(divisor), all uint32: `mul.hi.u32`, `shr.u32`."""

    def generate(context, builder, signature, arguments):
        numerator, reciprocal_multiplier, bits = arguments
        doubled = builder.zext(builder.shl(numerator, ir.Constant(I32, 1)), I64)
        product = builder.mul(doubled, builder.zext(reciprocal_multiplier, I64), flags=["nuw"])
        high = builder.trunc(builder.lshr(product, ir.Constant(I64, 32)), I32)
        return builder.lshr(high, bits)

    return types.uint32(types.uint32, types.uint32, types.uint32), generate


@intrinsic
def thread_and_block(typing_context):
    """(threadIdx.x, blockIdx.x), read again: `mov.u32 %tid.x`, `mov.u32 %ctaid.x`.

    A kernel computes its indices from these before and again after the main loop: LLVM would keep the first ones alive,
    and the loop would have fewer registers.
    """

    def generate(context, builder, signature, arguments):
        pair = ir.LiteralStructType([I32, I32])
        text = "mov.u32 $0, %tid.x; mov.u32 $1, %ctaid.x;"
        read = emit(builder, pair, text, "=r,=r", [])
        return context.make_tuple(builder, signature.return_type, [builder.extract_value(read, i) for i in range(2)])

    return types.UniTuple(types.uint32, 2)(), generate
