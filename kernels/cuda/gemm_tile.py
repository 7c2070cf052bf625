"""Register tiles: what a thread of an implicit GEMM does with its 8 x 8 results, a whole tile a call.

The operands of a product C = A B lie in shared memory, depth rows of A (one column of the matrix each) and depth rows
of B. A warp computes 32 rows and 64 columns of C, a thread 8 x 8 of these, in vectors of V = 4 float32 or 2 float64:

    row i of thread l     l // 8 * V + i // V * 4 V + i % V         4 threads below each other
    column j of thread l  l % 8 * V + j // V * 8 V + j % V          8 threads side by side

so that the 8 values of A are 8 / V loads of 128 bits that 8 threads share, and those of B, read by the threads of one
row, are 128 bytes in a row: no bank conflicts. Two slots of such fragments take turns: while one is multiplied, the
other is loaded.

Each function is an intrinsic that emits all of its instructions unrolled; counts and distances are constants of the
kernel. Offsets are uint32: into shared memory bytes, into global memory elements. Registers are arrays of
`cuda.local.array`: as every index is a constant, the compiler keeps them in registers.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx

SIDE = 8
"""Rows and columns of a thread's tile."""

ROW_LANES, COLUMN_LANES = 4, 8
WARP_ROWS, WARP_COLUMNS = SIDE * ROW_LANES, SIDE * COLUMN_LANES
RESULTS = SIDE * SIDE
FRAGMENTS = 4 * SIDE
"""Registers of two slots, each with 8 values of A and 8 of B."""

FINGERPRINT = ptx.fingerprint(ptx.__file__, __file__)
"""For kernels to close over: see ptx.fingerprint."""


def constant(*arguments):
    """Whether these types are constants' own: Numba asks for both signatures, and takes the one it gets."""
    return all(isinstance(argument, types.IntegerLiteral) for argument in arguments)


@intrinsic
def zero(typing_context, registers, count):
    """registers[:count] = 0."""
    if not constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        for i in range(count.literal_value):
            builder.store(ir.Constant(start.type.pointee, 0.0), ptx.moved(builder, start, i))
        return context.get_dummy_value()

    return types.void(registers, count), generate


