"""Vectorized elementwise kernels: four elements a thread, in 128-bit loads and stores where memory is aligned.

float32 moves in one access, float64 in two. The host (`launch_vectorized`) finds whether every array starts at a
multiple of 16 bytes; unaligned views, and the last few elements, get a thread for each element.
"""

from numba import types
from numba.cuda.extending import intrinsic

from . import ptx
from .launch import address, cuda, each, uint32

FOUR = 4
"""Elements a thread."""


def launch_vectorized(kernel, arrays, *arguments, rows=FOUR):
    """Launch a kernel over arrays of one size: kernel(*arrays, vectors, *arguments).

    Its first `vectors` threads take four elements each, the others one. There are vectors where 128-bit accesses reach
    all arrays, also those among the arguments with an element for each, and where rows are a multiple of four.
    """
    size, others = arrays[0].size, [a for a in arguments if getattr(a, "size", 1) > 1]
    vectors = size // FOUR if rows % FOUR == 0 and aligned(*arrays, *others) else 0
    each(kernel, size - (FOUR - 1) * vectors, *arrays, vectors, *arguments)


def aligned(*arrays):
    """Whether 128-bit accesses reach the arrays."""
    return not any(address(a) % ptx.VECTOR_BYTES for a in arrays)


@cuda.jit(device=True, inline="always")
def scalar_index(i, vectors):
    """Index of the element of thread i, past the threads of four elements."""
    return uint32(i + uint32(uint32(FOUR - 1) * uint32(vectors)))


@cuda.jit(device=True, inline="always")
def load4_if_aligned(array, j, reachable):
    """As `load4`, by single elements where memory is not aligned: the order of a sum does not depend on alignment."""
    if reachable:
        return load4(array, j)
    k = uint32(j + uint32(2))
    return array[j], array[uint32(j + uint32(1))], array[k], array[uint32(k + uint32(1))]


@cuda.jit(device=True, inline="always")
def load4_or_broadcast(array, j):
    """As `load4`; of an array with a single element that one, four times."""
    if array.size > 1:
        return load4(array, j)
    value = array[uint32(0)]
    return value, value, value, value


@cuda.jit(device=True, inline="always")
def load_or_broadcast(array, j):
    """array[j], or the only element of an array of one."""
    return array[j if array.size > 1 else uint32(0)]


@intrinsic
def load4(typing_context, array, offset):
    """The tuple array[offset : offset + 4]: `ld.v4.f32`, or two `ld.v2.f64`."""
    signature = types.UniTuple(array.dtype, FOUR)(array, offset)

    def generate(context, builder, signature, arguments):
        pointer = ptx.element(context, builder, signature, arguments, 0)
        values = _load(builder, pointer, ptx.vector_length(array.dtype))
        return context.make_tuple(builder, signature.return_type, values)

    return signature, generate


@intrinsic
def store4(typing_context, array, offset, values):
    """array[offset : offset + 4] = values: `st.v4.f32`, or two `st.v2.f64`."""

    def generate(context, builder, signature, arguments):
        pointer = ptx.element(context, builder, signature, arguments, 0)
        elements = [builder.extract_value(arguments[2], i) for i in range(FOUR)]
        _store(builder, pointer, ptx.vector_length(array.dtype), elements)
        return context.get_dummy_value()

    return types.void(array, offset, values), generate


@intrinsic
def load4_at(typing_context, start, offset, like):
    """As `load4`, of the memory at an address, whose elements are of the type of `like`."""
    signature = types.UniTuple(like, FOUR)(types.uint64, types.uint32, like)

    def generate(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments, arguments[2].type)
        return context.make_tuple(
            builder, signature.return_type, _load(builder, pointer, ptx.vector_length(signature.args[2]))
        )

    return signature, generate


@intrinsic
def store4_at(typing_context, start, offset, values):
    """As `store4`, to the memory at an address."""

    def generate(context, builder, signature, arguments):
        elements = [builder.extract_value(arguments[2], i) for i in range(FOUR)]
        pointer = _pointer(builder, arguments, elements[0].type)
        _store(builder, pointer, ptx.vector_length(values.dtype), elements)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint32, values), generate


@intrinsic
def load_at(typing_context, start, offset, like):
    """An element, of the type of `like`, of the memory at an address: `ld.f32`."""

    def generate(context, builder, signature, arguments):
        return builder.load(_pointer(builder, arguments, arguments[2].type))

    return like(types.uint64, types.uint32, like), generate


@intrinsic
def store_at(typing_context, start, offset, value):
    """Set an element of the memory at an address: `st.f32`."""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], _pointer(builder, arguments, arguments[2].type))
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint32, value), generate


def _pointer(builder, arguments, element_type):
    """Pointer to element arguments[1] of the global memory that starts at arguments[0]."""
    start = builder.inttoptr(arguments[0], element_type.as_pointer(GLOBAL))
    return builder.gep(start, [builder.zext(arguments[1], ptx.I64)], inbounds=True)


GLOBAL = 1
"""LLVM's address space of global memory."""


def _load(builder, pointer, length):
    """Load four values by as many vectors as that takes."""
    starts = range(0, FOUR, length)
    return [value for i in starts for value in ptx.emit_vector_load(builder, ptx.advanced(builder, pointer, i))]


def _store(builder, pointer, length, values):
    """Store four values by as many vectors as that takes."""
    for i in range(0, FOUR, length):
        ptx.emit_vector_store(builder, ptx.advanced(builder, pointer, i), values[i : i + length])
