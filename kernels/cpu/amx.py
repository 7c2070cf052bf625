"""AMX: tiles of bfloat16 pairs multiplied by tdpbf16ps, with float32 sums, and whether this process may use them.

Tiles 0 to 3 are C (two rows of two), 4 and 5 are A, 6 and 7 are B.
"""

import ctypes
import platform
from functools import lru_cache

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, for_range, get_or_insert_function
from numba.extending import intrinsic

from .emitter import Emitter
from .registers import NV, VECTOR_BYTES, features

TILE_ROWS = 16
"""Rows of a tile, and 32-bit elements of one."""
ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA, ARCH_PRCTL = 0x1023, 18, 158
"""arch_prctl's request for the use of tiles, and its number (Linux, x86-64)."""
_BYTE, _INT64 = ir.IntType(8), ir.IntType(64)


@lru_cache(maxsize=1)
def may_use_tiles():
    """Whether the processor has tiles, and the system lets this process use them."""
    needed = {"amx-bf16", "amx-tile", "avx512f"}
    if not needed <= features() or platform.system() != "Linux" or VECTOR_BYTES != 64:
        return False
    return ctypes.CDLL(None).syscall(ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0


def _call(builder, name, *arguments):
    """Call an AMX intrinsic; a Python int is the number of a tile."""
    values = [ir.Constant(_BYTE, a) if isinstance(a, int) else a for a in arguments]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
    builder.call(get_or_insert_function(builder.module, kind, f"llvm.x86.{name}"), values)


@intrinsic
def configure_tiles(typingctx, pairs):
    """Tiles of TILE_ROWS rows of 64 bytes; those of A have `pairs` elements a row, those of B as many rows."""

    def codegen(context, builder, sig, args):
        record = ir.ArrayType(_BYTE, 64)
        memory = alloca_once(builder, record)
        builder.store(ir.Constant(record, None), memory)
        rows = builder.trunc(args[0], _BYTE)
        row_bytes = builder.mul(rows, ir.Constant(_BYTE, 4))
        full, line = ir.Constant(_BYTE, TILE_ROWS), ir.Constant(_BYTE, 64)

        def put(position, value):
            builder.store(value, builder.gep(memory, [ir.Constant(_INT64, 0), ir.Constant(_INT64, position)]))

        put(0, ir.Constant(_BYTE, 1))  # palette
        for tile in range(8):
            put(16 + 2 * tile, row_bytes if tile in (4, 5) else line)
            put(48 + tile, rows if tile in (6, 7) else full)
        _call(builder, "ldtilecfg", builder.bitcast(memory, _BYTE.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def release_tiles(typingctx):
    """Give the tiles' state back."""

    def codegen(context, builder, sig, args):
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def multiply_tiles(
    typingctx, a, a_start, pairs, b, b_start, pair_stride, starts, tile, offsets, steps, c, c_start, c_stride, add
):
    """PairTile.multiply by tdpbf16ps."""
    index = types.intp
    signature = types.void(
        a, index, index, b, index, index, starts, index, offsets, index, c, index, index, types.boolean
    )  # fmt: skip

    def codegen(context, builder, sig, args):
        # addresses of A, B's vectors, C and the tables
        a, a_start, pairs, b, b_start, pair_stride, starts, tile, offsets, steps, c, c_start, c_stride, add = args
        emit, kinds = Emitter(context, builder, types.uint32), sig.args
        a, b, c = emit.pointer(kinds[0], a, a_start), emit.pointer(kinds[3], b, b_start), emit.pointer(kinds[10], c)
        starts, offsets = emit.pointer(kinds[6], starts), emit.pointer(kinds[8], offsets)
        first, half_panel = builder.mul(tile, emit.constant(NV)), builder.mul(pairs, emit.constant(TILE_ROWS))
        vectors = [emit.at(b, emit.table_entry(starts, builder.add(first, emit.constant(v)))) for v in range(2)]

        def factors(step):
            offset, panel = emit.table_entry(offsets, step), emit.at(a, 2, builder.mul(step, half_panel))
            return (panel, emit.at(panel, half_panel)), [emit.at(vector, offset) for vector in vectors]

        strides = [builder.mul(stride, emit.constant(4)) for stride in (pairs, pair_stride)]
        _accumulate_tiles(emit, steps, factors, strides, emit.at(c, c_start), c_stride, add)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def multiply_row_tiles(typingctx, a, a_start, row_stride, starts, steps, b, b_start, c, c_start, c_stride, add):
    """PairTile.multiply_rows by tdpbf16ps."""
    index = types.intp
    signature = types.void(a, index, index, starts, index, b, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        # addresses of A's rows, B, C and the table
        a, a_start, row_stride, starts, steps, b, b_start, c, c_start, c_stride, add = args
        emit, kinds = Emitter(context, builder, types.uint32), sig.args
        a, b, c = emit.pointer(kinds[0], a, a_start), emit.pointer(kinds[5], b, b_start), emit.pointer(kinds[7], c)
        starts, size = emit.pointer(kinds[3], starts), emit.constant(NV * TILE_ROWS * TILE_ROWS)
        rows = [emit.at(a, i * TILE_ROWS, row_stride) for i in range(2)]

        def factors(step):
            offset, line = emit.table_entry(starts, step), emit.at(b, builder.mul(step, size))
            return [emit.at(row, offset) for row in rows], (line, emit.at(line, TILE_ROWS))

        strides = builder.mul(row_stride, emit.constant(2)), emit.constant(4 * NV * TILE_ROWS)
        _accumulate_tiles(emit, steps, factors, strides, emit.at(c, c_start), c_stride, add)
        return context.get_dummy_value()

    return signature, codegen


def _accumulate_tiles(emit, steps, factors, strides, c, c_stride, add):
    """Sum the products of two tiles of A and two of B over the steps, from 0 or from C; store to C.

    factors(step) are the addresses of A's and of B's tiles, whose rows lie `strides` bytes from each other.
    """
    builder, c_bytes = emit.builder, emit.builder.mul(c_stride, emit.constant(4))
    sums = [emit.at(emit.at(c, i * TILE_ROWS, c_stride), j * TILE_ROWS) for i in range(2) for j in range(2)]

    def move(name, tile, address, stride):
        _call(builder, name, tile, builder.bitcast(address, _BYTE.as_pointer()), stride)

    with builder.if_else(add) as (added, begun):
        with added:
            for number, address in enumerate(sums):
                move("tileloadd64", number, address, c_bytes)
        with begun:
            for number in range(4):
                _call(builder, "tilezero", number)
    with for_range(builder, steps) as loop:
        a, b = factors(loop.index)
        move("tileloadd64", 6, b[0], strides[1])
        move("tileloadd64", 4, a[0], strides[0])
        _call(builder, "tdpbf16ps", 0, 4, 6)
        move("tileloadd64", 7, b[1], strides[1])
        _call(builder, "tdpbf16ps", 1, 4, 7)
        move("tileloadd64", 5, a[1], strides[0])
        _call(builder, "tdpbf16ps", 2, 5, 6)
        _call(builder, "tdpbf16ps", 3, 5, 7)
    for number, address in enumerate(sums):
        move("tilestored64", number, address, c_bytes)
