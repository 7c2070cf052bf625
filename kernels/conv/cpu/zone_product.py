"""Register tiles of filters as lanes: outputs of a zone read x, and the weights of its taps, by offset tables."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ...cpu.emitter import Emitter
from ...cpu.microkernel import NARROW_ROWS
from ...cpu.registers import MR, NV


def _zone_tile(tile_rows, tile_vectors):
    """The intrinsic of multiply_zone for a register tile of so many outputs and vectors of filters."""

    @intrinsic
    def multiply_zone(
        typingctx, x, x_start, positions, row, pairs, step0, steps, panel, sums, sum_start, accumulate
    ):  # fmt: skip
        """C[i, k] (+)= sum_l x[x_start + positions[row + i] + offset] panel[number * columns + k] for a tile's i and k.

        Parameters
        ----------
        x : array
        positions : int32 array
            Offset of each output.
        row : int
            The first one.
        pairs : int32 array
            (offset, number) of each (channel, tap) pair: how far it lies from an output, which it is in the panel.
        step0, steps : int
            The first pair, and how many there are; at least 1.
        sums : array, with C[i, k] = sums[sum_start + i * columns + k]
        accumulate : bool
            Add to C; else it is only written.
        """
        index = types.intp
        signature = types.void(x, index, positions, index, pairs, index, index, panel, sums, index, types.boolean)

        def codegen(context, builder, sig, args):
            # addresses of the outputs' rows of x, the panel, C and the pairs
            x, x_start, positions, row, pairs, step0, steps, panel, sums, sum_start, accumulate = args
            emit = Emitter(context, builder, sig.args[0].dtype)
            x, panel = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[7], panel)
            positions, sums = emit.pointer(sig.args[2], positions, row), emit.pointer(sig.args[8], sums, sum_start)
            pairs = emit.pointer(sig.args[4], pairs, builder.mul(step0, emit.constant(2)))
            columns = emit.constant(tile_vectors * emit.width)
            rows = [emit.at(x, emit.table_entry(positions, emit.constant(i))) for i in range(tile_rows)]

            # a step: vectors of filters, broadcast elements of x; one load for both numbers of the pair
            def products(step):
                both = builder.bitcast(emit.at(pairs, 2, step), emit.integer.as_pointer())
                both = builder.load(both, align=INTEGER_BYTES)
                low, high = both, builder.ashr(both, emit.constant(HALF))
                offset = builder.sext(builder.trunc(low, ir.IntType(HALF)), emit.integer)
                line = emit.at(panel, columns, high)
                vectors = [emit.load(emit.at(line, j * emit.width)) for j in range(tile_vectors)]
                for i, address in enumerate(rows):
                    element = emit.broadcast(emit.at(address, offset))
                    for j, vector in enumerate(vectors):
                        yield i, j, element, vector

            tile = emit.accumulate(steps, tile_rows, tile_vectors, products)
            emit.store_tile(tile, sums, columns, accumulate)
            return context.get_dummy_value()

        return signature, codegen

    return multiply_zone


INTEGER_BYTES, HALF = 4, 32
"""Of a table's entry: bytes, and bits, two of which are read at once (little-endian, as all hosts of Numba are)."""
multiply_zone, multiply_zone_narrow = _zone_tile(MR, NV), _zone_tile(NARROW_ROWS, 1)


def zone_tile(filters, lanes):
    """(outputs, vectors of filters) of the tile for so many filters of a group."""
    return (NARROW_ROWS, 1) if filters <= lanes else (MR, NV)
