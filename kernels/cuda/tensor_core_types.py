"""Operand types of the tensor cores: float16, bfloat16 and tf32, and the conversions from and to float32.

Kernels take 16-bit arrays as uint16, their bits: the two types differ in a few instructions alone. tf32 is float32 with
ten bits of fraction; its arrays are float32, and only operands are rounded. The conversions are told the type by name.
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


@intrinsic
def widen(typing_context, element, kind):
    """float32 of an element: `cvt.f32.f16` of a float16's bits; a bfloat16's bits are the upper half; tf32 as it is."""
    if not isinstance(kind, types.StringLiteral):
        return None
    return types.float32(element, kind), WIDEN[kind.literal_value]


@intrinsic
def narrow(typing_context, value, kind):
    """A float32 rounded to an element: `cvt.rn.f16.f32`, `cvt.rn.bf16.f32`; tf32 as it is, which only mma rounds."""
    if not isinstance(kind, types.StringLiteral):
        return None
    result = types.float32 if kind.literal_value == "tf32" else types.uint16
    return result(types.float32, kind), NARROW[kind.literal_value]


def emit_to_tf32(builder, value):
    """A float32 rounded to tf32, in a float32: `cvt.rna.tf32.f32`."""
    rounded = _conversion("cvt.rna.tf32.f32", ptx.I32, "=r,f")(None, builder, None, [value])
    return builder.bitcast(rounded, F32)


def _conversion(name, result, constraints):
    """Emits the conversion of one value."""

    def generate(context, builder, signature, arguments):
        return ptx.emit(builder, result, f"{name} $0, $1;", constraints, arguments[:1], side_effect=False)

    return generate


def _from_bf16(context, builder, signature, arguments):
    """Emits the shift of a bfloat16's bits into the upper half of a float32."""
    raised = builder.shl(builder.zext(arguments[0], ptx.I32), ir.Constant(ptx.I32, 16))
    return builder.bitcast(raised, F32)


def _same(context, builder, signature, arguments):
    """Emits nothing."""
    return arguments[0]


WIDEN = {"f16": _conversion("cvt.f32.f16", F32, "=f,h"), "bf16": _from_bf16, "tf32": _same}
NARROW = {
    "f16": _conversion("cvt.rn.f16.f32", I16, "=h,f"),
    "bf16": _conversion("cvt.rn.bf16.f32", I16, "=h,f"),
    "tf32": _same,
}

KINDS = {"f16": Kind("f16", 8), "bf16": Kind("bf16", 8), "tf32": Kind("tf32", 4)}
"""By the name in `mma.sync`."""

NAMES = {"float16": "f16", "bfloat16": "bf16", "float32": "tf32"}


def kind_of(dtype):
    """The kind for arrays of a type."""
    return KINDS[NAMES[dtype.name]]


def bits_of(array):
    """A 16-bit array as uint16, as kernels take it; other arrays and None as they are."""
    return array if array is None or array.dtype.itemsize != 2 else array.view(np.uint16)
