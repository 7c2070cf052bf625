"""Vectors compared and reduced: what sums over some of a row's elements need."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .emitter import Emitter


@intrinsic
def where_equal(typingctx, a, b, value, other):
    """The value's lanes where a equals b, elsewhere the other's."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("==", *args[:2]), *args[2:])

    return value(a, a, value, value), codegen


@intrinsic
def subtract(typingctx, a, b):
    """a - b."""
    return a(a, a), lambda context, builder, sig, args: builder.fsub(*args)


@intrinsic
def multiply_add(typingctx, a, b, c):
    """a b + c, rounded once."""

    def codegen(context, builder, sig, args):
        return Emitter(context, builder, a.element, a.count).fma(*args)

    return a(a, a, a), codegen


@intrinsic
def lane_sum(typingctx, a):
    """The sum of the lanes in float64, in pairs: the same order on every run."""

    def codegen(context, builder, sig, args):
        emit, (vector,), count = Emitter(context, builder, types.float64, a.count), args, a.count
        if a.element != types.float64:
            vector = builder.fpext(vector, ir.VectorType(ir.DoubleType(), count))
        while count > 1:
            count //= 2
            vector = builder.fadd(*(emit.shuffle(vector, vector, range(n, n + count)) for n in (0, count)))
        return emit.element(vector, 0)

    return types.float64(a), codegen
