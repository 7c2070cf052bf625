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

I16, F32 = ir.IntType(16), ir.FloatType()


class Kind(NamedTuple):
    """One of the types."""

    name: str
    vector: int
    """Elements of 16 bytes."""
    widen: object
    """(element) -> float32, in kernels."""
    narrow: object
    """(float32) -> element."""


@intrinsic
def from_f16(typing_context, bits):
    """float32 of a float16's bits: `cvt.f32.f16`."""
    return types.float32(types.uint16), _conversion("cvt.f32.f16", F32, "=f,h")


@intrinsic
def to_f16(typing_context, value):
    """The bits of a float32 rounded to float16: `cvt.rn.f16.f32`."""
    return types.uint16(types.float32), _conversion("cvt.rn.f16.f32", I16, "=h,f")


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
    return types.uint16(types.float32), _conversion("cvt.rn.bf16.f32", I16, "=h,f")


@intrinsic
def same(typing_context, value):
    """The value itself."""
    return value(value), lambda context, builder, signature, arguments: arguments[0]


def emit_to_tf32(builder, value):
    """A float32 rounded to tf32, in a float32: `cvt.rna.tf32.f32`."""
    rounded = _conversion("cvt.rna.tf32.f32", ptx.I32, "=r,f")(None, builder, None, [value])
    return builder.bitcast(rounded, F32)


def _conversion(name, result, constraints):
    """What emits a conversion of one value."""

    def generate(context, builder, signature, arguments):
        return ptx.emit(builder, result, f"{name} $0, $1;", constraints, arguments, side_effect=False)

    return generate


KINDS = {
    "f16": Kind("f16", 8, from_f16, to_f16),
    "bf16": Kind("bf16", 8, from_bf16, to_bf16),
    "tf32": Kind("tf32", 4, same, same),
}
"""By the name in `mma.sync`."""

NAMES = {"float16": "f16", "bfloat16": "bf16", "float32": "tf32"}


def kind_of(dtype):
    """The kind for arrays of a type."""
    return KINDS[NAMES[dtype.name]]


def bits_of(array):
    """An array as kernels take it: of 16-bit types the bits. None stays None."""
    return array if array is None or array.dtype.itemsize != 2 else array.view(np.uint16)
