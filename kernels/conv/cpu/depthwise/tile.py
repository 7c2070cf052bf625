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

from ....cpu.registers import MR, VECTOR_BYTES, lanes
from ..lines import LineEmitter
from ..tile_epilogue import Activation

MAX_TAPS, MAX_STRIDE = 7, 2
"""Along an axis, of windows that tiles are made for."""
BLOCKS = (4, 5, 7, 8) if MR >= 8 else (4,)
"""Rows of a tile: sums, taps and what they multiply fit 32 registers, or 16."""
REGISTER_TAPS = 12
"""Taps that stay in registers beside the sums of a tile."""
MIN_ODD_VECTORS = 7
"""Vectors of a row, of which a pair that is half empty is a small part."""
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
    vectors: int = 1
    """Vectors of a tile's row: where taps are too many for the registers, each is loaded once for all of them."""


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


def vectors_for(window, columns):
    """Vectors of a tile's row for rows of so many outputs."""
    few_taps, whole = window.rows * window.columns <= REGISTER_TAPS, -(-columns // window.lanes)
    return 1 if few_taps or (whole % 2 and whole < MIN_ODD_VECTORS) else 2


def read_columns(window, outputs, left):
    """(first, last) column of the input that vectors of a row of outputs read, the latter excluded."""
    step = window.lanes * window.vectors
    end = (outputs + step - 1) // step * step * window.stride_w - left
    tap = window.columns - 1 if window.stride_w == 1 else (window.columns - 1) // 2 * 2
    return -left, end + tap


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
            top, left = args[5:7]
            y_start, p0, p1, p_count, q_count, _ = args[15:]
            emit, taps, start, finish, spare = begin_tile(context, builder, sig.args, args, window)
            with for_range_slice(builder, p0, p1, emit.constant(block)) as (p, _):
                first = builder.sub(builder.mul(p, emit.constant(window.stride_h)), top)
                rows = emit.rows(first, (block - 1) * window.stride_h + window.rows)
                outputs = finish.rows(y_start, p, p_count, q_count, block, spare)
                size = emit.constant(window.vectors * emit.width)
                with for_range_slice(builder, emit.constant(0), q_count, size) as (q, _):
                    starts = [builder.add(q, emit.constant(v * emit.width)) for v in range(window.vectors)]
                    columns = [builder.sub(builder.mul(at, emit.constant(window.stride_w)), left) for at in starts]

                    def sums(at_edge, rows=rows, outputs=outputs, columns=columns, starts=starts):
                        counts = [builder.sub(q_count, at) if at_edge else None for at in starts]
                        ones = [emit.at(emit.ones, column) if at_edge else None for column in columns]
                        tile = [
                            [
                                row.load(at, count) if accumulate else start
                                for at, count in zip(starts, counts, strict=True)
                            ]
                            for row in outputs
                        ]
                        for i, row in enumerate(rows):
                            read = [
                                tap_vectors(emit, emit.at(row, column), window, line)
                                for column, line in zip(columns, ones, strict=True)
                            ]
                            for s, vectors in enumerate(zip(*read, strict=True)):
                                for k, r in [(k, i - k * window.stride_h) for k in range(block)]:
                                    if 0 <= r < window.rows:
                                        for v, vector in enumerate(vectors):
                                            tile[k][v] = emit.fma(vector, taps[r][s], tile[k][v])
                        for v, (at, count) in enumerate(zip(starts, counts, strict=True)):
                            finish.store(
                                [(row, at, totals[v]) for row, totals in zip(outputs, tile, strict=True)], count
                            )

                    with builder.if_else(is_edge(emit, columns[0], builder.sub(q_count, q), window)) as (edge, inside):
                        with edge:
                            sums(True)
                        with inside:
                            sums(False)
            return context.get_dummy_value()

        return signature, codegen

    return correlate


def tile_signature(lines, x, margins, tables, w, pre_activation, y, spare):
    """The signature of an intrinsic of this folder that computes rows of a plane."""
    index = types.intp
    read, written = (lines, x, margins, tables, index, index, index), (y, *[index] * 5, spare)
    return types.void(*read, w, index, index, x.dtype, index, x.dtype, pre_activation, *written)


def begin_tile(context, builder, kinds, values, window):
    """(emitter in the plane, [row][column] taps, first sum, epilogue, spare line) of an intrinsic's arguments."""
    emit = LineEmitter(context, builder, kinds, values, window.lanes)
    emit.enter_plane(values[4])
    w, step = emit.pointer(kinds[7], *values[7:9]), values[9]
    taps = [
        [emit.broadcast(emit.at(w, r * window.columns + s, step)) for s in range(window.columns)]
        for r in range(window.rows)
    ]
    finish = Activation(emit, kinds[11:15], values[11:15])
    return emit, taps, emit.splat(values[10]), finish, emit.pointer(kinds[20], values[20])


def is_edge(emit, column, left_over, window):
    """Whether vectors of outputs are not whole, or read columns outside of the map from input column `column` on."""
    size = window.vectors * emit.width
    builder, reach = emit.builder, (size - 1) * window.stride_w + window.columns
    edge = builder.or_(
        builder.icmp_signed("<", column, emit.constant(0)),
        builder.icmp_signed("<", left_over, emit.constant(size)),
    )
    beyond = builder.icmp_signed(">", builder.add(column, emit.constant(reach)), emit.plane_width)
    return builder.or_(edge, beyond)


def tap_masks(emit, column, window):
    """For each column tap the lanes that it reads inside the map: where it reads a one of the ones line."""
    return [emit.mask(vector) for vector in tap_vectors(emit, emit.at(emit.ones, column), window)]


def tap_vectors(emit, address, window, ones=None):
    """The vector of inputs under each column tap of a row: elements s + stride lane from an address on.

    Zeros where the line of ones has none from `ones` on, if that is given.
    """

    def load(s, count=None):
        at = emit.at(address, s)
        return emit.load(at, count) if ones is None else emit.load_inside(at, emit.at(ones, s), count)

    if window.stride_w == 1:
        yield from (load(s) for s in range(window.columns))
        return
    # even and odd columns, for two taps
    for s in range(0, window.columns, 2):
        if 2 * emit.width * emit.size <= VECTOR_BYTES:
            halves = [load(s, 2 * emit.width)] * 2
        else:
            halves = load(s), load(s + emit.width)
        for side in range(min(2, window.columns - s)):
            yield emit.shuffle(*halves, range(side, 2 * emit.width, 2))