@intrinsic
def load_rows(typing_context, registers, array, offset, step, predicate, limit, apart, count):
    """registers[l] = array[offset + l step] where the predicate holds and l apart < limit, else 0; l < count.

    `count` times `@p ld.global.nc.f32`; step is uint32, limit int32, apart and count are constants.
    """
    if not constant(apart, count):
        return None
    signature = types.void(registers, array, offset, types.uint32, types.boolean, types.int32, apart, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        asked, at = ptx.truth(builder, arguments[4]), arguments[2]
        for i in range(count.literal_value):
            near = builder.icmp_signed("<", ir.Constant(ptx.I32, i * apart.literal_value), arguments[5])
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            [value] = ptx.emit_load_if(builder, pointer, builder.and_(asked, near), 1)
            builder.store(value, ptx.moved(builder, start, i))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_windows(typing_context, registers, array, offset, tables, line, place, height, width, predicate, count):
    """registers[l] = array[offset + offsets[l]] where place + places[l] lies in the image and the predicate holds.

    Else 0; l < count. offsets and places follow each other at `line` in shared memory, int32, count a multiple of 4. A
    place is row * 2^16 + column, so one addition moves both: the row is inside if the sum is less than height =
    H * 2^16, the column if the lower half is less than the width. A negative column borrows one from the row, and is
    found by itself. count / 2 times `ld.shared.v4.u32`, count times `@p ld.global.nc.f32`.
    """
    if not constant(count):
        return None
    signature = types.void(registers, array, offset, tables, line, *[types.int32] * 3, types.boolean, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        table = ptx.byte_address(context, builder, signature, arguments, 3)
        length = count.literal_value
        vectors = [ptx.emit_vector_load(builder, ptx.moved(builder, table, i)) for i in range(0, 2 * length, 4)]
        numbers = [number for vector in vectors for number in vector]
        at, corner, height, width = arguments[2], *arguments[5:8]
        for i, (shift, move) in enumerate(zip(numbers[:length], numbers[length:], strict=True)):
            here = builder.add(corner, move)
            column = builder.and_(here, ir.Constant(ptx.I32, 0xFFFF))
            inside = builder.and_(ptx.truth(builder, arguments[8]), builder.icmp_unsigned("<", here, height))
            inside = builder.and_(inside, builder.icmp_unsigned("<", column, width))
            pointer = ptx.element(context, builder, signature, [*arguments[:2], builder.add(at, shift)], 1)
            [value] = ptx.emit_load_if(builder, pointer, inside, 1)
            builder.store(value, ptx.moved(builder, start, i))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_vectors(typing_context, registers, array, offset, step, predicate, count):
    """registers[V l : V l + V] = array[offset + l step :][:V] where the predicate holds, else 0; l < count.

    `count` times `@p ld.global.nc.v4.f32`; step is uint32, count a constant.
    """
    if not constant(count):
        return None
    signature = types.void(registers, array, offset, types.uint32, types.boolean, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        asked, at, length = ptx.truth(builder, arguments[4]), arguments[2], ptx.vector_length(array.dtype)
        for i in range(count.literal_value):
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            for j, value in enumerate(ptx.emit_load_if(builder, pointer, asked, length)):
                builder.store(value, ptx.moved(builder, start, i * length + j))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_rows(typing_context, registers, shared, offset, apart, count):
    """shared[offset + l apart] = registers[l] for l < count: `st.shared.f32`; apart and count are constants."""
    if not constant(apart, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 1)
        for i in range(count.literal_value):
            value = builder.load(ptx.moved(builder, start, i))
            builder.store(value, ptx.moved(builder, pointer, i * apart.literal_value))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, apart, count), generate


@intrinsic
def store_vectors(typing_context, registers, shared, offset, apart, count):
    """shared[offset + l apart :][:V] = registers[V l : V l + V] for l < count: `st.shared.v4.f32`."""
    if not constant(apart, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 1)
        length = ptx.vector_length(registers.dtype)
        for i in range(count.literal_value):
            values = [builder.load(ptx.moved(builder, start, i * length + j)) for j in range(length)]
            ptx.emit_vector_store(builder, ptx.moved(builder, pointer, i * apart.literal_value), values)
        return context.get_dummy_value()

    return types.void(registers, shared, offset, apart, count), generate


@intrinsic
def load_fragments(typing_context, fragments, a, a_offset, b, b_offset):
    """Slot 0 = the thread's values of the depth's first row: `ld.shared.v4.f32`, two of A and two of B."""

    def generate(context, builder, signature, arguments):
        _load_step(context, builder, signature, arguments, 0, 0, 0)
        return context.get_dummy_value()

    return types.void(fragments, a, a_offset, b, b_offset), generate


@intrinsic
def multiply_steps(typing_context, fragments, a, a_offset, b, b_offset, results, a_stride, b_stride, first, last):
    """results += A[k] B[k] for first <= k < last, in slot k % 2, while the fragments of k + 1 are loaded.

    For each k 4 `ld.shared.v4.f32` and 64 `fma.rn.f32`; strides between rows, first and last are constants.
    """
    if not constant(a_stride, b_stride, first, last):
        return None

    def generate(context, builder, signature, arguments):
        for k in range(first.literal_value, last.literal_value):
            strides = a_stride.literal_value, b_stride.literal_value
            _load_step(context, builder, signature, arguments, (k + 1) % 2, *((k + 1) * s for s in strides))
            _multiply(context, builder, signature, arguments, 5, k % 2)
        return context.get_dummy_value()

    return types.void(fragments, a, a_offset, b, b_offset, results, a_stride, b_stride, first, last), generate


@intrinsic
def multiply_last(typing_context, fragments, results):
    """The last row of an even depth, which lies in slot 1: 64 `fma.rn.f32`."""

    def generate(context, builder, signature, arguments):
        _multiply(context, builder, signature, arguments, 1, 1)
        return context.get_dummy_value()

    return types.void(fragments, results), generate


@intrinsic
def store_row(typing_context, results, row, shared, offset):
    """shared[offset + j // V * 8 V + j % V] = results[8 row + j] for the row of a loop.

    A branch for each row, as registers have no index; two `st.shared.v4.f32`.
    """

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 2)
        length = ptx.vector_length(results.dtype)
        done = builder.append_basic_block("stored")
        choice = builder.switch(arguments[1], done)
        for i in range(SIDE):
            block = builder.append_basic_block(f"row{i}")
            choice.add_case(ir.Constant(arguments[1].type, i), block)
            builder.position_at_end(block)
            for j in range(0, SIDE, length):
                values = [builder.load(ptx.moved(builder, start, SIDE * i + j + e)) for e in range(length)]
                ptx.emit_vector_store(builder, ptx.moved(builder, pointer, j * COLUMN_LANES), values)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(results, row, shared, offset), generate


def _load_step(context, builder, signature, arguments, slot, a_displacement, b_displacement):
    """One row of the depth into a slot of the fragments, for arguments (fragments, A, its offset, B, its offset)."""
    start = ptx.data(context, builder, signature.args[0], arguments[0])
    operands = ((1, ROW_LANES, a_displacement), (3, COLUMN_LANES, b_displacement))
    for side, (operand, lanes, displacement) in enumerate(operands):
        pointer = ptx.byte_address(context, builder, signature, arguments, operand)
        length = ptx.vector_length(signature.args[operand].dtype)
        register = 2 * SIDE * slot + SIDE * side
        for i in range(0, SIDE, length):
            values = ptx.emit_vector_load(builder, ptx.moved(builder, pointer, displacement + i * lanes))
            for j, value in enumerate(values):
                builder.store(value, ptx.moved(builder, start, register + i + j))


def _multiply(context, builder, signature, arguments, results_position, slot):
    """results[i, j] = fma(A[i], B[j], results[i, j]), in serpentine order, which reuses one operand of each."""
    fragments = ptx.data(context, builder, signature.args[0], arguments[0])
    results = ptx.data(context, builder, signature.args[results_position], arguments[results_position])
    a, b = (
        [builder.load(ptx.moved(builder, fragments, 2 * SIDE * slot + SIDE * side + i)) for i in range(SIDE)]
        for side in range(2)
    )
    for i in range(SIDE):
        for j in range(SIDE) if i % 2 == 0 else reversed(range(SIDE)):
            place = ptx.moved(builder, results, SIDE * i + j)
            builder.store(builder.fma(a[i], b[j], builder.load(place)), place)
