"""Register windows: what a thread does with the taps of a small kernel, all of them a call.

A thread walks down a column of an image in steps of `stride` rows, of which it loads as many as taps reach, once. Step
u gives the rows u stride + j, j < stride, and tap r = j + t stride reads such a row for output u - t: so a step feeds
the `ages(taps, stride)` outputs u, u - 1, ... that are in the making, and finishes the oldest. A thread loads nothing
twice, and every tap multiplies once a step.

Each function is an intrinsic that emits all of its instructions unrolled; counts are constants of the kernel. Registers
are arrays of `cuda.local.array`: as every index is a constant, the compiler keeps them in registers. Offsets are
uint32, in elements.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import gemm_tile, ptx

FINGERPRINT = ptx.fingerprint(ptx.__file__, gemm_tile.__file__, __file__)
"""For kernels to close over: see ptx.fingerprint."""

WARP = 32


def ages(taps, stride):
    """Outputs that are in the making at a time: as many as the taps below each other span steps."""
    return -(-taps // stride)


@intrinsic
def load_window(
    typing_context, window, array, offset, row_step, row, row_apart, height, column_step, column, column_apart, width,
    wanted, rows, columns,
):  # fmt: skip
    """window[j columns + s] = array[offset + j row_step + s column_step] where that lies in the image, else 0.

    It does where 0 <= row + j row_apart < height, 0 <= column + s column_apart < width, and the predicate `wanted`
    holds. rows x columns times `@p ld.global.nc.f32`; steps are uint32, positions and distances int32.
    """
    if not gemm_tile.constant(rows, columns):
        return None
    numbers = types.uint32, *[types.int32] * 3, types.uint32, *[types.int32] * 3
    signature = types.void(window, array, offset, *numbers, types.boolean, rows, columns)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        at, row_step, row, row_apart, height, column_step, column, column_apart, width = arguments[2:11]
        wanted, across = ptx.truth(builder, arguments[11]), columns.literal_value
        inside = _inside(builder, column, column_apart, width, across)
        for j, here in enumerate(_inside(builder, row, row_apart, height, rows.literal_value)):
            asked, place = builder.and_(here, wanted), at
            for s in range(across):
                pointer = ptx.element(context, builder, signature, [*arguments[:2], place], 1)
                [value] = ptx.emit_load_if(builder, pointer, builder.and_(asked, inside[s]), 1)
                builder.store(value, ptx.moved(builder, start, j * across + s))
                place = builder.add(place, column_step)
            at = builder.add(at, row_step)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def load_taps(typing_context, weights, array, offset, row_step, column_step, predicate, rows, columns):
    """weights[r columns + s] = array[offset + r row_step + s column_step] where the predicate holds, else 0.

    rows x columns times `@p ld.global.nc.f32`; steps are int32.
    """
    if not gemm_tile.constant(rows, columns):
        return None
    signature = types.void(weights, array, offset, types.int32, types.int32, types.boolean, rows, columns)

    def generate(context, builder, signature, arguments):
        start, across = ptx.data(context, builder, signature.args[0], arguments[0]), columns.literal_value
        at, wanted = arguments[2], ptx.truth(builder, arguments[5])
        for r in range(rows.literal_value):
            place = at
            for s in range(across):
                pointer = ptx.element(context, builder, signature, [*arguments[:2], place], 1)
                [value] = ptx.emit_load_if(builder, pointer, wanted, 1)
                builder.store(value, ptx.moved(builder, start, r * across + s))
                place = builder.add(place, arguments[4])
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def multiply_taps(typing_context, sums, weights, window, rows, columns, stride):
    """sums[t] += sum_{j, s} weights[(j + t stride) columns + s] window[j columns + s]: a step of rows x columns taps.

    rows x columns times `fma.rn.f32`.
    """
    if not gemm_tile.constant(rows, columns, stride):
        return None

    def generate(context, builder, signature, arguments):
        registers = [ptx.data(context, builder, signature.args[i], arguments[i]) for i in range(3)]
        for r, t, j in _steps(rows.literal_value, stride.literal_value):
            for s in range(columns.literal_value):
                places = t, r * columns.literal_value + s, j * columns.literal_value + s
                _multiply(builder, *(ptx.moved(builder, *pair) for pair in zip(registers, places, strict=True)))
        return context.get_dummy_value()

    return types.void(sums, weights, window, rows, columns, stride), generate


@intrinsic
def multiply_gradients(typing_context, sums, gradients, window, age, length, rows, columns, stride, filters):
    """sums[f, r, s] += gradients[f, t] window[j, s], r = j + t stride, where 0 <= age - t < length.

    A step of the weight gradient: gradients[f, t] is that of output `age - t` of the walk, and what lies outside of the
    walk is left out, not multiplied by zero. filters x rows x columns times `fma.rn.f32`, a branch for each t.
    """
    if not gemm_tile.constant(rows, columns, stride, filters):
        return None

    def generate(context, builder, signature, arguments):
        registers = [ptx.data(context, builder, signature.args[i], arguments[i]) for i in range(3)]
        height, across, apart = rows.literal_value, columns.literal_value, stride.literal_value
        count = ages(height, apart)
        for old in range(count):
            output = builder.sub(arguments[3], ir.Constant(ptx.I32, old))
            with builder.if_then(builder.icmp_unsigned("<", output, arguments[4])):
                for r, j in [(r, j) for r, t, j in _steps(height, apart) if t == old]:
                    for f in range(filters.literal_value):
                        for s in range(across):
                            places = (f * height + r) * across + s, f * count + old, j * across + s
                            pairs = zip(registers, places, strict=True)
                            _multiply(builder, *(ptx.moved(builder, *pair) for pair in pairs))
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
            vector = ptx.emit_load_if(builder, ptx.moved(builder, start, first), always, length)
            for f, weight in enumerate(vector, first):
                for i in range(across):
                    total = ptx.moved(builder, totals, f * across + i)
                    value = builder.load(ptx.moved(builder, reads, i))
                    builder.store(builder.fma(weight, value, builder.load(total)), total)
        return context.get_dummy_value()

    return types.void(sums, weights, offset, values, filters, count), generate


@intrinsic
def chosen(typing_context, registers, position, count):
    """registers[position] for the position of a loop, below count: a jump for each, as registers have no index."""
    if not gemm_tile.constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        done, blocks = builder.append_basic_block("chosen"), []
        last = builder.append_basic_block("last")
        choice = builder.switch(arguments[1], last)
        for i in range(count.literal_value):
            block = last if i == count.literal_value - 1 else builder.append_basic_block(f"value{i}")
            if block is not last:
                choice.add_case(ir.Constant(arguments[1].type, i), block)
            builder.position_at_end(block)
            blocks.append((builder.load(ptx.moved(builder, start, i)), block))
            builder.branch(done)
        builder.position_at_end(done)
        result = builder.phi(start.type.pointee)
        for value, block in blocks:
            result.add_incoming(value, block)
        return result

    return registers.dtype(registers, types.uint32, count), generate


@intrinsic
def age(typing_context, registers, count, filters):
    """registers[f, t] = registers[f, t - 1] and registers[f, 0] = 0, for t < count and f < filters: a step further."""
    if not gemm_tile.constant(count, filters):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        for f in range(filters.literal_value):
            first = f * count.literal_value
            for t in reversed(range(first + 1, first + count.literal_value)):
                builder.store(builder.load(ptx.moved(builder, start, t - 1)), ptx.moved(builder, start, t))
            builder.store(ir.Constant(start.type.pointee, 0.0), ptx.moved(builder, start, first))
        return context.get_dummy_value()

    return types.void(registers, count, filters), generate


@intrinsic
def load_gradients(typing_context, gradients, array, offset, step, predicate, limit, count, filters):
    """gradients[f, 0] = array[offset + f step] where the predicate holds and f < limit, else 0; of `count` for each f.

    filters times `@p ld.global.nc.f32`; step is uint32, limit int32.
    """
    if not gemm_tile.constant(count, filters):
        return None
    signature = types.void(gradients, array, offset, types.uint32, types.boolean, types.int32, count, filters)

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        asked, at = ptx.truth(builder, arguments[4]), arguments[2]
        for f in range(filters.literal_value):
            near = builder.icmp_signed("<", ir.Constant(ptx.I32, f), arguments[5])
            pointer = ptx.element(context, builder, signature, [*arguments[:2], at], 1)
            [value] = ptx.emit_load_if(builder, pointer, builder.and_(asked, near), 1)
            builder.store(value, ptx.moved(builder, start, f * count.literal_value))
            at = builder.add(at, arguments[3])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def store_warp_sums(typing_context, registers, shared, offset, first_lane, count):
    """shared[offset + i] = the sum of registers[i] over the warp's lanes, by halves; i < count.

    count x 5 times `shfl.sync.down.b32` (10 for float64) and an addition; the lane for which first_lane holds stores.
    """
    if not gemm_tile.constant(count):
        return None

    def generate(context, builder, signature, arguments):
        start = ptx.data(context, builder, signature.args[0], arguments[0])
        target = ptx.element(context, builder, signature, arguments, 1)
        totals = [builder.load(ptx.moved(builder, start, i)) for i in range(count.literal_value)]
        half = WARP // 2
        while half:
            totals = [builder.fadd(total, _from_below(builder, total, half)) for total in totals]
            half //= 2
        with builder.if_then(ptx.truth(builder, arguments[3])):
            for i, total in enumerate(totals):
                builder.store(total, ptx.moved(builder, target, i))
        return context.get_dummy_value()

    return types.void(registers, shared, offset, types.boolean, count), generate


def _from_below(builder, value, lanes):
    """The value of the lane so many further on: whole words are exchanged, two of a float64."""
    words = ir.VectorType(ptx.I32, 2 if isinstance(value.type, ir.DoubleType) else 1)
    text = f"shfl.sync.down.b32 $0, $1, {lanes}, 31, 0xffffffff;"
    exchange = ir.InlineAsm(ir.FunctionType(ptx.I32, [ptx.I32]), text, "=r,r", side_effect=True)
    packed, moved = builder.bitcast(value, words), ir.Constant(words, ir.Undefined)
    for i in range(words.count):
        place = ir.Constant(ptx.I32, i)
        word = builder.call(exchange, [builder.extract_element(packed, place)])
        moved = builder.insert_element(moved, word, place)
    return builder.bitcast(moved, value.type)


def _inside(builder, position, apart, size, count):
    """Whether 0 <= position + i apart < size, for each i < count."""
    found = []
    for _ in range(count):
        found.append(builder.icmp_unsigned("<", position, size))
        position = builder.add(position, apart)
    return found


def _steps(taps, stride):
    """(tap, age of the output that it feeds, row of the step that it reads)."""
    return [(r, r // stride, r % stride) for r in range(taps)]


def _multiply(builder, total, a, b):
    """total += a b, each at its place."""
    builder.store(builder.fma(builder.load(a), builder.load(b), builder.load(total)), total)
