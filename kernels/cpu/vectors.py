"""Vectors of the host's width as values, for kernels over rows too short for LLVM's vectoriser.

The vectoriser takes 32 elements at a time and leaves up to 31 to a scalar loop: most of a row of 55 windows. A kernel
written with these takes one vector at a time, and lets the last one end where the row ends, over the one before it.
Indices are not checked. A load reads nothing but the elements it returns.
"""

import operator

from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

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
    return types.intp(a), lambda context, builder, sig, args: _index(count)


@intrinsic
def copies(typingctx, a, value):
    """A vector of an array's type, every element the value."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        undefined = ir.Constant(context.get_value_type(kind), ir.Undefined)
        one = builder.insert_element(undefined, args[1], _lane(0))
        return builder.shuffle_vector(one, undefined, _lanes([0] * kind.count))

    return kind(a, kind.element), codegen


@intrinsic
def load(typingctx, a, start):
    """The vector a[start], a[start + 1], ..."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        return _load(builder, _place(context, builder, a, *args), kind.count)

    return kind(a, types.intp), codegen


@intrinsic
def _load_every_other(typingctx, a, start):
    """The vector a[start], a[start + 2], ..., from two loads, the second of which ends with the last element."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        place, count = _place(context, builder, a, *args), kind.count
        halves = _load(builder, place, count), _load(builder, builder.gep(place, [_index(count - 1)]), count)
        return builder.shuffle_vector(*halves, _lanes([i if i < count else i + 1 for i in range(0, 2 * count, 2)]))

    return kind(a, types.intp), codegen


@intrinsic
def load_in_turns(typingctx, a, start):
    """Two vectors: a[start], a[start + 2], ... and a[start + 1], a[start + 3], ..."""
    kind = _vector_of(a)
    result = types.UniTuple(kind, 2)

    def codegen(context, builder, sig, args):
        place, count = _place(context, builder, a, *args), kind.count
        halves = _load(builder, place, count), _load(builder, builder.gep(place, [_index(count)]), count)
        turns = [builder.shuffle_vector(*halves, _lanes(range(side, 2 * count, 2))) for side in (0, 1)]
        return context.make_tuple(builder, result, turns)

    return result(a, types.intp), codegen


@intrinsic
def moved_up(typingctx, vector, a, start):
    """vector[1], vector[2], ... and last a[start], of a vector that lies in a."""

    def codegen(context, builder, sig, args):
        vector, *place = args
        following = _load(builder, _place(context, builder, a, *place), sig.args[0].count)
        return builder.shuffle_vector(vector, following, _lanes(range(1, sig.args[0].count + 1)))

    return vector(vector, a, types.intp), codegen


@intrinsic
def _load_one_by_one(typingctx, a, start, step):
    """The vector a[start], a[start + step], ..., of single loads."""
    kind = _vector_of(a)

    def codegen(context, builder, sig, args):
        array, start, step = args
        place = _place(context, builder, a, array, start)
        vector = ir.Constant(context.get_value_type(kind), ir.Undefined)
        for lane in range(kind.count):
            element = builder.load(builder.gep(place, [builder.mul(step, _index(lane))]))
            vector = builder.insert_element(vector, element, _lane(lane))
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
        _store(builder, _cut(context, builder, a, value), _place(context, builder, a, array, start))
        return context.get_dummy_value()

    return types.void(a, types.intp, vector), codegen


@intrinsic
def store_row(typingctx, a, start, vector, count, end):
    """The same of a row's `count` elements, or more. What a vector has too much falls on what is written later.

    That is, where it lies before a[end]; otherwise it is left out.
    """

    def codegen(context, builder, sig, args):
        array, start, value, count, end = args
        value, place = _cut(context, builder, a, value), _place(context, builder, a, array, start)
        lanes = value.type.count
        fits = builder.icmp_signed("<=", builder.add(start, _index(lanes)), end)
        fits = builder.or_(fits, builder.icmp_signed(">=", count, _index(lanes)))
        with builder.if_else(fits) as (whole, part):
            with whole:
                _store(builder, value, place)
            with part:
                _store_first(builder, value, place, count)
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
        return builder.fadd(_load(builder, place, even.count), value)

    return _in_turns(a, even, odd, added)


def _in_turns(a, even, odd, stored):
    """Store stored(builder, value, place) for both vectors of values that lie in turns."""

    def codegen(context, builder, sig, args):
        array, start, *pair = args
        count, place = even.count, _place(context, builder, a, array, start)
        turns = [lane + half for lane in range(count) for half in (0, count)]
        for part in range(2):
            mixed = builder.shuffle_vector(*pair, _lanes(turns[part * count : (part + 1) * count]))
            there = builder.gep(place, [_index(part * count)])
            _store(builder, stored(builder, mixed, there), there)
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
            halves = [builder.shuffle_vector(vector, vector, _lanes(range(n, n + count))) for n in (0, count)]
            vector = builder.select(builder.fcmp_ordered(">", *halves), *halves)
        return builder.extract_element(vector, _lane(0))

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
        keys, zeros = _load(builder, _place(context, builder, a, array, start), value.count), [0.0] * value.count
        one = number if keys.type.element == number.type else builder.trunc(number, keys.type.element)
        wanted = builder.insert_element(ir.Constant(keys.type, ir.Undefined), one, _lane(0))
        wanted = builder.shuffle_vector(wanted, wanted, _lanes([0] * value.count))
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


def _place(context, builder, array_type, array, start):
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [start])


def _load(builder, place, count):
    vector = ir.VectorType(place.type.pointee, count)
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=1)


def _store(builder, vector, place):
    builder.store(vector, builder.bitcast(place, vector.type.as_pointer()), align=1)


def _cut(context, builder, array_type, value):
    """The vector in an array's type."""
    kind = ir.VectorType(context.get_data_type(array_type.dtype), value.type.count)
    return value if kind == value.type else builder.trunc(value, kind)


def _store_first(builder, vector, place, count):
    """Store a vector's first elements; as one instruction: of many blocks Numba would not see that arrays live on."""
    lanes, pointer = vector.type.count, builder.bitcast(place, vector.type.as_pointer())
    numbers = ir.VectorType(ir.IntType(64), lanes)
    limit = builder.insert_element(ir.Constant(numbers, ir.Undefined), count, _lane(0))
    limit = builder.shuffle_vector(limit, limit, _lanes([0] * lanes))
    wanted = builder.icmp_signed("<", ir.Constant(numbers, list(range(lanes))), limit)
    element = vector.type.element
    name = f"llvm.masked.store.v{lanes}{element.intrinsic_name}.p0"
    kind = ir.FunctionType(ir.VoidType(), [vector.type, pointer.type, ir.IntType(32), wanted.type])
    store = get_or_insert_function(builder.module, kind, name)
    builder.call(store, [vector, pointer, ir.Constant(ir.IntType(32), 1), wanted])


def _lanes(numbers):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def _lane(number):
    return ir.Constant(ir.IntType(32), number)


def _index(number):
    return ir.Constant(ir.IntType(64), number)
