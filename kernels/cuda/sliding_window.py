"""Sliding window of a small kernel in registers: intrinsics for the taps, the window and the live accumulators.

A thread walks down a column of an image in steps of `stride` rows and loads each row that a tap reaches once. Step u
loads the rows u stride + j, j < stride; tap r = j + t stride reads such a row for output u - t. So a step feeds the
`live_accumulators(taps, stride)` outputs u, u - 1, ... and finishes the oldest. No element is loaded twice, and every
tap multiplies once a step.

Each intrinsic emits its instructions fully unrolled; counts are compile-time constants. Register arrays are
`cuda.local.array`: as every index is a constant, the compiler keeps them in registers. Offsets are uint32, in elements.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import gemm_tile, ptx

WARP = 32


def live_accumulators(taps, stride):
    """Outputs in progress at a time: as many as the taps of a column span steps."""
    return -(-taps // stride)


@intrinsic
def load_window(
    typing_context, window, array, offset, row_stride, row, row_step, height, column_stride, column, column_step, width,
    predicate, rows, columns,
):  # fmt: skip
    """window[j columns + s] = array[offset + j row_stride + s column_stride] where that is valid, else 0.

    Valid: 0 <= row + j row_step < height, 0 <= column + s column_step < width, and the predicate holds. rows x columns
    times `@p ld.global.nc.f32`; strides are uint32, in elements, positions and steps int32.
    """
    if not gemm_tile.constant(rows, columns):
        return None
    numbers = types.uint32, *[types.int32] * 3, types.uint32, *[types.int32] * 3
    signature = types.void(window, array, offset, *numbers, types.boolean, rows, columns)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        at, row_stride, row, row_step, height, column_stride, column, column_step, width = arguments[2:11]
        predicate, across = ptx.truth(builder, arguments[11]), columns.literal_value
        valid_columns = _valid(builder, column, column_step, width, across)
        for j, valid_row in enumerate(_valid(builder, row, row_step, height, rows.literal_value)):
            row_predicate, offset = builder.and_(valid_row, predicate), at
            for s in range(across):
                pointer = ptx.element(context, builder, signature, [*arguments[:2], offset], 1)
                [value] = ptx.emit_load_if(builder, pointer, builder.and_(row_predicate, valid_columns[s]), 1)
                builder.store(value, ptx.advanced(builder, start, j * across + s))
                offset = builder.add(offset, column_stride)
            at = builder.add(at, row_stride)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_taps(typing_context, weights, array, offset, row_stride, column_stride, predicate, rows, columns):
    """weights[r columns + s] = array[offset + r row_stride + s column_stride] where the predicate holds, else 0.

    rows x columns times `@p ld.global.nc.f32`; strides are int32.
    """
    if not gemm_tile.constant(rows, columns):
        return None
    signature = types.void(weights, array, offset, types.int32, types.int32, types.boolean, rows, columns)

    def generate(context, builder, signature, arguments):
        start, across = ptx.data(context, builder, signature.args[0], arguments[0]), columns.literal_value
        at, predicate = arguments[2], ptx.truth(builder, arguments[5])
        for r in range(rows.literal_value):
            offset = at
            for s in range(across):
                pointer = ptx.element(context, builder, signature, [*arguments[:2], offset], 1)
                [value] = ptx.emit_load_if(builder, pointer, predicate, 1)
                builder.store(value, ptx.advanced(builder, start, r * across + s))
                offset = builder.add(offset, arguments[4])
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def multiply_taps(typing_context, sums, weights, window, rows, columns, stride):
    """sums[t] += sum_{j,s} weights[(j + t stride) columns + s] window[j columns + s]: a step of rows x columns taps.

    rows x columns times `fma.rn.f32`.
    """
    if not gemm_tile.constant(rows, columns, stride):
        return None

    def generate(context, builder, signature, arguments):
        registers = [ptx.data(context, builder, signature.args[i], arguments[i]) for i in range(3)]
        for r, t, j in _steps(rows.literal_value, stride.literal_value):
            for s in range(columns.literal_value):
                indices = t, r * columns.literal_value + s, j * columns.literal_value + s
                _multiply(builder, *(ptx.advanced(builder, *pair) for pair in zip(registers, indices, strict=True)))
        return context.get_dummy_value()

    return types.void(sums, weights, window, rows, columns, stride), generate


@intrinsic
def multiply_gradients(typing_context, sums, gradients, window, step, length, rows, columns, stride, filters):
    """sums[f, r, s] += gradients[f, t] window[j, s], r = j + t stride, where 0 <= step - t < length.

    A step of the weight gradient: gradients[f, t] belongs to output `step - t` of the walk; outputs outside of the walk
    are skipped, not multiplied by zero. filters x rows x columns times `fma.rn.f32`, a branch for each t.
    """
    if not gemm_tile.constant(rows, columns, stride, filters):
        return None

    def generate(context, builder, signature, arguments):
        registers = [ptx.data(context, builder, signature.args[i], arguments[i]) for i in range(3)]
        height, across, stride_h = rows.literal_value, columns.literal_value, stride.literal_value
        count = live_accumulators(height, stride_h)
        for t in range(count):
            output = builder.sub(arguments[3], ir.Constant(ptx.I32, t))
            with builder.if_then(builder.icmp_unsigned("<", output, arguments[4])):
                for r, j in [(r, j) for r, accumulator, j in _steps(height, stride_h) if accumulator == t]:
                    for f in range(filters.literal_value):
                        for s in range(across):
                            indices = (f * height + r) * across + s, f * count + t, j * across + s
                            pairs = zip(registers, indices, strict=True)
                            _multiply(builder, *(ptx.advanced(builder, *pair) for pair in pairs))
        return context.get_dummy_value()

    return types.void(sums, gradients, window, types.int32, types.int32, rows, columns, stride, filters), generate


@intrinsic
def multiply_filters(typing_context, sums, weights, offset, values, filters, count):
    """sums[f count + i] += weights[offset + f] values[i]: one tap of `filters` filters for `count` outputs.

    filters / 4 times `ld.global.nc.v4.f32`, whole vectors; filters x count times `fma.rn.f32`.
    """
    if not gemm_tile.constant(filters, count):
        return None

    def generate(context, builder, signature, arguments):
        totals, reads = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 3))
        start = ptx.element(context, builder, signature, arguments, 1)
        length, always = ptx.vector_length(signature.args[1].dtype), ir.Constant(ir.IntType(1), 1)
        across = count.literal_value
        for first in range(0, filters.literal_value, length):
            vector = ptx.emit_load_if(builder, ptx.advanced(builder, start, first), always, length)
            for f, weight in enumerate(vector, first):
                for i in range(across):
                    total = ptx.advanced(builder, totals, f * across + i)
                    value = builder.load(ptx.advanced(builder, reads, i))
                    builder.store(builder.fma(weight, value, builder.load(total)), total)
        return context.get_dummy_value()

    return types.void(sums, weights, offset, values, filters, count), generate


@intrinsic
def select_register(typing_context, registers, position, count):
    """registers[position] for a runtime position < count: a switch, as registers cannot be indexed."""
    if not gemm_tile.constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        done, blocks = builder.append_basic_block("selected"), []
        last = builder.append_basic_block("last")
        choice = builder.switch(arguments[1], last)
        for i in range(count.literal_value):
            block = last if i == count.literal_value - 1 else builder.append_basic_block(f"value{i}")
            if block is not last:
                choice.add_case(ir.Constant(arguments[1].type, i), block)
            builder.position_at_end(block)
            blocks.append((builder.load(ptx.advanced(builder, start, i)), block))
            builder.branch(done)
        builder.position_at_end(done)
        result = builder.phi(start.type.pointee)
        for value, block in blocks:
            result.add_incoming(value, block)
        return result

    return registers.dtype(registers, types.uint32, count), generate


@intrinsic
def shift_accumulators(typing_context, registers, count, filters):
    """registers[f, t] = registers[f, t - 1] and registers[f, 0] = 0, for t < count and f < filters."""
    if not gemm_tile.constant(count, filters):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        for f in range(filters.literal_value):
            first = f * count.literal_value
            for t in reversed(range(first + 1, first + count.literal_value)):
                builder.store(builder.load(ptx.advanced(builder, start, t - 1)), ptx.advanced(builder, start, t))
            builder.store(ir.Constant(start.type.pointee, 0.0), ptx.advanced(builder, start, first))
        return context.get_dummy_value()

    return types.void(registers, count, filters), generate


@intrinsic
def load_gradients(typing_context, gradients, array, offset, stride, predicate, limit, count, filters):
    """gradients[f, 0] = array[offset + f stride] where the predicate holds and f < limit, else 0; `count` for each f.

    filters times `@p ld.global.nc.f32`; stride is uint32, limit int32.
    """
    if not gemm_tile.constant(count, filters):
        return None
    signature = types.void(gradients, array, offset, types.uint32, types.boolean, types.int32, count, filters)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        predicate, at = ptx.truth(builder, arguments[4]), arguments[2]
        for f in range(filters.literal_value):
            in_range = builder.icmp_signed("<", ir.Constant(ptx.I32, f), arguments[5])
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            [value] = ptx.emit_load_if(builder, pointer, builder.and_(predicate, in_range), 1)
            builder.store(value, ptx.advanced(builder, start, f * count.literal_value))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_warp_sums(typing_context, registers, shared, offset, first_lane, count):
    """shared[offset + i] = the sum of registers[i] over the warp's lanes, as a tree; i < count.

    count x 5 times `shfl.sync.down.b32` (10 for float64) and an addition; the lane for which first_lane holds stores.
    """
    if not gemm_tile.constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        target = ptx.element(context, builder, signature, arguments, 1)
        totals = [builder.load(ptx.advanced(builder, start, i)) for i in range(count.literal_value)]
        half = WARP // 2
        while half:
            totals = [builder.fadd(total, _shuffle_down(builder, total, half)) for total in totals]
            half //= 2
        with builder.if_then(ptx.truth(builder, arguments[3])):
            for i, total in enumerate(totals):
                builder.store(total, ptx.advanced(builder, target, i))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, types.boolean, count), generate


def _shuffle_down(builder, value, lanes):
    """The value of the lane `lanes` higher: whole words are exchanged, two of a float64."""
    words = ir.VectorType(ptx.I32, 2 if isinstance(value.type, ir.DoubleType) else 1)
    text = f"shfl.sync.down.b32 $0, $1, {lanes}, 31, 0xffffffff;"
    exchange = ir.InlineAsm(ir.FunctionType(ptx.I32, [ptx.I32]), text, "=r,r", side_effect=True)
    packed, moved = builder.bitcast(value, words), ir.Constant(words, ir.Undefined)
    for i in range(words.count):
        index = ir.Constant(ptx.I32, i)
        word = builder.call(exchange, [builder.extract_element(packed, index)])
        moved = builder.insert_element(moved, word, index)
    return builder.bitcast(moved, value.type)


def _valid(builder, position, step, size, count):
    """Whether 0 <= position + i step < size, for each i < count."""
    found = []
    for _ in range(count):
        found.append(builder.icmp_unsigned("<", position, size))
        position = builder.add(position, step)
    return found


def _steps(taps, stride):
    """(tap, accumulator that it feeds, row of the step that it reads)."""
    return [(r, r // stride, r % stride) for r in range(taps)]


def _multiply(builder, total, a, b):
    """total += a b, all three pointers."""
    builder.store(builder.fma(builder.load(a), builder.load(b), builder.load(total)), total)
