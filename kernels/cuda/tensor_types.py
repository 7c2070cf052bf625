"""The types that tensor cores multiply, float16, bfloat16 and tf32: how they lie in memory, and what rounds to them.

Kernels take 16-bit arrays as uint16, their bits: Numba knows no bfloat16, and the two differ in a few instructions.
tf32 is float32 with ten bits of fraction; its arrays are float32, and only what is multiplied is rounded.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx
from .launch import float32, uint16

I16, F32 = ir.IntType(16), ir.FloatType()


class Kind(NamedTuple):
    """One of the types."""

    name: str
    memory: object
    """Numba's type of the elements of arrays."""
    dtype: object
    """NumPy's."""
    vector: int
    """Elements of 16 bytes."""
    widen: object
    """(element) -> float32, in kernels."""
    narrow: object
    """(float32) -> element."""


@intrinsic
def from_f16(typing_context, bits):
    """float32 of a float16's bits: `cvt.f32.f16`."""

    def generate(context, builder, signature, arguments):
        return _emit(builder, F32, "cvt.f32.f16 $0, $1;", "=f,h", arguments)

    return types.float32(types.uint16), generate


@intrinsic
def to_f16(typing_context, value):
    """The bits of a float32 rounded to float16: `cvt.rn.f16.f32`."""

    def generate(context, builder, signature, arguments):
        return _emit(builder, I16, "cvt.rn.f16.f32 $0, $1;", "=h,f", arguments)

    return types.uint16(types.float32), generate


@intrinsic
def from_bf16(typing_context, bits):
    """float32 of a bfloat16's bits, which are its upper half."""

    def generate(context, builder, signature, arguments):
        raised = builder.shl(builder.zext(arguments[0], ptx.I32), ir.Constant(ptx.I32, 16))
        return builder.bitcast(raised, F32)

    return types.float32(types.uint16), generate


@intrinsic
def to_bf16(typing_context, value):
    """The bits of a float32 rounded to bfloat16: `cvt.rn.bf16.f32`."""

    def generate(context, builder, signature, arguments):
        return _emit(builder, I16, "cvt.rn.bf16.f32 $0, $1;", "=h,f", arguments)

    return types.uint16(types.float32), generate


def emit_to_tf32(builder, value):
    """A float32 rounded to tf32, in a float32: `cvt.rna.tf32.f32`."""
    return builder.bitcast(_emit(builder, ptx.I32, "cvt.rna.tf32.f32 $0, $1;", "=r,f", [value]), F32)


@intrinsic
def same(typing_context, value):
    """The value itself."""
    return value(value), lambda context, builder, signature, arguments: arguments[0]


def _emit(builder, result, text, constraints, operands):
    function = ir.FunctionType(result, [operand.type for operand in operands])
    return builder.call(ir.InlineAsm(function, text, constraints), operands)


KINDS = {
    "f16": Kind("f16", uint16, np.dtype(np.uint16), 8, from_f16, to_f16),
    "bf16": Kind("bf16", uint16, np.dtype(np.uint16), 8, from_bf16, to_bf16),
    "tf32": Kind("tf32", float32, np.dtype(np.float32), 4, same, same),
}
"""By the name in `mma.sync`."""

NAMES = {"float16": "f16", "bfloat16": "bf16", "float32": "tf32"}


def kind_of(dtype):
    """The kind for arrays of a type."""
    return KINDS[NAMES[dtype.name]]


def bits_of(array):
    """An array as kernels take it: of 16-bit types the bits. None stays None."""
    return array if array is None or array.dtype.itemsize != 2 else array.view(np.uint16)
