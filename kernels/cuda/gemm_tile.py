"""Register tile of an implicit GEMM: intrinsics that load, multiply and store the 8 x 8 accumulators of a thread.

The operands of C = A B lie in shared memory, depth-major: row k holds A[:, k], respectively B[k, :]. A warp computes
32 x 64 elements of C, a thread 8 x 8, in vectors of V = 4 float32 or 2 float64:

    row i of lane l     l // 8 * V + i // V * 4 V + i % V         4 lanes down
    column j of lane l  l % 8 * V + j // V * 8 V + j % V          8 lanes across

so the 8 values of A are 8 / V 128-bit loads that 8 lanes share, and those of B are 128 contiguous bytes of the lanes of
one row: no bank conflicts. Fragments are double-buffered: one slot is multiplied while the other is loaded.

Each intrinsic emits its instructions fully unrolled; counts and strides are compile-time constants. Offsets are uint32,
in bytes for shared and in elements for global memory. Register arrays are `cuda.local.array`: as every index is a
constant, the compiler keeps them in registers.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx

THREAD_TILE = 8
"""Rows and columns of a thread's accumulators."""

ROW_LANES, COLUMN_LANES = 4, 8
WARP_ROWS, WARP_COLUMNS = THREAD_TILE * ROW_LANES, THREAD_TILE * COLUMN_LANES
ACCUMULATORS = THREAD_TILE * THREAD_TILE
FRAGMENTS = 4 * THREAD_TILE
"""Registers of two slots, each with 8 values of A and 8 of B."""


def constant(*arguments):
    """Whether all are literal types; Numba types a call with literals first, and otherwise asks again without."""
    return all(isinstance(argument, types.IntegerLiteral) for argument in arguments)


@intrinsic
def zero(typing_context, registers, count):
    """registers[:count] = 0."""
    if not constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        for i in range(count.literal_value):
            builder.store(ir.Constant(start.type.pointee, 0.0), ptx.advanced(builder, start, i))
        return context.get_dummy_value()

    return types.void(registers, count), generate


