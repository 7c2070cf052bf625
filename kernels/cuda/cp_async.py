"""Asynchronous copies from global to shared memory: `cp.async` of 16 bytes, from sm_80 on.

As in gemm_tile.py, each intrinsic emits its instructions fully unrolled, with counts and strides as compile-time
constants; offsets are bytes in shared memory and elements in global memory.
"""

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from . import ptx
from .gemm_tile import constant


@intrinsic
def copy_lines(typing_context, shared, to, array, offset, stride, limit, to_stride, line_step, count):
    """shared[to + l to_stride] = 16 bytes of array[offset + l stride] where l line_step < limit, else zeros; l < count.

    `count` times `cp.async.cg.shared.global`; stride is uint32, limit int32.
    """
    if not constant(to_stride, line_step, count):
        return None
    signature = types.void(shared, to, array, offset, types.uint32, types.int32, to_stride, line_step, count)

    def generate(context, builder, signature, arguments):
        target, at = ptx.shared_address(context, builder, signature, arguments, 0), arguments[3]
        for i in range(count.literal_value):
            in_range = builder.icmp_signed("<", ir.Constant(ptx.I32, i * line_step.literal_value), arguments[5])
            source = ptx.element(context, builder, signature, [*arguments[:3], at], 2)
            _copy(builder, target, i * to_stride.literal_value, source, in_range)
            at = builder.add(at, arguments[4])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def copy_pixels(typing_context, shared, to, array, offset, bases, masks, tap_bit, to_stride, count):
    """shared[to + l to_stride] = 16 bytes of array[offset + bases[l]] where masks[l] & tap_bit is 0, else zeros.

    l < count. A set bit of a mask stands for a tap that falls into the padding. `count` times
    `cp.async.cg.shared.global`.
    """
    if not constant(to_stride, count):
        return None
    signature = types.void(shared, to, array, types.uint32, bases, masks, types.uint32, to_stride, count)

    def generate(context, builder, signature, arguments):
        target = ptx.shared_address(context, builder, signature, arguments, 0)
        starts, masks = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (4, 5))
        for i in range(count.literal_value):
            base, mask = (builder.load(ptx.advanced(builder, registers, i)) for registers in (starts, masks))
            valid = builder.icmp_unsigned("==", builder.and_(mask, arguments[6]), ir.Constant(ptx.I32, 0))
            at = [*arguments[:3], builder.add(base, arguments[3])]
            source = ptx.element(context, builder, signature, at, 2)
            _copy(builder, target, i * to_stride.literal_value, source, valid)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def copy_windows(
    typing_context, shared, to, array, offset, shifts, corner, moves, height, width, predicate, to_stride, count
):
    """shared[to + l to_stride] = 16 bytes of array[offset + shifts[l]] where that is valid, else zeros; l < count.

    Valid: the predicate holds and corner + moves[l], a packed position as in gemm_tile.load_windows, lies in the image.
    `count` times `cp.async.cg.shared.global`.
    """
    if not constant(to_stride, count):
        return None
    numbers = types.int32, moves, types.int32, types.int32
    signature = types.void(shared, to, array, offset, shifts, *numbers, types.boolean, to_stride, count)

    def generate(context, builder, signature, arguments):
        target = ptx.shared_address(context, builder, signature, arguments, 0)
        shifts, moves = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (4, 6))
        height, width, predicate = arguments[7], arguments[8], ptx.truth(builder, arguments[9])
        for i in range(count.literal_value):
            shift, move = (builder.load(ptx.advanced(builder, registers, i)) for registers in (shifts, moves))
            position = builder.add(arguments[5], move)
            column = builder.and_(position, ir.Constant(ptx.I32, 0xFFFF))
            valid = builder.and_(predicate, builder.icmp_unsigned("<", position, height))
            valid = builder.and_(valid, builder.icmp_unsigned("<", column, width))
            at = [*arguments[:3], builder.add(arguments[3], shift)]
            source = ptx.element(context, builder, signature, at, 2)
            _copy(builder, target, i * to_stride.literal_value, source, valid)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def commit_group(typing_context):
    """Close the group of copies issued since the last call: `cp.async.commit_group`."""

    def generate(context, builder, signature, arguments):
        ptx.emit(builder, ptx.VOID, "cp.async.commit_group;", "~{memory}", [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def wait_group(typing_context, pending):
    """Wait until at most `pending` groups of this thread's copies are in flight: `cp.async.wait_group`."""
    if not constant(pending):
        return None

    def generate(context, builder, signature, arguments):
        ptx.emit(builder, ptx.VOID, f"cp.async.wait_group {pending.literal_value};", "~{memory}", [])
        return context.get_dummy_value()

    return types.void(pending), generate


def _copy(builder, target, displacement, source, predicate):
    """Copy 16 bytes from global to shared memory; zeros where the predicate is false, by a source size of 0."""
    length = builder.select(predicate, ir.Constant(ptx.I32, ptx.VECTOR_BYTES), ir.Constant(ptx.I32, 0))
    text = f"cp.async.cg.shared.global [$0+{displacement}], [$1], {ptx.VECTOR_BYTES}, $2;"
    ptx.emit(builder, ptx.VOID, text, "r,l,r,~{memory}", [target, builder.ptrtoint(source, ptx.I64), length])
