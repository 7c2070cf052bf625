"""The register tile of a correlation of one plane: a block of output rows, a vector of columns.

Each row of the input is loaded once for each column tap and feeds all rows of the block that it is under, up to R of
them, so a block of B rows takes ((B - 1) stride + R) S loads for B R S multiply-adds. Blocks whose columns are all
inside the map, most of a large one, need no masks: they are a second copy of the code.
"""

from functools import lru_cache
from typing import NamedTuple

from numba import types
from numba.core.cgutils import for_range_slice
from numba.extending import intrinsic

from ....cpu.registers import MR, lanes
from .activation import Activation
from .lines import LineEmitter

MAX_TAPS, MAX_STRIDE = 7, 2
"""Along an axis, of windows that tiles are made for."""
BLOCKS = (4, 7, 8) if MR >= 8 else (4,)
"""Rows of a tile: sums, taps and what they multiply fit 32 registers, or 16."""
LOAD_CYCLES = 0.75
"""Of a vector that may lie in two cache lines; a core begins two multiply-adds in a cycle (Xeon, 2026-11)."""


class Window(NamedTuple):
    """The taps, strides and vectors that a tile is made for; dilation is 1."""

    rows: int
    columns: int
    stride_h: int
    stride_w: int
    """1 or 2."""
    lanes: int
    """Elements of a vector."""


def lanes_for(columns, dtype):
    """Elements of a vector for rows of so many outputs: half a vector where that is enough, whose loads cost less."""
    half = lanes(dtype) // 2
    return half if columns <= half and half >= 4 else lanes(dtype)


def block_for(window, rows, candidates=BLOCKS):
    """Rows of a tile for so many rows of outputs: those that take the fewest cycles."""

    def cycles(block):
        loads = ((block - 1) * window.stride_h + window.rows) * window.columns
        products = block * window.rows * window.columns
        return -(-rows // block) * (products / 2 + loads * LOAD_CYCLES)

    return rows if rows < candidates[0] else min(candidates, key=cycles)


def read_columns(window, outputs, left):
    """(first, last) column of the input that vectors of a row of outputs read, the latter excluded."""
    last_start = (outputs - 1) // window.lanes * window.lanes * window.stride_w - left
    tap = window.columns - 1 if window.stride_w == 1 else (window.columns - 1) // 2 * 2
    return -left, last_start + tap + window.stride_w * window.lanes


@lru_cache(maxsize=256)
def correlate_rows(window, block, accumulate):
    """An intrinsic: rows p0 to p1 of y = f(start + sum_{r, s} w[r, s] x[p stride - top + r, q stride - left + s]).

    Parameters
    ----------
    window : Window
    block : int
        Rows of a tile.
    accumulate : bool
        Add to y instead of to `start`.
    """

    @intrinsic
    def correlate(
        typingctx, lines, x, margins, tables, plane, top, left, w, w_start, w_step, start,
        activation, slope, pre_activation, y, y_start, p0, p1, p_count, q_count, spare,
    ):  # fmt: skip
        """x, w, y: flat arrays; tap (r, s) is w[w_start + (r S + s) w_step]; spare: a line that takes excess rows."""
        signature = tile_signature(lines, x, margins, tables, w, pre_activation, y, spare)

        def codegen(context, builder, sig, args):
            top, left, w, w_start, w_step, start = args[5:11]
            y_start, p0, p1, p_count, q_count, spare = args[15:]
            emit = LineEmitter(context, builder, sig.args, args, window.lanes)
            emit.enter_plane(args[4])
            taps = tap_weights(emit, emit.pointer(sig.args[7], w, w_start), window, w_step)
            finish, start = Activation(emit, sig.args[11:15], args[11:15]), emit.splat(start)
            spare = emit.pointer(sig.args[20], spare)
            with for_range_slice(builder, p0, p1, emit.constant(block)) as (p, _):
                first = builder.sub(builder.mul(p, emit.constant(window.stride_h)), top)
                rows = emit.rows(first, (block - 1) * window.stride_h + window.rows)
                outputs = finish.rows(y_start, p, p_count, q_count, block, spare)
                with for_range_slice(builder, emit.constant(0), q_count, emit.constant(emit.width)) as (q, _):
                    column = builder.sub(builder.mul(q, emit.constant(window.stride_w)), left)
                    left_over = builder.sub(q_count, q)

                    def sums(masks, count, rows=rows, outputs=outputs, column=column, q=q):
                        tile = [output.load(q, count) if accumulate else start for output in outputs]
                        for i, row in enumerate(rows):
                            for s, vector in enumerate(tap_vectors(emit, emit.at(row, column), window, masks)):
                                for k in range(block):
                                    r = i - k * window.stride_h
                                    if 0 <= r < window.rows:
                                        tile[k] = emit.fma(vector, taps[r][s], tile[k])
                        finish.store([(output, q, total) for output, total in zip(outputs, tile, strict=True)], count)

                    with builder.if_else(at_edge(emit, column, left_over, window)) as (edge, inside):
                        with edge:
                            sums(column_masks(emit, column, window), left_over)
                        with inside:
                            sums(None, None)
            return context.get_dummy_value()

        return signature, codegen

    return correlate


def tile_signature(lines, x, margins, tables, w, pre_activation, y, spare):
    """The signature of an intrinsic of this folder that computes rows of a plane."""
    index = types.intp
    read, written = (lines, x, margins, tables, index, index, index), (y, *[index] * 5, spare)
    return types.void(*read, w, index, index, x.dtype, index, x.dtype, pre_activation, *written)


def tap_weights(emit, w, window, step):
    """[row][column]: a vector of copies of each tap, taps lying `step` elements from one to the next."""
    return [
        [emit.broadcast(emit.at(w, r * window.columns + s, step)) for s in range(window.columns)]
        for r in range(window.rows)
    ]


def at_edge(emit, column, left_over, window):
    """Whether a vector of outputs is not whole, or reads columns outside of the map from input column `column` on."""
    builder, reach = emit.builder, (emit.width - 1) * window.stride_w + window.columns
    edge = builder.or_(
        builder.icmp_signed("<", column, emit.constant(0)),
        builder.icmp_signed("<", left_over, emit.constant(emit.width)),
    )
    beyond = builder.icmp_signed(">", builder.add(column, emit.constant(reach)), emit.plane_width)
    return builder.or_(edge, beyond)


def column_masks(emit, column, window):
    """The masks of the vectors that `tap_vectors` loads."""
    halves = (0,) if window.stride_w == 1 else (0, emit.width)
    return [
        [emit.mask(emit.builder.add(column, emit.constant(s + half))) for half in halves]
        for s in range(0, window.columns, window.stride_w)
    ]


def tap_vectors(emit, address, window, masks):
    """The vector of inputs under each column tap of a row: elements s + stride lane from an address on."""
    for i, s in enumerate(range(0, window.columns, window.stride_w)):
        halves = [
            emit.cleared(emit.load(emit.at(address, s + half * emit.width)), masks and masks[i][half])
            for half in range(window.stride_w)
        ]
        if window.stride_w == 1:
            yield halves[0]
            continue
        # even and odd columns, for two taps
        for tap in range(s, min(s + 2, window.columns)):
            yield emit.shuffle(*halves, range(tap - s, 2 * emit.width, 2))
