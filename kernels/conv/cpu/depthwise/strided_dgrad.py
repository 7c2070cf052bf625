"""The register tile of an input gradient with a stride of 2: all phases of a block at once.

Element (u stride + a, v stride + b) of phase (a, b) sums the taps that reach it (phases.py). A vector of dy is loaded
once for each row and column shift and feeds all phases; those of the columns are interleaved as they are stored.
"""

from functools import lru_cache

from numba.core.cgutils import for_range_slice
from numba.extending import intrinsic

from ...phases import taps_of_phase
from .tile import begin_tile, tile_signature

PHASE_BLOCKS = (2, 3, 4)
"""Rows of each phase in a tile, whose sums fit the registers of AVX-512 (Xeon, 2026-11)."""


def shifts_of(taps, stride, pad):
    """[(tap, shift), ...] of each phase, where element u of a phase reads dy at u + shift + pad // stride."""
    return [taps_of_phase(phase, taps, stride, 1, pad % stride) for phase in range(stride)]


def column_shifts(taps, stride, pad):
    """The shifts of all phases, ascending."""
    return sorted({shift for phase in shifts_of(taps, stride, pad) for _, shift in phase})


@lru_cache(maxsize=256)
def scatter_rows(window, pads, block, accumulate):
    """An intrinsic: rows p0 stride to p1 stride of dx = sum_{r, s} w[r, s] dy[p, q], p stride - pad + r the row of dx.

    Parameters
    ----------
    window : Window
    pads : (int, int)
        Padding above and to the left, modulo the stride.
    block : int
        Rows of each phase in a tile.
    accumulate : bool
        Add to dx.
    """
    rows_of = shifts_of(window.rows, window.stride_h, pads[0])
    columns_of = shifts_of(window.columns, window.stride_w, pads[1])
    row_shifts = [shift for phase in rows_of for _, shift in phase]
    shifts, step = column_shifts(window.columns, window.stride_w, pads[1]), window.stride_w
    order = [(k, a) for k in range(block) for a in range(window.stride_h)]
    # what a vector of dy in row i and at a column shift is multiplied with: (row of dx, phase of columns, tap)
    uses = {
        (i, shift): [
            (j, b, r, s)
            for j, (k, a) in enumerate(order)
            for r, row_shift in rows_of[a]
            if row_shift == i - k
            for b in range(step)
            for s, column_shift in columns_of[b]
            if column_shift == shift
        ]
        for i in range(min(row_shifts), max(row_shifts) + block)
        for shift in shifts
    }

    @intrinsic
    def scatter(
        typingctx, lines, dy, margins, tables, plane, top, left, w, w_start, w_step, start,
        activation, slope, pre_activation, dx, dx_start, p0, p1, height, width, spare,
    ):  # fmt: skip
        """As correlate_rows; element (0, 0) of a phase reads dy at -top, -left and its shift."""
        signature = tile_signature(lines, dy, margins, tables, w, pre_activation, dx, spare)

        def codegen(context, builder, sig, args):
            top, left = args[5:7]
            dx_start, p0, p1, height, width, _ = args[15:]
            emit, taps, start, finish, spare = begin_tile(context, builder, sig.args, args, window)
            count = builder.sdiv(builder.add(width, emit.constant(step - 1)), emit.constant(step))
            with for_range_slice(builder, p0, p1, emit.constant(block)) as (p, _):
                lowest, highest = min(row_shifts), max(row_shifts) + block - 1
                first = builder.add(builder.sub(p, top), emit.constant(lowest))
                rows = emit.rows(first, highest - lowest + 1)
                row = builder.mul(p, emit.constant(window.stride_h))
                outputs = finish.rows(dx_start, row, height, width, len(order), spare)
                with for_range_slice(builder, emit.constant(0), count, emit.constant(emit.width)) as (q, _):
                    column, target = builder.sub(q, left), builder.mul(q, emit.constant(step))
                    left_over = builder.sub(width, target)
                    halves = [(builder.add(target, emit.constant(h * emit.width)), h) for h in range(step)]

                    def sums(masks, count, rows=rows, outputs=outputs, column=column, halves=halves):
                        counts = [count and builder.sub(count, emit.constant(h * emit.width)) for _, h in halves]
                        vectors = list(zip([at for at, _ in halves], counts, strict=True))
                        tile = [[start] * step for _ in outputs]
                        if accumulate:
                            tile = [_separated(emit, [row.load(*vector) for vector in vectors]) for row in outputs]
                        for i, address in enumerate(rows):
                            for shift in shifts:
                                vector = emit.load(emit.at(address, builder.add(column, emit.constant(shift))))
                                vector = emit.masked(vector, masks and masks[shift])
                                for j, b, r, s in uses[lowest + i, shift]:
                                    tile[j][b] = emit.fma(vector, taps[r][s], tile[j][b])
                        tile = [interleaved(emit, totals) for totals in tile]
                        for h, (at, some) in enumerate(vectors):
                            finish.store(
                                [(row, at, totals[h]) for row, totals in zip(outputs, tile, strict=True)], some
                            )

                    with builder.if_else(_at_edge(emit, column, left_over, shifts, step)) as (edge, inside):
                        with edge:
                            ones = emit.at(emit.ones, column)
                            sums({s: emit.mask(emit.load(emit.at(ones, s))) for s in shifts}, left_over)
                        with inside:
                            sums(None, None)
            return context.get_dummy_value()

        return signature, codegen

    return scatter


def _separated(emit, vectors):
    """The vectors of each phase of columns."""
    if len(vectors) == 1:
        return vectors
    return [emit.shuffle(*vectors, range(phase, 2 * emit.width, 2)) for phase in (0, 1)]


def interleaved(emit, totals):
    """The vectors in the order in which columns of dx lie."""
    if len(totals) == 1:
        return totals
    order = [lane + side * emit.width for lane in range(emit.width) for side in (0, 1)]
    return [emit.shuffle(*totals, order[half : half + emit.width]) for half in (0, emit.width)]


def _at_edge(emit, column, left_over, shifts, step):
    """Whether a vector of dx is not whole, or reads columns outside of dy."""
    builder = emit.builder
    before = builder.icmp_signed("<", builder.add(column, emit.constant(shifts[0])), emit.constant(0))
    after = builder.icmp_signed(">", builder.add(column, emit.constant(shifts[-1] + emit.width)), emit.plane_width)
    few = builder.icmp_signed("<", left_over, emit.constant(step * emit.width))
    return builder.or_(builder.or_(before, after), few)
