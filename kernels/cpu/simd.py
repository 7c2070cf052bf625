"""Vectors of the host's width as values, for kernels over rows too short for LLVM's vectorizer.

The vectorizer takes 32 elements at a time and leaves up to 31 to a scalar loop: most of a row of 55 windows. A kernel
written with these takes one vector at a time, and lets the last one end where the row ends, over the one before it.
Indices are not checked. A load reads nothing but the elements it returns.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

from .emitter import Emitter
from .registers import lanes


class Vector(types.Type):
    """The type of a vector: the type and number of its elements."""

    def __init__(self, element, count):
        self.element, self.count = element, count
        super().__init__(name=f"Vector({element}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.element).get_value_type(), kind.count))


def _vector_of(array):
    return Vector(array.dtype, lanes(array.dtype.name))


def _intrinsic_on(array_type, vector_type, body):
    """A code generator body(emit, address, *arguments), the address being that of an array's element.

    The signature begins with the array and the index of the element; `emit` emits code on vectors of that many
    elements of the array's type.
    """

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, array_type.dtype, vector_type.count)
        result = body(emit, emit.pointer(array_type, *args[:2]), *args[2:])
        return context.get_dummy_value() if result is None else result

    return codegen


@intrinsic
def lanes_of(typingctx, a):
    """Elements of a vector of an array's type, a constant to the compiler."""
    count = _vector_of(a).count
    return types.intp(a), lambda context, builder, sig, args: context.get_constant(types.intp, count)


@intrinsic
def splat(typingctx, a, value):
    """A vector of an array's type, every element the value."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        return Emitter(context, builder, kind.element, kind.count).splat(args[1])

    return kind(a, kind.element), codegen


@intrinsic
def load(typingctx, a, start):
    """The vector a[start], a[start + 1], ..."""
    kind = _vector_of(a)
    return kind(a, types.intp), _intrinsic_on(a, kind, lambda emit, address: emit.load(address))


@intrinsic
def _load_every_other(typingctx, a, start):
    """The vector a[start], a[start + 2], ..., from two loads, the second of which ends with the last element."""
    kind = _vector_of(a)

    def body(emit, address):
        count = kind.count
        halves = emit.load(address), emit.load(emit.at(address, count - 1))
        return emit.shuffle(*halves, [i if i < count else i + 1 for i in range(0, 2 * count, 2)])

    return kind(a, types.intp), _intrinsic_on(a, kind, body)


@intrinsic
def load_deinterleaved(typingctx, a, start):
    """Two vectors: a[start], a[start + 2], ... and a[start + 1], a[start + 3], ..."""
    kind = _vector_of(a)
    result = types.UniTuple(kind, 2)

    def body(emit, address):
        halves = emit.load(address), emit.load(emit.at(address, kind.count))
        turns = [emit.shuffle(*halves, range(side, 2 * kind.count, 2)) for side in (0, 1)]
        return emit.context.make_tuple(emit.builder, result, turns)

    return result(a, types.intp), _intrinsic_on(a, kind, body)


@intrinsic
def shift_in(typingctx, vector, a, start):
    """vector[1], vector[2], ... and last a[start]; a[start] begins a vector."""

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, a.dtype, vector.count)
        following = emit.load(emit.pointer(a, *args[1:]))
        return emit.shuffle(args[0], following, range(1, vector.count + 1))

    return vector(vector, a, types.intp), codegen


@intrinsic
def _load_one_by_one(typingctx, a, start, step):
    """The vector a[start], a[start + step], ..., of single loads."""
    kind = _vector_of(a)

    def body(emit, address, step):
        return emit.vector_from([emit.builder.load(emit.at(address, lane, step)) for lane in range(kind.count)])

    return kind(a, types.intp, types.intp), _intrinsic_on(a, kind, body)


@njit(inline="always")
def load_strided(a, start, step):
    """The vector a[start], a[start + step], a[start + 2 step], ..."""
    if step == 1:
        return load(a, start)
    if step == 2:
        return _load_every_other(a, start)
    return _load_one_by_one(a, start, step)


@intrinsic
def store(typingctx, a, start, vector):
    """a[start], a[start + 1], ... = the vector; integers are truncated to the array's type."""

    def body(emit, address, value):
        emit.store(emit.truncated(value), address)

    return types.void(a, types.intp, vector), _intrinsic_on(a, vector, body)