@intrinsic
def load_rows(typing_context, registers, array, offset, stride, predicate, limit, row_step, count):
    """registers[l] = array[offset + l stride] where the predicate holds and l row_step < limit, else 0; l < count.

    `count` times `@p ld.global.nc.f32`; stride is uint32, limit int32, row_step and count are constants.
    """
    if not constant(row_step, count):
        return None
    signature = types.void(registers, array, offset, types.uint32, types.boolean, types.int32, row_step, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        predicate, at = ptx.truth(builder, arguments[4]), arguments[2]
        for i in range(count.literal_value):
            in_range = builder.icmp_signed("<", ir.Constant(ptx.I32, i * row_step.literal_value), arguments[5])
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            [value] = ptx.emit_load_if(builder, pointer, builder.and_(predicate, in_range), 1)
            builder.store(value, ptx.advanced(builder, start, i))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_windows(typing_context, registers, array, offset, tables, line, corner, height, width, predicate, count):
    """registers[l] = array[offset + offsets[l]] where corner + positions[l] is valid and the predicate holds, else 0.

    l < count, a multiple of 4. offsets and positions, int32, are adjacent in shared memory at `line`. A position packs
    row * 2^16 + column, so one addition moves both: the row is valid if the sum is less than height = H * 2^16, the
    column if the lower half is less than width. A negative column borrows one from the row and fails the column test.
    count / 2 times `ld.shared.v4.u32`, count times `@p ld.global.nc.f32`.
    """
    if not constant(count):
        return None
    signature = types.void(registers, array, offset, tables, line, *[types.int32] * 3, types.boolean, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        table = ptx.byte_address(context, builder, signature, arguments, 3)
        length = count.literal_value
        vectors = [ptx.emit_vector_load(builder, ptx.advanced(builder, table, i)) for i in range(0, 2 * length, 4)]
        numbers = [number for vector in vectors for number in vector]
        at, corner, height, width = arguments[2], *arguments[5:8]
        for i, (shift, move) in enumerate(zip(numbers[:length], numbers[length:], strict=True)):
            position = builder.add(corner, move)
            column = builder.and_(position, ir.Constant(ptx.I32, 0xFFFF))
            valid = builder.and_(ptx.truth(builder, arguments[8]), builder.icmp_unsigned("<", position, height))
            valid = builder.and_(valid, builder.icmp_unsigned("<", column, width))
            pointer = ptx.element(context, builder, signature, [*arguments[:2], builder.add(at, shift)], 1)
            [value] = ptx.emit_load_if(builder, pointer, valid, 1)
            builder.store(value, ptx.advanced(builder, start, i))
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_vectors(typing_context, registers, array, offset, stride, predicate, count):
    """registers[V l : V l + V] = array[offset + l stride :][:V] where the predicate holds, else 0; l < count.

    `count` times `@p ld.global.nc.v4.f32`; stride is uint32, count a constant.
    """
    if not constant(count):
        return None
    signature = types.void(registers, array, offset, types.uint32, types.boolean, count)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        predicate, at, length = ptx.truth(builder, arguments[4]), arguments[2], ptx.vector_length(array.dtype)
        for i in range(count.literal_value):
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            for j, value in enumerate(ptx.emit_load_if(builder, pointer, predicate, length)):
                builder.store(value, ptx.advanced(builder, start, i * length + j))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_rows(typing_context, registers, shared, offset, stride, count):
    """shared[offset + l stride] = registers[l] for l < count: `st.shared.f32`; stride and count are constants."""
    if not constant(stride, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 1)
        for i in range(count.literal_value):
            value = builder.load(ptx.advanced(builder, start, i))
            builder.store(value, ptx.advanced(builder, pointer, i * stride.literal_value))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, stride, count), generate


@intrinsic
def store_vectors(typing_context, registers, shared, offset, stride, count):
    """shared[offset + l stride :][:V] = registers[V l : V l + V] for l < count: `st.shared.v4.f32`."""
    if not constant(stride, count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 1)
        length = ptx.vector_length(registers.dtype)
        for i in range(count.literal_value):
            values = [builder.load(ptx.advanced(builder, start, i * length + j)) for j in range(length)]
            ptx.emit_vector_store(builder, ptx.advanced(builder, pointer, i * stride.literal_value), values)
        return context.get_dummy_value()

    return types.void(registers, shared, offset, stride, count), generate


@intrinsic
def load_fragments(typing_context, fragments, a, a_offset, b, b_offset):
    """Slot 0 = the thread's values of depth row 0: `ld.shared.v4.f32`, two of A and two of B."""

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
    """results += A[k] B[k] of the last row of an even depth, which is in slot 1: 64 `fma.rn.f32`."""

    def generate(context, builder, signature, arguments):
        _multiply(context, builder, signature, arguments, 1, 1)
        return context.get_dummy_value()

    return types.void(fragments, results), generate


@intrinsic
def store_row(typing_context, results, row, shared, offset):
    """shared[offset + j // V * 8 V + j % V] = results[8 row + j], for a runtime row: two `st.shared.v4.f32`.

    A switch with a case for each row, as registers cannot be indexed.
    """

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        pointer = ptx.byte_address(context, builder, signature, arguments, 2)
        length = ptx.vector_length(results.dtype)
        done = builder.append_basic_block("stored")
        choice = builder.switch(arguments[1], done)
        for i in range(THREAD_TILE):
            block = builder.append_basic_block(f"row{i}")
            choice.add_case(ir.Constant(arguments[1].type, i), block)
            builder.position_at_end(block)
            for j in range(0, THREAD_TILE, length):
                values = [builder.load(ptx.advanced(builder, start, THREAD_TILE * i + j + e)) for e in range(length)]
                ptx.emit_vector_store(builder, ptx.advanced(builder, pointer, j * COLUMN_LANES), values)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(results, row, shared, offset), generate


def _load_step(context, builder, signature, arguments, slot, a_displacement, b_displacement):
    """Load one depth row into a slot of the fragments, for arguments (fragments, A, its offset, B, its offset)."""
    start = ptx.data(context, builder, signature.args[0], arguments[0])
    operands = ((1, ROW_LANES, a_displacement), (3, COLUMN_LANES, b_displacement))
    for side, (operand, lanes, displacement) in enumerate(operands):
        pointer = ptx.byte_address(context, builder, signature, arguments, operand)
        length = ptx.vector_length(signature.args[operand].dtype)
        register = 2 * THREAD_TILE * slot + THREAD_TILE * side
        for i in range(0, THREAD_TILE, length):
            values = ptx.emit_vector_load(builder, ptx.advanced(builder, pointer, displacement + i * lanes))
            for j, value in enumerate(values):
                builder.store(value, ptx.advanced(builder, start, register + i + j))


def _multiply(context, builder, signature, arguments, results_position, slot):
    """results[i, j] = fma(A[i], B[j], results[i, j]), in serpentine order: consecutive FMAs share an operand."""
    fragments = ptx.data(context, builder, signature.args[0], arguments[0])
    results = ptx.data(context, builder, signature.args[results_position], arguments[results_position])
    starts = [2 * THREAD_TILE * slot + THREAD_TILE * side for side in range(2)]
    a, b = ([builder.load(ptx.advanced(builder, fragments, start + i)) for i in range(THREAD_TILE)] for start in starts)
    for i in range(THREAD_TILE):
        for j in range(THREAD_TILE) if i % 2 == 0 else reversed(range(THREAD_TILE)):
            accumulator = ptx.advanced(builder, results, THREAD_TILE * i + j)
            builder.store(builder.fma(a[i], b[j], builder.load(accumulator)), accumulator)
