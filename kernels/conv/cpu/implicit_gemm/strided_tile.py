"""The register tile of an input gradient with a stride of 2 along a row: channels of dx by vectors of both phases.

    dx[c, 2 u + b] = sum_{k, r, s} w[k, c, r, s] dy[k, row(r), u + shift(b, s)]

Elements of dx with even and with odd columns meet different taps (phases.py). A vector of dy is loaded once for each
shift and feeds the taps of both; the phases are interleaved as they are stored.
"""

from functools import lru_cache
from typing import NamedTuple

from numba import types
from numba.core.cgutils import alloca_once_value, for_range_slice
from numba.extending import intrinsic

from ....cpu.registers import MR
from ..depthwise.strided_dgrad import column_shifts, interleaved, shifts_of
from ..lines import LineEmitter
from ..tile_epilogue import Activation

PHASES = 2
STRIDED_TILES = ((12, 1), (8, 1), (6, 2), (4, 3), (4, 2), (2, 4)) if MR >= 8 else ((5, 1), (4, 1), (2, 2), (1, 4))
"""Channels of dx and vectors of each phase, whose sums fit the registers."""


class StridedTile(NamedTuple):
    """What a tile is made for."""

    columns: int
    """Taps along a row."""
    pad: int
    """Padding to the left, modulo the stride."""
    channels: int
    """Of dx."""
    vectors: int
    """Of each phase."""
    lanes: int
    """Elements of a vector."""


class StridedProblem(NamedTuple):
    """One input gradient, as integers for the kernels; channels and filters are a group's."""

    images: int
    groups: int
    filters: int
    """That sums go over: planes of dy."""
    channels: int
    """Planes of dx."""
    rows: int
    """Taps along a column."""
    stride_h: int
    top: int
    left: int
    """Columns by which all taps are moved beyond their shifts."""
    h: int
    """Of a plane of dx."""
    w: int
    p: int
    """Rows of dy."""
    strip: int
    """Rows of dx in a task."""
    spare: int
    """Elements of a line that takes channels beyond the last."""


