"""bfloat16 on the CPU: arrays of uint16 that hold the upper halves of float32 numbers, as Numba has no such type.

Rounding is to nearest even in every kernel, denormals and overflow included; a NaN becomes the quiet one of its sign.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .emitter import Emitter
from .parallel import SERIAL_ELEMENTS, part, streaming
from .simd_rows import along_row

SIGN, QUIET_NAN, INFINITY = np.uint32(0x8000), np.uint32(0x7FC0), np.uint32(0x7F800000)
MAGNITUDE, HALF, SIXTEEN, ONE = np.uint32(0x7FFFFFFF), np.uint32(0x7FFF), np.uint32(16), np.uint32(1)


def widen(a, values):
    """values = a: bfloat16 to float32, exactly; C-contiguous arrays of one shape."""
    _widen(a.size // SERIAL_ELEMENTS + 1, a.size, a.reshape(-1).view(np.uint16), values.reshape(-1).view(np.uint32))


def round_to(a, rounded):
    """rounded = a: float32 to bfloat16; C-contiguous arrays of one shape."""
    _round(a.size // SERIAL_ELEMENTS + 1, a.size, a.reshape(-1).view(np.uint32), rounded.reshape(-1).view(np.uint16))


@streaming
def _widen(bits, values, thread, threads):
    """The bits of float32 numbers, of one thread's stretch. Bytes: 2 and 4 an element."""
    bits, values = part(bits, thread, threads), part(values, thread, threads)
    for i in range(bits.size):
        values[i] = np.uint32(bits[i]) << SIXTEEN


@streaming
def _round(bits, rounded, thread, threads):
    """The bits of bfloat16 numbers, of one thread's stretch. Bytes: 4 and 2 an element."""
    bits, rounded = part(bits, thread, threads), part(rounded, thread, threads)
    for i in range(bits.size):
        value = bits[i]
        upper = value >> SIXTEEN
        nearest = (value + HALF + (upper & ONE)) >> SIXTEEN
        rounded[i] = (upper & SIGN | QUIET_NAN) if value & MAGNITUDE > INFINITY else nearest


def emit_widened(builder, bits):
    """The float32 number, or vector of those, of bfloat16 bits: LLVM code."""
    integer, number = _like(bits.type, ir.IntType(32)), _like(bits.type, ir.FloatType())
    return builder.bitcast(builder.shl(builder.zext(bits, integer), _constant(integer, 16)), number)


def emit_rounded(builder, value):
    """The bfloat16 bits of a float32 number or a vector of those, as `_round`: LLVM code."""
    integer, half = _like(value.type, ir.IntType(32)), _like(value.type, ir.IntType(16))
    bits = builder.bitcast(value, integer)
    upper = builder.lshr(bits, _constant(integer, 16))
    odd = builder.and_(upper, _constant(integer, 1))
    nearest = builder.lshr(builder.add(bits, builder.add(odd, _constant(integer, 0x7FFF))), _constant(integer, 16))
    quiet = builder.or_(builder.and_(upper, _constant(integer, 0x8000)), _constant(integer, 0x7FC0))
    return builder.trunc(builder.select(builder.fcmp_unordered("uno", value, value), quiet, nearest), half)


def _like(kind, element):
    """A type of as many elements as another."""
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _constant(kind, number):
    return ir.Constant(kind, [number] * kind.count if isinstance(kind, ir.VectorType) else number)


@intrinsic
def element(typingctx, a, i):
    """a[i], widened where a is bfloat16; the index is not checked."""

    def codegen(context, builder, sig, args):
        value = builder.load(Emitter(context, builder, a.dtype).pointer(a, *args))
        return value if isinstance(a.dtype, types.Float) else emit_widened(builder, value)

    return (a.dtype if isinstance(a.dtype, types.Float) else types.float32)(a, types.uint64), codegen


@intrinsic
def set_element(typingctx, a, i, value):
    """a[i] = value, rounded where a is bfloat16; the index is not checked."""

    def codegen(context, builder, sig, args):
        array, i, value = args
        stored = value if isinstance(a.dtype, types.Float) else emit_rounded(builder, value)
        builder.store(stored, Emitter(context, builder, a.dtype).pointer(a, array, i))
        return context.get_dummy_value()

    return types.void(a, types.uint64, a.dtype if isinstance(a.dtype, types.Float) else types.float32), codegen


@intrinsic
def store_row(typingctx, target, start, source, first, count):
    """target[start + j] = source[first + j] for j < count, rounded where target is bfloat16 and source float32."""
    index = types.intp

    def codegen(context, builder, sig, args):
        narrow, emit = Emitter(context, builder, target.dtype), Emitter(context, builder, source.dtype)
        to, row = narrow.pointer(target, *args[:2]), emit.pointer(source, *args[2:4])

        def value(emit, j):
            vector = emit.load(emit.at(row, j))
            return vector if source.dtype == target.dtype else emit_rounded(builder, vector)

        along_row(emit, args[4], value, lambda emit, j, vector: narrow.store(vector, narrow.at(to, j)))
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen


@intrinsic
def store_every_other(typingctx, target, start, source, first, count):
    """target[start + 2 j] = source[first + j] for j < count, rounded as by store_row.

    What lies between is read and written back: no other thread may write it meanwhile.
    """
    index = types.intp

    def codegen(context, builder, sig, args):
        narrow, emit = Emitter(context, builder, target.dtype), Emitter(context, builder, source.dtype)
        to, row = narrow.pointer(target, *args[:2]), emit.pointer(source, *args[2:4])

        def stored(vector):
            return vector if source.dtype == target.dtype else emit_rounded(builder, vector)

        def blend(emit, j, vector):
            address, width = narrow.at(to, 2, j), emit.width
            between = narrow.load(address, 2 * width)
            wide = narrow.shuffle(vector, vector, [lane // 2 for lane in range(2 * width)])
            order = [lane if lane % 2 else 2 * width + lane for lane in range(2 * width)]
            narrow.store(narrow.shuffle(between, wide, order), address)

        # all but the last one, which may be the end of the array
        with builder.if_then(builder.icmp_signed(">", args[4], emit.constant(0))):
            last = builder.sub(args[4], emit.constant(1))
            along_row(emit, last, lambda emit, j: stored(emit.load(emit.at(row, j))), blend)
            builder.store(stored(builder.load(emit.at(row, last))), narrow.at(to, 2, last))
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen
