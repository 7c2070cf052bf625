"""Intrinsics for Numba code: loads and stores by address, atomic exchange, calls into translated kernels."""

import functools

from llvmlite import ir
from numba import cfunc, njit, types, uint64
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from gpuconv.kernels.core.cache import CPUCache, install

_BITS = {types.int8: 8, types.uint8: 8, types.uint16: 16, types.int32: 32, types.uint32: 32, types.int64: 64,
         types.uint64: 64, types.float32: 32, types.float64: 64}  # fmt: skip

install(CFunc, CPUCache, "gpuconv.emulator")


def lazily(signature):
    """Decorate a function so that calling it compiles it once to a C function; importing compiles nothing."""
    return lambda function: functools.cache(lambda: cfunc(signature, cache=True, error_model="numpy")(function))


def _pointer(builder, address, type_):
    return builder.inttoptr(address, type_.as_pointer())


def _reader(type_):
    @intrinsic
    def read(typing_context, address):
        """Load a value from an address, which need not be aligned."""

        def generate(context, builder, signature, arguments):
            value = builder.load(_pointer(builder, arguments[0], context.get_value_type(type_)))
            value.align = 1
            return value

        return type_(types.int64), generate

    return read


def _writer(type_):
    @intrinsic
    def write(typing_context, address, value):
        """Store a value to an address, which need not be aligned."""

        def generate(context, builder, signature, arguments):
            pointer = _pointer(builder, arguments[0], context.get_value_type(type_))
            builder.store(arguments[1], pointer).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, type_), generate

    return write


read_u8, read_u16, read_u32, read_u64 = (_reader(t) for t in (types.uint8, types.uint16, types.uint32, types.uint64))
read_i8, read_i32, read_i64 = _reader(types.int8), _reader(types.int32), _reader(types.int64)
read_f32, read_f64 = _reader(types.float32), _reader(types.float64)
write_u8, write_u16, write_u32, write_u64 = (
    _writer(t) for t in (types.uint8, types.uint16, types.uint32, types.uint64)
)
write_i32, write_i64 = _writer(types.int32), _writer(types.int64)
write_f32, write_f64 = _writer(types.float32), _writer(types.float64)


@intrinsic
def exchange(typing_context, address, value):
    """Atomically exchange an int64 in memory; returns the old value."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], ir.IntType(64))
        return builder.atomic_rmw("xchg", pointer, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def exchange_32(typing_context, address, value):
    """Atomically exchange an int32 in memory; returns the old value."""

    def generate(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], ir.IntType(32))
        return builder.atomic_rmw("xchg", pointer, arguments[1], "seq_cst")

    return types.int32(types.int64, types.int32), generate


@intrinsic
def call_advance(typing_context, function, core, warp, pc, mask, converged):
    """Execute translated basic blocks from number pc; returns the next number, SCATTERED or YIELD."""

    def generate(context, builder, signature, arguments):
        i64, i32 = ir.IntType(64), ir.IntType(32)
        pointer = builder.inttoptr(arguments[0], ir.FunctionType(i32, [i64, i64, i32, i32, i32]).as_pointer())
        return builder.call(pointer, arguments[1:])

    return types.int32(*[types.int64] * 3, *[types.int32] * 3), generate


@intrinsic
def as_f32(typing_context, bits):
    """The float32 of 32 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def bits_f32(typing_context, value):
    """The 32 bits of a float32."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic
def as_f64(typing_context, bits):
    """The float64 of 64 bits."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@intrinsic
def bits_f64(typing_context, value):
    """The 64 bits of a float64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate


@intrinsic
def fma(typing_context, a, b, c):
    """a b + c, rounded once."""

    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@njit
def read_bits(bits, address):
    """Load an unsigned integer of 8 to 64 bits."""
    if bits == 8:
        return uint64(read_u8(address))
    if bits == 16:
        return uint64(read_u16(address))
    if bits == 32:
        return uint64(read_u32(address))
    return read_u64(address)


@njit
def write_bits(bits, address, value):
    """Store the low bits of a number."""
    if bits == 8:
        write_u8(address, value)
    elif bits == 16:
        write_u16(address, value)
    elif bits == 32:
        write_u32(address, value)
    else:
        write_u64(address, value)
