"""Moving rows of a few dozen elements, which is half the time of a small convolution: whole vectors, no scalar rest.

A row's last vector overlaps the one before it, so a copy of 28 elements is four vectors and nothing else; of a loop
that the compiler vectorises by itself, 28 elements would all be the rest. Rows shorter than a vector are moved in
halves and quarters of one by the same rule. The source and the target do not overlap.
"""

from functools import reduce

from numba import njit, types
from numba.core.cgutils import alloca_once, for_range_slice
from numba.extending import intrinsic

from .emitter import NV, Emitter

AHEAD = 4096
"""Elements: what is asked for so early has come when its turn has (Zen 5, 2026-11)."""


@intrinsic
def copy_row(typingctx, target, place, source, first, count):
    """target[place + j] = source[first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        _along(
            emit,
            args[4],
            lambda emit, j: emit.load(emit.shifted(source, j)),
            lambda emit, j, value: emit.store(value, emit.shifted(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen


@intrinsic
def copy_columns(typingctx, target, place, source, first, apart, rows):
    """target[place + i * NR + j] = source[first + i * apart + j] for i < rows (one at least), j < NR: NV vectors."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        with for_range_slice(builder, emit.constant(0), args[5], emit.constant(1)) as (i, _):
            there, here = emit.shifted(target, NV * emit.width, i), emit.shifted(source, args[4], i)
            for value, j in [(emit.load(emit.shifted(here, j * emit.width)), j) for j in range(NV)]:
                emit.store(value, emit.shifted(there, j * emit.width))
        return context.get_dummy_value()

    return types.void(target, index, source, index, index, index), codegen


@intrinsic
def add_row(typingctx, target, place, source, first, count):
    """target[place + j] += source[first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        _along(
            emit,
            args[4],
            lambda emit, j: builder.fadd(emit.load(emit.shifted(target, j)), emit.load(emit.shifted(source, j))),
            lambda emit, j, value: emit.store(value, emit.shifted(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen


@intrinsic
def sum_rows(typingctx, target, place, source, first, volume, depths, apart, rows, count):
    """target[place + j] = sum_{t < depths, r < rows} source[first + t * volume + r * apart + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        volume, depths, apart, rows, count = args[4:]

        def loop(emit, j):
            total, one = alloca_once(builder, emit.vector), emit.constant(1)
            builder.store(emit.zeros, total)
            with for_range_slice(builder, emit.constant(0), depths, one) as (t, _):
                here = emit.shifted(emit.shifted(source, j), t, volume)
                with for_range_slice(builder, emit.constant(0), rows, one) as (r, _):
                    builder.store(builder.fadd(builder.load(total), emit.load(emit.shifted(here, r, apart))), total)
            return builder.load(total)

        def unrolled(count):
            def value(emit, j):
                terms = [emit.load(emit.shifted(emit.shifted(source, j), r, apart)) for r in range(count)]
                return reduce(builder.fadd, terms)

            return value

        def store(emit, j, total):
            emit.store(total, emit.shifted(target, j))

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
            _along(emit, count, value, store)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(target, index, source, *[index] * 6), codegen


@intrinsic
def clear_row(typingctx, target, place, count):
    """target[place + j] = 0 for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target = emit.pointer(sig.args[0], *args[:2])
        _along(
            emit,
            args[2],
            lambda emit, j: emit.zeros,
            lambda emit, j, zeros: emit.store(zeros, emit.shifted(target, j)),
        )
        return context.get_dummy_value()

    return types.void(target, index, index), codegen


@intrinsic
def prefetch_row(typingctx, source, first, count):
    """Ask for source[first : first + count], which need not lie inside: what reads it later waits less."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        place = emit.pointer(sig.args[0], *args[:2])
        with for_range_slice(builder, emit.constant(0), args[2], emit.constant(64 // emit.size)) as (j, _):
            emit.prefetch(emit.shifted(place, j))
        return context.get_dummy_value()

    return types.void(source, index, index), codegen


@intrinsic
def zip_rows(typingctx, target, place, even, even_first, odd, odd_first, count):
    """target[place + 2 j] = even[even_first + j], target[place + 2 j + 1] = odd[odd_first + j] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target = emit.pointer(sig.args[0], *args[:2])
        sides = emit.pointer(sig.args[2], *args[2:4]), emit.pointer(sig.args[4], *args[4:6])

        def store(emit, j, values):
            place, width = emit.shifted(target, 2, j), emit.width
            order = [lane + side * width for lane in range(width) for side in (0, 1)]
            for half in (0, width):
                emit.store(emit.shuffle(*values, order[half : half + width]), emit.shifted(place, half))

        _along(emit, args[6], lambda emit, j: [emit.load(emit.shifted(side, j)) for side in sides], store)
        return context.get_dummy_value()

    return types.void(target, index, even, index, odd, index, index), codegen


@intrinsic
def unzip_row(typingctx, even, even_place, odd, odd_place, source, first, count):
    """even[even_place + j] = source[first + 2 j], odd[odd_place + j] = source[first + 2 j + 1] for j < count."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        sides = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])
        source = emit.pointer(sig.args[4], *args[4:6])

        def halves(emit, j):
            place = emit.shifted(source, 2, j)
            return emit.load(place), emit.load(emit.shifted(place, emit.width))

        def store(emit, j, halves):
            for offset, side in enumerate(sides):
                emit.store(emit.shuffle(*halves, range(offset, 2 * emit.width, 2)), emit.shifted(side, j))

        _along(emit, args[6], halves, store)
        return context.get_dummy_value()

    return types.void(even, index, odd, index, source, index, index), codegen


def _along(emit, count, value, store):
    """Emit store(emit, j, value(emit, j)) for vectors that cover count elements, the last ending there.

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
            _along(emit.of_width(emit.width // 2 if emit.width > 4 else 1), count, value, store)


@njit(inline="always")
def fill_row(target, place, length, source, first, j0, j1):
    """target[place + j] = source[first + j] for j0 <= j < j1, else 0, for j < length."""
    clear_row(target, place, j0)
    copy_row(target, place + j0, source, first + j0, j1 - j0)
    clear_row(target, place + j1, length - j1)