@intrinsic
def store_row(typingctx, a, start, vector, count, end):
    """The same of a row's last `count` elements. Excess lanes overwrite elements that are stored afterwards.

    That is, where the whole vector lies before a[end]; otherwise they are masked.
    """

    def codegen(context, builder, sig, args):
        array, start, value, count, end = args
        emit = Emitter(context, builder, a.dtype, vector.count)
        value, address, width = emit.truncated(value), emit.pointer(a, array, start), emit.constant(vector.count)
        fits = builder.icmp_signed("<=", builder.add(start, width), end)
        fits = builder.or_(fits, builder.icmp_signed(">=", count, width))
        with builder.if_else(fits) as (whole, part):
            with whole:
                emit.store(value, address)
            with part:
                emit.store_first(value, address, count)
        return context.get_dummy_value()

    return types.void(a, types.intp, vector, types.intp, types.intp), codegen


@intrinsic
def store_interleaved(typingctx, a, start, even, odd):
    """a[start], a[start + 1], ... = even[0], odd[0], even[1], odd[1], ..."""
    return _interleaved(a, even, odd, lambda emit, value, address: value)


@intrinsic
def add_interleaved(typingctx, a, start, even, odd):
    """a[start], a[start + 1], ... += even[0], odd[0], even[1], odd[1], ..."""
    return _interleaved(a, even, odd, lambda emit, value, address: emit.builder.fadd(emit.load(address), value))


def _interleaved(a, even, odd, stored):
    """Store stored(emit, value, address) for both vectors of interleaved values."""

    def body(emit, address, *pair):
        count = even.count
        order = [lane + half for lane in range(count) for half in (0, count)]
        for part in range(2):
            target = emit.at(address, part * count)
            mixed = emit.shuffle(*pair, order[part * count : (part + 1) * count])
            emit.store(stored(emit, mixed, target), target)

    return types.void(a, types.intp, even, odd), _intrinsic_on(a, even, body)


@intrinsic
def maximum(typingctx, a, b):
    """The larger of each lane's two, b's if either is NaN."""
    return a(a, b), lambda context, builder, sig, args: builder.select(builder.fcmp_ordered(">", *args), *args)


@intrinsic
def reduce_max(typingctx, a):
    """The largest element of a vector of 2^n elements. NaN does not propagate reliably."""

    def codegen(context, builder, sig, args):
        emit, (vector,), count = Emitter(context, builder, a.element, a.count), args, a.count
        while count > 1:
            count //= 2
            halves = [emit.shuffle(vector, vector, range(n, n + count)) for n in (0, count)]
            vector = builder.select(builder.fcmp_ordered(">", *halves), *halves)
        return emit.element(vector, 0)

    return a.element(a), codegen


@intrinsic
def update_max(typingctx, best, winner, value, position):
    """(best, winner), but (value, position) where the value is larger, or the first NaN."""
    result = types.Tuple((best, winner))

    def codegen(context, builder, sig, args):
        best, winner, value, position = args
        number = builder.fcmp_ordered("ord", best, best)
        takes = builder.and_(number, builder.fcmp_unordered(">", value, best))
        chosen = builder.select(takes, value, best), builder.select(takes, position, winner)
        return context.make_tuple(builder, result, chosen)

    return result(best, winner, value, position), codegen


@intrinsic
def select_equal(typingctx, a, start, number, value):
    """The value where a[start], a[start + 1], ... is the number, 0 elsewhere; a is an array of integers."""

    def body(emit, address, number, vector):
        keys = emit.load(address)
        one = number if emit.element_type == number.type else emit.builder.trunc(number, emit.element_type)
        equal = emit.builder.icmp_unsigned("==", keys, emit.splat(one))
        return emit.builder.select(equal, vector, ir.Constant(vector.type, None))

    return value(a, types.intp, types.intp, value), _intrinsic_on(a, value, body)


def _arithmetic(function, of_floats, of_integers):
    """Let an operator take two vectors of one type."""

    @intrinsic
    def apply(typingctx, a, b):
        instruction = of_floats if isinstance(a.element, types.Float) else of_integers
        return a(a, b), lambda context, builder, sig, args: getattr(builder, instruction)(*args)

    @overload(function)
    def of_vectors(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: apply(a, b)  # noqa: PLW0108  overload wants a Python function
        return None


_arithmetic(operator.add, "fadd", "add")
_arithmetic(operator.mul, "fmul", "mul")
_arithmetic(operator.truediv, "fdiv", "sdiv")
