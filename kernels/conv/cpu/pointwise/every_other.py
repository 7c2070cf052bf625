"""Rows of maps that a kernel with a stride of two reads."""

from numba import types
from numba.extending import intrinsic

from ....cpu.emitter import Emitter
from ....cpu.simd_rows import along_row


@intrinsic
def copy_every_other(typingctx, target, start, source, first, count):
    """target[start + j] = source[first + 2 j] for j < count; nothing after the last element is read."""
    index = types.intp

    def codegen(context, builder, sig, args):
        emit = Emitter(context, builder, sig.args[0].dtype)
        target, source = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[2], *args[2:4])

        # two vectors, the second of which ends with the last element
        def value(emit, j):
            pair, width = emit.at(source, 2, j), emit.width
            if width == 1:
                return emit.load(pair)
            halves = emit.load(pair), emit.load(emit.at(pair, width - 1))
            return emit.shuffle(*halves, [i if i < width else i + 1 for i in range(0, 2 * width, 2)])

        along_row(emit, args[4], value, lambda emit, j, vector: emit.store(vector, emit.at(target, j)))
        return context.get_dummy_value()

    return types.void(target, index, source, index, index), codegen
