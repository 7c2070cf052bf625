"""Matrices transposed in registers: filters side by side become lanes of a vector, and lanes become rows again."""

from numba import njit, types
from numba.extending import intrinsic

from .emitter import Emitter
from .registers import lanes


def _block(divisor):
    """An intrinsic that transposes a block of lanes / divisor rows and four columns."""

    @intrinsic
    def transpose_block(typingctx, source, first, source_stride, target, start, target_stride):
        """target[start + j * target_stride + i] = source[first + i * source_stride + j] for a block's i, and j < 4."""
        index = types.intp

        def codegen(context, builder, sig, args):
            emit = Emitter(context, builder, sig.args[0].dtype)
            emit = emit.of_width(max(1, emit.width // divisor))
            source, target = emit.pointer(sig.args[0], *args[:2]), emit.pointer(sig.args[3], *args[3:5])
            quads = [emit.load(emit.at(source, i, args[2]), 4) for i in range(emit.width)]
            for j, column in enumerate(emit.columns(quads)):
                emit.store(column, emit.at(target, j, args[5]))
            return context.get_dummy_value()

        return types.void(source, index, index, target, index, index), codegen

    return transpose_block


_whole, _half, _quarter = _block(1), _block(2), _block(4)


@njit(cache=True, nogil=True)
def transpose(source, first, source_stride, rows, columns, target, start, target_stride):
    """target[start + j * target_stride + i] = source[first + i * source_stride + j] for i < rows, j < columns.

    Flat arrays. Blocks at the edges overlap the ones before them; few rows are moved in blocks of half or a quarter of
    a vector, and a matrix smaller than those element by element.
    """
    height = _block_rows(source)
    if rows >= height and columns >= 4:
        for i0 in range(0, rows, height):
            i = min(i0, rows - height)
            for j0 in range(0, columns, 4):
                j = min(j0, columns - 4)
                corner = start + j * target_stride + i
                _whole(source, first + i * source_stride + j, source_stride, target, corner, target_stride)
    elif 4 * rows >= height >= 4 and columns >= 4:
        halves = 2 * rows >= height
        height //= 2 if halves else 4
        for i0 in range(0, rows, height):
            i = min(i0, rows - height)
            for j0 in range(0, columns, 4):
                j = min(j0, columns - 4)
                corner = start + j * target_stride + i
                if halves:
                    _half(source, first + i * source_stride + j, source_stride, target, corner, target_stride)
                else:
                    _quarter(source, first + i * source_stride + j, source_stride, target, corner, target_stride)
    else:
        for j in range(columns):
            for i in range(rows):
                target[start + j * target_stride + i] = source[first + i * source_stride + j]


@intrinsic
def _block_rows(typingctx, array):
    """Lanes of a vector of the array's elements."""

    def codegen(context, builder, sig, args):
        return context.get_constant(types.intp, lanes(str(sig.args[0].dtype)))

    return types.intp(array), codegen
