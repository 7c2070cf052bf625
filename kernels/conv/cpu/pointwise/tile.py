"""The register tile of 1x1 kernels, which prefetches what is read next while it multiplies.

A prefetch among the multiply-adds costs nothing; a row of them fills the buffers that wait for the memory, and what is
read meanwhile waits behind them.
"""

from numba import types
from numba.extending import intrinsic

from ....cpu.emitter import Emitter
from ....cpu.registers import MR, NV

WIDE, NARROW = (12, 8) if MR >= 8 else (MR, MR)
"""Filters of a tile: with 12, x is read from the caches two thirds as often as with 8 (Xeon with AVX-512, 2026-11)."""


@intrinsic
def multiply_panel(
    typingctx, is_wide, w, w_start, is_packing, x, x_start, x_stride, packed, packed_start, steps, bias, first, zeros,
    is_biased, y, y_start, y_stride, rest, rest_start, rest_stride, is_whole, accumulate, ahead, ahead_stride, shift,
):  # fmt: skip
    """C[i, j] (+)= bias[first + i] + sum_l w[l, i] x[l, j] for i < rows and j < NR = NV vectors.

    Parameters
    ----------
    is_wide : bool
        Whether rows are WIDE; else they are NARROW.
    w : array, with w[l, i] = w[w_start + l * rows + i]
    is_packing : bool
        Read x[l, j] = x[x_start + l * x_stride + j] and store it to `packed`; else it lies there.
    x : array
    packed : array, with x[l, j] = packed[packed_start + l * NR + j]
    steps : int
        Length of the reduction, at least 1.
    bias : array
        Read if `is_biased`.
    zeros : array of at least WIDE zeros
    y, rest : array
        C[i, j] = y[y_start + i * y_stride + j] if the tile `is_whole`, else the same of `rest`.
    accumulate : bool
        Add to C; else it is only written.
    ahead, ahead_stride, shift : int
        Step l prefetches the cache line of x[ahead + (l >> shift) * ahead_stride].
    """
    index, flag = types.intp, types.boolean
    signature = types.void(
        flag, w, index, flag, x, index, index, packed, index, index, bias, index, zeros,
        flag, y, index, index, rest, index, index, flag, flag, index, index, index,
    )  # fmt: skip

    def codegen(context, builder, sig, args):
        # addresses of w, x, the packed tile, the bias and C
        emit = Emitter(context, builder, sig.args[1].dtype)
        pointers = {i: emit.pointer(sig.args[i], *args[i : i + 2]) for i in (1, 7, 10, 14, 17)}
        x, zeros = emit.pointer(sig.args[4], args[4]), emit.pointer(sig.args[12], args[12])
        is_whole, accumulate, ahead, *moves = args[20:]
        c, c_stride = builder.select(is_whole, pointers[14], pointers[17]), builder.select(is_whole, args[16], args[19])
        bias, source = builder.select(args[13], pointers[10], zeros), (emit.at(x, args[5]), args[6])

        # one of four loops
        def multiply(rows, packs):
            biases = [emit.broadcast(emit.at(bias, i)) for i in range(rows)]
            prefetch = emit.at(x, ahead), *moves
            products = _products(emit, rows, pointers[1], source if packs else None, pointers[7], prefetch)
            emit.store_tile(emit.accumulate(args[9], rows, NV, products, biases), c, c_stride, accumulate)

        def packing_or_not(rows):
            with builder.if_else(args[3], likely=False) as (reading, rereading):
                with reading:
                    multiply(rows, True)
                with rereading:
                    multiply(rows, False)

        if WIDE == NARROW:
            packing_or_not(WIDE)
            return context.get_dummy_value()
        with builder.if_else(args[0]) as (wide, narrow):
            with wide:
                packing_or_not(WIDE)
            with narrow:
                packing_or_not(NARROW)
        return context.get_dummy_value()

    return signature, codegen


def _products(emit, rows, w, source, packed, prefetch):
    """The products of a step: NV vectors of x, from a source (address, stride) or packed, times broadcast weights."""
    ahead, ahead_stride, shift = prefetch

    def products(step):
        emit.prefetch(emit.at(ahead, emit.builder.lshr(step, shift), ahead_stride), level=2)
        line, column = emit.at(packed, NV * emit.width, step), emit.at(w, rows, step)
        start = line if source is None else emit.at(source[0], step, source[1])
        vectors = [emit.load(emit.at(start, j * emit.width)) for j in range(NV)]
        for j, vector in enumerate(() if source is None else vectors):
            emit.store(vector, emit.at(line, j * emit.width))
        for i in range(rows):
            weight = emit.broadcast(emit.at(column, i))
            for j, vector in enumerate(vectors):
                yield i, j, weight, vector

    return products
