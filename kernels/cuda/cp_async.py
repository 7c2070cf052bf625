"""Copies from global to shared memory that nobody waits for: `cp.async`, 16 bytes a time, from sm_80 on.

As in tile.py, each function is an intrinsic that emits its instructions unrolled, counts and distances being constants;
offsets into shared memory are bytes, into global memory elements.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx
from .gemm_tile import constant


@intrinsic
def copy_lines(typing_context, shared, to, array, offset, step, limit, places, apart, count):
    """16 bytes of array[offset + l step] to shared[to + l places] for l apart < limit, zeros for the others; l < count.

    `count` times `cp.async.cg.shared.global`; step is uint32, limit int32.
    """
    if not constant(places, apart, count):
        return None
    signature = types.void(shared, to, array, offset, types.uint32, types.int32, places, apart, count)

    def generate(context, builder, signature, arguments):
        target, at = ptx.shared_address(context, builder, signature, arguments, 0), arguments[3]
        for i in range(count.literal_value):
            near = builder.icmp_signed("<", ir.Constant(ptx.I32, i * apart.literal_value), arguments[5])
            source = ptx.element(context, builder, signature, [*arguments[:3], at], 2)
            _copy(builder, target, i * places.literal_value, source, near)
            at = builder.add(at, arguments[4])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def copy_pixels(typing_context, shared, to, array, offset, bases, outside, here, places, count):
    """16 bytes of array[offset + bases[l]] to shared[to + l places] where outside[l] & here is 0, else zeros.

    l < count. A bit of `outside` stands for a tap that falls outside of the image. `count` times
    `cp.async.cg.shared.global`.
    """
    if not constant(places, count):
        return None
    signature = types.void(shared, to, array, types.uint32, bases, outside, types.uint32, places, count)

    def generate(context, builder, signature, arguments):
        target = ptx.shared_address(context, builder, signature, arguments, 0)
        starts, masks = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (4, 5))
        for i in range(count.literal_value):
            base, mask = (builder.load(ptx.moved(builder, registers, i)) for registers in (starts, masks))
            inside = builder.icmp_unsigned("==", builder.and_(mask, arguments[6]), ir.Constant(ptx.I32, 0))
            at = [*arguments[:3], builder.add(base, arguments[3])]
            source = ptx.element(context, builder, signature, at, 2)
            _copy(builder, target, i * places.literal_value, source, inside)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def copy_windows(typing_context, shared, to, array, offset, shifts, place, moves, height, width, there, places, count):
    """16 bytes of array[offset + shifts[l]] to shared[to + l places], zeros outside of the image; l < count.

    Inside is where place + moves[l], a row and a column in one number as in tile.load_windows, lies in the image.
    `count` times `cp.async.cg.shared.global`.
    """
    if not constant(places, count):
        return None
    numbers = types.int32, moves, types.int32, types.int32
    signature = types.void(shared, to, array, offset, shifts, *numbers, types.boolean, places, count)

    def generate(context, builder, signature, arguments):
        target = ptx.shared_address(context, builder, signature, arguments, 0)
        shifts, moves = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (4, 6))
        height, width, there = arguments[7], arguments[8], ptx.truth(builder, arguments[9])
        for i in range(count.literal_value):
            shift, move = (builder.load(ptx.moved(builder, registers, i)) for registers in (shifts, moves))
            here = builder.add(arguments[5], move)
            column = builder.and_(here, ir.Constant(ptx.I32, 0xFFFF))
            inside = builder.and_(there, builder.icmp_unsigned("<", here, height))
            inside = builder.and_(inside, builder.icmp_unsigned("<", column, width))
            at = [*arguments[:3], builder.add(arguments[3], shift)]
            source = ptx.element(context, builder, signature, at, 2)
            _copy(builder, target, i * places.literal_value, source, inside)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def end_of_copies(typing_context):
    """What was copied since the last call is one group: `cp.async.commit_group`."""

    def generate(context, builder, signature, arguments):
        ptx.emit(builder, ptx.VOID, "cp.async.commit_group;", "~{memory}", [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def wait_for_copies(typing_context, left):
    """Wait until no more than `left` groups of this thread's copies are under way: `cp.async.wait_group`."""
    if not constant(left):
        return None

    def generate(context, builder, signature, arguments):
        ptx.emit(builder, ptx.VOID, f"cp.async.wait_group {left.literal_value};", "~{memory}", [])
        return context.get_dummy_value()

    return types.void(left), generate


def _copy(builder, target, displacement, source, predicate):
    """16 bytes from global to shared memory, zeros where the predicate is false: `cp.async` of no source bytes."""
    length = builder.select(predicate, ir.Constant(ptx.I32, ptx.VECTOR_BYTES), ir.Constant(ptx.I32, 0))
    text = f"cp.async.cg.shared.global [$0+{displacement}], [$1], {ptx.VECTOR_BYTES}, $2;"
    ptx.emit(builder, ptx.VOID, text, "r,l,r,~{memory}", [target, builder.ptrtoint(source, ptx.I64), length])
