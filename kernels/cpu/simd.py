"""Vectors of the host's width as values, for kernels over rows too short for LLVM's vectoriser.

The vectoriser takes 32 elements at a time and leaves up to 31 to a scalar loop: most of a row of 55 windows. A kernel
written with these takes one vector at a time, and lets the last one end where the row ends, over the one before it.
Indices are not checked. A load reads nothing but the elements it returns.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

from . import vector_code as code
from .emitter import lanes


class Vector(types.Type):
    """The type of a vector: its elements' type, and how many there are."""

    def __init__(self, element, count):
        self.element, self.count = element, count
        super().__init__(name=f"Vector({element}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.element).get_value_type(), kind.count))


def _vector_of(array):
    return Vector(array.dtype, lanes(array.dtype.name))


@intrinsic
def lanes_of(typingctx, a):
    """Elements of a vector of an array's type, a constant to the compiler."""
    count = _vector_of(a).count
    return types.intp(a), lambda context, builder, sig, args: code.index(count)


@intrinsic
def copies(typingctx, a, value):
    """A vector of an array's type, every element the value."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        undefined = ir.Constant(context.get_value_type(kind), ir.Undefined)
        one = builder.insert_element(undefined, args[1], code.lane(0))
        return builder.shuffle_vector(one, undefined, code.lanes([0] * kind.count))

    return kind(a, kind.element), codegen


@intrinsic
def load(typingctx, a, start):
    """The vector a[start], a[start + 1], ..."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        return code.load(builder, code.place(context, builder, a, *args), kind.count)

    return kind(a, types.intp), codegen


@intrinsic
def _load_every_other(typingctx, a, start):
    """The vector a[start], a[start + 2], ..., from two loads, the second of which ends with the last element."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        place, count = code.place(context, builder, a, *args), kind.count
        halves = (
            code.load(builder, place, count),
            code.load(builder, builder.gep(place, [code.index(count - 1)]), count),
        )
        return builder.shuffle_vector(*halves, code.lanes([i if i < count else i + 1 for i in range(0, 2 * count, 2)]))

    return kind(a, types.intp), codegen


@intrinsic
def load_in_turns(typingctx, a, start):
    """Two vectors: a[start], a[start + 2], ... and a[start + 1], a[start + 3], ..."""
    kind = _vector_of(a)
    result = types.UniTuple(kind, 2)

    def codegen(context, builder, sig, args):
        place, count = code.place(context, builder, a, *args), kind.count
        halves = code.load(builder, place, count), code.load(builder, builder.gep(place, [code.index(count)]), count)
        turns = [builder.shuffle_vector(*halves, code.lanes(range(side, 2 * count, 2))) for side in (0, 1)]
        return context.make_tuple(builder, result, turns)

    return result(a, types.intp), codegen


@intrinsic
def moved_up(typingctx, vector, a, start):
    """vector[1], vector[2], ... and last a[start], of a vector that lies in a."""

    def codegen(context, builder, sig, args):
        vector, *place = args
        following = code.load(builder, code.place(context, builder, a, *place), sig.args[0].count)
        return builder.shuffle_vector(vector, following, code.lanes(range(1, sig.args[0].count + 1)))

    return vector(vector, a, types.intp), codegen


@intrinsic
def _load_one_by_one(typingctx, a, start, step):
    """The vector a[start], a[start + step], ..., of single loads."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        array, start, step = args
        place = code.place(context, builder, a, array, start)
        vector = ir.Constant(context.get_value_type(kind), ir.Undefined)
        for lane in range(kind.count):
            element = builder.load(builder.gep(place, [builder.mul(step, code.index(lane))]))
            vector = builder.insert_element(vector, element, code.lane(lane))
        return vector

    return kind(a, types.intp, types.intp), codegen


@njit(inline="always")
def load_apart(a, start, step):
    """The vector a[start], a[start + step], a[start + 2 step], ..."""
    if step == 1:
        return load(a, start)
    if step == 2:
        return _load_every_other(a, start)
    return _load_one_by_one(a, start, step)


@intrinsic
def store(typingctx, a, start, vector):
    """a[start], a[start + 1], ... = the vector; integers are cut to the array's type."""

    def codegen(context, builder, sig, args):
        array, start, value = args
        code.store(builder, code.cut(context, builder, a, value), code.place(context, builder, a, array, start))
        return context.get_dummy_value()

    return types.void(a, types.intp, vector), codegen


@intrinsic
def store_row(typingctx, a, start, vector, count, end):
    """The same of a row's `count` elements, or more. What a vector has too much falls on what is written later.

    That is, where it lies before a[end]; otherwise it is left out.
    """

    def codegen(context, builder, sig, args):
        array, start, value, count, end = args
        value, place = code.cut(context, builder, a, value), code.place(context, builder, a, array, start)
        lanes = value.type.count
        fits = builder.icmp_signed("<=", builder.add(start, code.index(lanes)), end)
        fits = builder.or_(fits, builder.icmp_signed(">=", count, code.index(lanes)))
        with builder.if_else(fits) as (whole, part):
            with whole:
                code.store(builder, value, place)
            with part:
                code.store_first(builder, value, place, count)
        return context.get_dummy_value()

    return types.void(a, types.intp, vector, types.intp, types.intp), codegen


@intrinsic
def store_in_turns(typingctx, a, start, even, odd):
    """a[start], a[start + 1], ... = even[0], odd[0], even[1], odd[1], ..."""
    return _in_turns(a, even, odd, lambda builder, value, place: value)


@intrinsic
def add_in_turns(typingctx, a, start, even, odd):
    """a[start], a[start + 1], ... += even[0], odd[0], even[1], odd[1], ..."""

    def added(builder, value, place):
        return builder.fadd(code.load(builder, place, even.count), value)

    return _in_turns(a, even, odd, added)


def _in_turns(a, even, odd, stored):
    """Store stored(builder, value, place) for both vectors of values that lie in turns."""

    def codegen(context, builder, sig, args):
        array, start, *pair = args
        count, place = even.count, code.place(context, builder, a, array, start)
        turns = [lane + half for lane in range(count) for half in (0, count)]
        for part in range(2):
            mixed = builder.shuffle_vector(*pair, code.lanes(turns[part * count : (part + 1) * count]))
            there = builder.gep(place, [code.index(part * count)])
            code.store(builder, stored(builder, mixed, there), there)
        return context.get_dummy_value()

    return types.void(a, types.intp, even, odd), codegen


@intrinsic
def larger(typingctx, a, b):
    """The larger of each lane's two, b's if either is NaN."""
    return a(a, b), lambda context, builder, sig, args: builder.select(builder.fcmp_ordered(">", *args), *args)


@intrinsic
def largest_lane(typingctx, a):
    """The largest of a vector's elements, of which there is a power of two; not always NaN if one is."""

    def codegen(context, builder, sig, args):
        (vector,), count = args, a.count
        while count > 1:
            count //= 2
            halves = [builder.shuffle_vector(vector, vector, code.lanes(range(n, n + count))) for n in (0, count)]
            vector = builder.select(builder.fcmp_ordered(">", *halves), *halves)
        return builder.extract_element(vector, code.lane(0))

    return a.element(a), codegen


@intrinsic
def first_of(typingctx, best, winner, value, position):
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
def where_equal(typingctx, a, start, number, value):
    """The value where a[start], a[start + 1], ... is the number, 0 elsewhere; a is an array of integers."""

    def codegen(context, builder, sig, args):
        array, start, number, vector = args
        keys, zeros = (
            code.load(builder, code.place(context, builder, a, array, start), value.count),
            [0.0] * value.count,
        )
        one = number if keys.type.element == number.type else builder.trunc(number, keys.type.element)
        wanted = builder.insert_element(ir.Constant(keys.type, ir.Undefined), one, code.lane(0))
        wanted = builder.shuffle_vector(wanted, wanted, code.lanes([0] * value.count))
        return builder.select(builder.icmp_unsigned("==", keys, wanted), vector, ir.Constant(vector.type, zeros))

    return value(a, types.intp, types.intp, value), codegen


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
