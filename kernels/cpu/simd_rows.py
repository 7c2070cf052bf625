"""Copy, add, sum and interleave rows of a few dozen elements in whole vectors, without a scalar remainder.

Moving such rows is half the time of a small convolution. A row's last vector overlaps the one before it, so a copy of
28 elements is four vectors and nothing else; in a loop that the compiler vectorizes by itself all 28 would be
remainder. Rows shorter than a vector are moved in halves and quarters of one by the same rule. The source and the
target do not overlap.
"""

from functools import reduce

from numba import njit, types
from numba.core.cgutils import alloca_once, for_range_slice
from numba.extending import intrinsic

from .emitter import Emitter

PREFETCH_DISTANCE = 4096
"""In elements (Zen 5, 2026-11)."""


@intrinsic
def copy_row(typingctx, target, start, source, first, count):
    """target[start + j] = source[first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        along_row(
            emit,
            args[4],
            lambda emit, j: emit.load(emit.at(source, j)),
            lambda emit, j, value: emit.store(value, emit.at(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen


@intrinsic
def add_row(typingctx, target, start, source, first, count):
    """target[start + j] += source[first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        along_row(
            emit,
            args[4],
            lambda emit, j: builder.fadd(emit.load(emit.at(target, j)), emit.load(emit.at(source, j))),
            lambda emit, j, value: emit.store(value, emit.at(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen


@intrinsic
def sum_rows(typingctx, target, start, source, first, depth_stride, depths, row_stride, rows, count):
    """target[start + j] = sum over t < depths, r < rows of source[first + t * depth_stride + r * row_stride + j]."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        depth_stride, depths, row_stride, rows, count = args[4:]

        # the general case: loops over depths and rows
        def loop(emit, j):
            total, one = alloca_once(builder, emit.vector), emit.constant(1)
            builder.store(emit.zeros, total)
            with for_range_slice(builder, emit.constant(0), depths, one) as (t, _):
                plane = emit.at(emit.at(source, j), t, depth_stride)
                with for_range_slice(builder, emit.constant(0), rows, one) as (r, _):
                    builder.store(builder.fadd(builder.load(total), emit.load(emit.at(plane, r, row_stride))), total)
            return builder.load(total)

        # one depth of one, two or three rows, which most windows are
        def unrolled(count):
            def value(emit, j):
                terms = [emit.load(emit.at(emit.at(source, j), r, row_stride)) for r in range(count)]
                return reduce(builder.fadd, terms)

            return value

        def store(emit, j, total):
            emit.store(total, emit.at(target, j))

        # switch between them
        several = builder.select(builder.icmp_signed("==", depths, emit.constant(1)), rows, emit.constant(0))
        done = builder.append_basic_block("added")
        others = builder.append_basic_block("others")
        switch = builder.switch(several, others)
        for value, block, numbers in [(loop, others, ())] + [
            (unrolled(n), builder.append_basic_block(f"rows{n}"), (n,)) for n in (1, 2, 3)
        ]:
            for n in numbers:
                switch.add_case(emit.constant(n), block)
            builder.position_at_end(block)
            along_row(emit, count, value, store)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(target, index, source, *[index] * 6), codegen


@intrinsic
def clear_row(typingctx, target, start, count):
    """target[start + j] = 0 for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target = emit.pointer(sig.args[0], *args[:2])
        along_row(
            emit,
            args[2],
            lambda emit, j: emit.zeros,
            lambda emit, j, zeros: emit.store(zeros, emit.at(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, index), codegen


@intrinsic
def prefetch_row(typingctx, source, first, count):
    """Prefetch source[first : first + count], which need not lie inside the array."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        address = emit.pointer(sig.args[0], *args[:2])
        with for_range_slice(builder, emit.constant(0), args[2], emit.constant(64 // emit.size)) as (j, _):
            emit.prefetch(emit.at(address, j))
        return context.get_dummy_value()

    return types.void(source, index, index), codegen


@intrinsic
def zip_rows(typingctx, target, start, even, even_first, odd, odd_first, count):
    """target[start + 2 j] = even[even_first + j], target[start + 2 j + 1] = odd[odd_first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target = emit.pointer(sig.args[0], *args[:2])
        sides = emit.pointer(sig.args[2], *args[2:4]), emit.pointer(sig.args[4], *args[4:6])

        def store(emit, j, values):
            pair, width = emit.at(target, 2, j), emit.width
            order = [lane + side * width for lane in range(width) for side in (0, 1)]
            for half in (0, width):
                emit.store(emit.shuffle(*values, order[half : half + width]), emit.at(pair, half))

        along_row(emit, args[6], lambda emit, j: [emit.load(emit.at(side, j)) for side in sides], store)
        return context.get_dummy_value()

    return types.void(target, index, even, index, odd, index, index), codegen


@intrinsic
def unzip_row(typingctx, even, even_start, odd, odd_start, source, first, count):
    """even[even_start + j] = source[first + 2 j], odd[odd_start + j] = source[first + 2 j + 1] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        sides = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        source = emit.pointer(sig.args[4], *args[4:6])

        def halves(emit, j):
            pair = emit.at(source, 2, j)
            return emit.load(pair), emit.load(emit.at(pair, emit.width))

        def store(emit, j, halves):
            for offset, side in enumerate(sides):
                emit.store(emit.shuffle(*halves, range(offset, 2 * emit.width, 2)), emit.at(side, j))

        along_row(emit, args[6], halves, store)
        return context.get_dummy_value()

    return types.void(even, index, odd, index, source, index, index), codegen


def along_row(emit, count, value, store):
    """Emit store(emit, j, value(emit, j)) for vectors that cover count elements, the last one ending with them.

    Too few for a vector are moved in vectors half as long, from four elements on one by one. The last vector's value is
    formed first: it shares elements with the vector before it, which value may read.
    """
    builder, width = emit.builder, emit.constant(emit.width)
    if emit.width == 1:
        with for_range_slice(builder, emit.constant(0), count, width) as (j, _):
            store(emit, j, value(emit, j))
        return
    with builder.if_else(builder.icmp_signed(">=", count, width)) as (enough, few):
        with enough:
            last = builder.sub(count, width)
            at_last = value(emit, last)
            with for_range_slice(builder, emit.constant(0), last, width) as (j, _):
                store(emit, j, value(emit, j))
            store(emit, last, at_last)
        with few:
            along_row(emit.of_width(emit.width // 2 if emit.width > 4 else 1), count, value, store)


@njit(inline="always")
def fill_row(target, start, length, source, first, j0, j1):
    """target[start + j] = source[first + j] for j0 <= j < j1, else 0, for j < length."""
    clear_row(target, start, j0)
    copy_row(target, start + j0, source, first + j0, j1 - j0)
    clear_row(target, start + j1, length - j1)