@lru_cache(maxsize=256)
def gather_phases(shape):
    """An intrinsic: one StridedTile of the equation at the head of this file."""
    shifts = column_shifts(shape.columns, PHASES, shape.pad)
    phases = shifts_of(shape.columns, PHASES, shape.pad)
    uses = {shift: [(b, s) for b in range(PHASES) for s, other in phases[b] if other == shift] for shift in shifts}

    @intrinsic
    def gather(
        typingctx, lines, dy, margins, tables, g, plane, row, tap, count, w, w_start, activation, slope,
        pre_activation, dx, dx_start, channel0, u, spare,
    ):  # fmt: skip
        """One tile.

        Parameters
        ----------
        lines, dy, margins, tables
            See LineEmitter.
        g : StridedProblem
        plane : int
            Element of dy with which the group's first plane begins.
        row, tap, count : int
            Row of dy that the first tap along a column reads, the tap, and how many there are; each further one is
            `stride_h` taps on and reads the row before.
        w : weights of the tile's channels, w[w_start + ((r filters + k) columns + s) channels + i]
        dx_start : int
            Element of dx with which the row begins in the group's first plane.
        channel0, u : int
            First channel in the group, first element of each phase.
        spare : line that takes channels beyond the last
        """
        index = types.intp
        read = lines, dy, margins, tables, g, index, index, index, index, w, index
        signature = types.void(*read, index, dy.dtype, pre_activation, dx, index, index, index, spare)

        def codegen(context, builder, sig, args):
            plane, row, tap, count, w, w_start = args[5:11]
            dx_start, channel0, u, spare = args[15:]
            emit = LineEmitter(context, builder, sig.args, args, shape.lanes)
            g = StridedProblem(*(builder.extract_value(args[4], i) for i in range(len(StridedProblem._fields))))
            w, spare = emit.pointer(sig.args[9], w, w_start), emit.pointer(sig.args[18], spare)
            finish = Activation(emit, sig.args[11:15], args[11:15])
            size = builder.mul(g.h, g.w)
            outputs = finish.rows(dx_start, channel0, g.channels, size, shape.channels, spare)
            sums = [
                [[alloca_once_value(builder, emit.zeros) for _ in range(shape.vectors)] for _ in range(PHASES)]
                for _ in range(shape.channels)
            ]
            column, plane_size = builder.sub(u, g.left), builder.mul(emit.height, emit.plane_width)
            left_over = builder.sub(g.w, builder.mul(u, emit.constant(PHASES)))

            def add_products(at_edge):
                ones = emit.at(emit.ones, column)
                with for_range_slice(builder, emit.constant(0), count, emit.constant(1)) as (t, _):
                    r = builder.add(tap, builder.mul(t, g.stride_h))
                    weights = emit.at(w, builder.mul(r, g.filters), emit.constant(shape.columns * shape.channels))
                    first = builder.add(plane, builder.mul(builder.sub(row, t), emit.plane_width))
                    with for_range_slice(builder, emit.constant(0), g.filters, emit.constant(1)) as (k, _):
                        address = emit.at(emit.row_inside(builder.add(first, builder.mul(k, plane_size))), column)
                        factors = emit.at(weights, emit.constant(shape.columns * shape.channels), k)
                        for shift in shifts:
                            read = [shift + v * emit.width for v in range(shape.vectors)]
                            vectors = [emit.load(emit.at(address, at)) for at in read]
                            if at_edge:
                                masks = [emit.mask(emit.load(emit.at(ones, at))) for at in read]
                                vectors = [emit.masked(*pair) for pair in zip(vectors, masks, strict=True)]
                            _add(emit, shape, factors, uses[shift], vectors, sums)

            with builder.if_else(_reads_outside(emit, shape, column, left_over, shifts)) as (edge, inside):
                with edge:
                    add_products(True)
                with inside:
                    add_products(False)
            _store(emit, shape, finish, outputs, sums, builder.mul(u, emit.constant(PHASES)), left_over)
            return context.get_dummy_value()

        return signature, codegen

    return gather


def _add(emit, shape, factors, uses, vectors, sums):
    """Add the products of vectors of dy with the weights of the taps that they feed: (phase, tap) pairs."""
    for b, s in uses:
        for i in range(shape.channels):
            weight = emit.broadcast(emit.at(factors, s * shape.channels + i))
            for total, vector in zip(sums[i][b], vectors, strict=True):
                emit.builder.store(emit.fma(weight, vector, emit.builder.load(total)), total)


def _reads_outside(emit, shape, column, left_over, shifts):
    """Whether elements of dx that exist read columns outside of dy."""
    builder, size = emit.builder, emit.constant(shape.vectors * emit.width)
    before = builder.icmp_signed("<", builder.add(column, emit.constant(shifts[0])), emit.constant(0))
    some = builder.sdiv(builder.add(left_over, emit.constant(PHASES - 1)), emit.constant(PHASES))
    some = builder.select(builder.icmp_signed("<", some, size), some, size)
    last = builder.add(builder.add(column, some), emit.constant(shifts[-1]))
    return builder.or_(before, builder.icmp_signed(">", last, emit.plane_width))


def _store(emit, shape, finish, outputs, sums, column, left_over):
    """Interleave the phases, finish and store the tile, or what exists of it."""
    builder = emit.builder
    whole = builder.icmp_signed(">=", left_over, emit.constant(PHASES * shape.vectors * emit.width))
    with builder.if_else(whole) as branches:
        for branch, partial in zip(branches, (False, True), strict=True):
            with branch:
                for v in range(shape.vectors):
                    rows = [interleaved(emit, [builder.load(phase[v]) for phase in totals]) for totals in sums]
                    for half in range(PHASES):
                        at = emit.constant((PHASES * v + half) * emit.width)
                        exist = builder.sub(left_over, at) if partial else None
                        start = builder.add(column, at)
                        finish.store([(y, start, row[half]) for y, row in zip(outputs, rows, strict=True)], exist)
