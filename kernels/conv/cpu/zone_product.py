"""The register tile of filters as lanes: outputs of a zone read x, and the weights of its taps, by offset tables."""

from numba import types
from numba.extending import intrinsic

from ...cpu.emitter import Emitter
from ...cpu.registers import MR, NV


@intrinsic
def multiply_zone(
    typingctx, x, x_start, positions, row, pairs, weights, step0, steps, panel, sums, sum_start, accumulate
):  # fmt: skip
    """C[i, k] (+)= sum_l x[x_start + positions[row + i] + pairs[step0 + l]] panel[weights[step0 + l] NR + k].

    For i < MR and k < NR.

    Parameters
    ----------
    x : array
    positions, pairs, weights : int32 arrays
        Offset of each output, offset of each (channel, tap) pair from it, and the pair's number in the panel.
    row, step0 : int
        The first entry that is read of the positions, and of the pairs and weights.
    steps : int
        Length of the reduction, at least 1.
    sums : array, with C[i, k] = sums[sum_start + i * NR + k]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(
        x, index, positions, index, pairs, weights, index, index, panel, sums, index, types.boolean
    )  # fmt: skip

    def codegen(context, builder, sig, args):
        # addresses of the outputs' rows of x, the panel, C and the offsets of a step
        x, x_start, positions, row, pairs, weights, step0, steps, panel, sums, sum_start, accumulate = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        x, panel = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[8], panel)
        positions = emit.pointer(sig.args[2], positions, row)
        pairs, weights = emit.pointer(sig.args[4], pairs, step0), emit.pointer(sig.args[5], weights, step0)
        sums = emit.pointer(sig.args[9], sums, sum_start)
        columns = emit.constant(NV * emit.width)
        rows = [emit.at(x, emit.table_entry(positions, emit.constant(i))) for i in range(MR)]

        # a step: NV vectors of filters, MR broadcast elements of x
        def products(step):
            offset, line = emit.table_entry(pairs, step), emit.at(panel, columns, emit.table_entry(weights, step))
            vectors = [emit.load(emit.at(line, j * emit.width)) for j in range(NV)]
            for i, address in enumerate(rows):
                element = emit.broadcast(emit.at(address, offset))
                for j, vector in enumerate(vectors):
                    yield i, j, element, vector

        tile = emit.accumulate(steps, MR, NV, products)
        emit.store_tile(tile, sums, columns, accumulate)
        return context.get_dummy_value()

    return signature, codegen
