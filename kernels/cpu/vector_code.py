"""The LLVM instructions that the intrinsics on vectors (vectors.py) are written in."""

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function


def place(context, builder, array_type, array, start):
    """The address of an array's element."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [start])


def load(builder, place, count):
    """So many elements from an address on."""
    vector = ir.VectorType(place.type.pointee, count)
    return builder.load(builder.bitcast(place, vector.as_pointer()), align=1)


def store(builder, vector, place):
    """Store a vector's elements from an address on."""
    builder.store(vector, builder.bitcast(place, vector.type.as_pointer()), align=1)


def cut(context, builder, array_type, value):
    """The vector in an array's type."""
    kind = ir.VectorType(context.get_data_type(array_type.dtype), value.type.count)
    return value if kind == value.type else builder.trunc(value, kind)


def store_first(builder, vector, place, count):
    """Store a vector's first elements; as one instruction: of many blocks Numba would not see that arrays live on."""
    size, pointer = vector.type.count, builder.bitcast(place, vector.type.as_pointer())
    numbers = ir.VectorType(ir.IntType(64), size)
    limit = builder.insert_element(ir.Constant(numbers, ir.Undefined), count, lane(0))
    limit = builder.shuffle_vector(limit, limit, lanes([0] * size))
    wanted = builder.icmp_signed("<", ir.Constant(numbers, list(range(size))), limit)
    element = vector.type.element
    name = f"llvm.masked.store.v{size}{element.intrinsic_name}.p0"
    kind = ir.FunctionType(ir.VoidType(), [vector.type, pointer.type, ir.IntType(32), wanted.type])
    function = get_or_insert_function(builder.module, kind, name)
    builder.call(function, [vector, pointer, ir.Constant(ir.IntType(32), 1), wanted])


def lanes(numbers):
    """Which lanes a shuffle takes."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), list(numbers))


def lane(number):
    """The number of a lane."""
    return ir.Constant(ir.IntType(32), number)


def index(number):
    """A number of elements."""
    return ir.Constant(ir.IntType(64), number)
