"""Register tiles of bfloat16 pairs, with float32 sums: vdpbf16ps (AVX512_BF16) and tdpbf16ps (AMX).

An element is a pair, 32 bits: two neighbors of the reduction, for which a step multiplies and adds twice,

    C[i, j] (+)= sum_l A[l, i].low B[l, j].low + A[l, i].high B[l, j].high.

Both instructions take denormal numbers for 0 and round sums without a fused multiply-add's exactness: results differ
from float32's by the rounding of sums in another order, and below 1.2e-38.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

from .amx import TILE_ROWS, configure_tiles, may_use_tiles, multiply_row_tiles, multiply_tiles, release_tiles
from .emitter import Emitter
from .microkernel import tile_intrinsic
from .registers import MR, NV, VECTOR_BYTES, features


class Bfloat(ir.Type):
    """LLVM's bfloat, which llvmlite lacks: what a vector of them needs is its name."""

    null, intrinsic_name = "0.0", "bf16"

    def _to_string(self):
        return "bfloat"

    def __eq__(self, other):
        """Whether it is the same type."""
        return isinstance(other, Bfloat)

    def __hash__(self):
        """Of the type."""
        return hash(Bfloat)


class PairEmitter(Emitter):
    """Emits code on vectors of pairs, which look like float32 to loads and stores; sums are float32.

    A multiply-add is vdpbf16ps.
    """

    def __init__(self, context, builder, dtype):
        super().__init__(context, builder, types.float32)

    def broadcast(self, address, align=4):
        """A vector of copies of the pair at an address, aligned to so many bytes."""
        return self.splat(self.builder.bitcast(self.builder.load(address, align=align), self.element_type))

    def fma(self, a, b, c):
        """c and the products of both pairs, in each lane."""
        builder, pairs = self.builder, ir.VectorType(Bfloat(), 2 * self.width)
        kind = ir.FunctionType(self.vector, [self.vector, pairs, pairs])
        name = f"llvm.x86.avx512bf16.dpbf16ps.{8 * VECTOR_BYTES}"
        function = get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [c, builder.bitcast(a, pairs), builder.bitcast(b, pairs)])


class PairTile(NamedTuple):
    """A register tile of `rows` x NV vectors, and how it is used.

    A thread calls begin(pairs) before its first tile and end() after its last one.
    """

    rows: int
    """Rows of a panel of A."""
    max_pairs: int
    """Pairs of a row of A that lie side by side and are multiplied in one step, at most."""
    begin: Any
    end: Any
    multiply: Any
    """multiply(a, a_start, pairs, b, b_start, pair_stride, starts, tile, offsets, steps, c, c_start, c_stride, add).

    Step l multiplies A[l, i, p] = a[a_start + (l * rows + i) * pairs + p] with the vectors of B that begin at
    b[b_start + starts[tile * NV + v] + offsets[l] + p * pair_stride], for p < pairs.
    """
    multiply_rows: Any
    """multiply_rows(a, a_start, row_stride, starts, steps, b, b_start, c, c_start, c_stride, add), of uint16 in A.

    Step l multiplies the pairs A[l, i, p] = a[a_start + i * row_stride + starts[l] + 2 p : + 2] with those of
    B[l, p, j] = b[b_start + (l * max_pairs + p) * NV * TILE_ROWS + j], for p < max_pairs, after begin(max_pairs).
    """


def names():
    """Names of the tiles that this machine has, the fastest first."""
    found = ["amx"] if may_use_tiles() else []
    return [*found, "dot"] if "avx512bf16" in features() and VECTOR_BYTES == 64 else found


def quickest():
    """Name of the tile that is quicker than float32's; None without one.

    vdpbf16ps does two multiply-adds in the time of one on Zen 4 and 5; on a Xeon it takes twice as long for them
    (2026-11).
    """
    found = names()
    return found[0] if "amx" in found or (found and llvm.get_host_cpu_name().startswith("znver")) else None


@lru_cache(maxsize=2)
def tile(name):
    """The PairTile of a name; ValueError without the instructions, of which AMX's need the system's leave."""
    if name not in names():
        raise ValueError(f"tile is {name!r}, this machine has {names()}")
    if name == "amx":
        return PairTile(2 * TILE_ROWS, TILE_ROWS, configure_tiles, release_tiles, multiply_tiles, multiply_row_tiles)
    return PairTile(MR, 1, _nothing_to_begin, _nothing_to_end, _multiply_dots, _multiply_row_dots)


# ---- vdpbf16ps

_dots = tile_intrinsic(PairEmitter)


@njit(inline="always")
def _nothing_to_begin(pairs):
    """Vector registers need no configuration."""


@njit(inline="always")
def _nothing_to_end():
    """See _nothing_to_begin."""


@njit(inline="always")
def _multiply_dots(
    a, a_start, pairs, b, b_start, pair_stride, starts, tile, offsets, steps, c, c_start, c_stride, accumulate
):  # fmt: skip
    """PairTile.multiply by vdpbf16ps, one pair a step."""
    _dots(a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate)


@intrinsic
def _multiply_row_dots(typingctx, a, a_start, row_stride, starts, steps, b, b_start, c, c_start, c_stride, add):
    """PairTile.multiply_rows by vdpbf16ps, one pair a step."""
    index = types.intp
    signature = types.void(a, index, index, starts, index, b, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        # addresses of A's rows, B, C and the table
        a, a_start, row_stride, starts, steps, b, b_start, c, c_start, c_stride, add = args
        emit, kinds = PairEmitter(context, builder, types.uint32), sig.args
        a, b = emit.pointer(kinds[0], a, a_start), emit.pointer(kinds[5], b, b_start)
        starts, c = emit.pointer(kinds[3], starts), emit.pointer(kinds[7], c, c_start)
        rows, pair = [emit.at(a, i, row_stride) for i in range(MR)], ir.IntType(32).as_pointer()

        # a step: NV vectors of B, a pair of each of A's rows
        def products(step):
            offset, line = emit.table_entry(starts, step), emit.at(b, NV * emit.width, step)
            vectors = [emit.load(emit.at(line, j * emit.width)) for j in range(NV)]
            for i, row in enumerate(rows):
                element = emit.broadcast(builder.bitcast(emit.at(row, offset), pair), 2)
                for j, vector in enumerate(vectors):
                    yield i, j, element, vector

        emit.store_tile(emit.accumulate(steps, MR, NV, products), c, c_stride, add)
        return context.get_dummy_value()

    return signature, codegen
