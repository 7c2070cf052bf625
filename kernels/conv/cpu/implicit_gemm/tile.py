"""The register tile of a convolution that reads x in place: some filters of a group by some vectors of outputs.

    y[k, q] = f(b[k] + sum_{c, r, s} w[k, c, r, s] x[c, row + r dilation, q stride - left + s dilation])

Lanes are outputs of one row, or of a whole map laid flat where y has the size of x: there a tap moves the map by a
constant, and a table has a mask for each tap and vector. Taps along a row are unrolled; channels and rows are loops.
"""

from functools import lru_cache
from typing import NamedTuple

from numba import types
from numba.core.cgutils import alloca_once_value, for_range_slice
from numba.extending import intrinsic

from ....cpu.registers import MR
from ..depthwise.tile import Window, tap_vectors
from ..lines import LineEmitter
from ..tile_epilogue import Activation

if MR >= 8:
    TILES = ((8, 3), (8, 2), (12, 2), (6, 4), (4, 4), (4, 6), (16, 1), (2, 8))
else:
    TILES = ((6, 2), (4, 2), (3, 3), (12, 1), (2, 4))
MAX_COLUMNS = 7
"""Taps along a row, which are unrolled."""


class Tile(NamedTuple):
    """What a tile is made for."""

    columns: int
    """Taps along a row."""
    stride_w: int
    """1 or 2; if it is 2, dilation is 1."""
    filters: int
    vectors: int
    lanes: int
    """Elements of a vector."""
    flat: bool
    """Whether lanes are outputs of a map laid flat."""


class Problem(NamedTuple):
    """One convolution, as integers for the kernels; channels and filters are a group's."""

    images: int
    groups: int
    channels: int
    filters: int
    rows: int
    """Taps along a column."""
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    top: int
    left: int
    p: int
    """Rows that are computed one after the other: of y, or one if the map is flat."""
    q: int
    """Outputs of such a row."""
    outputs: int
    """Of a plane of y."""
    mask_step: int
    """Elements of the table of masks from one tap to the next."""
    strip: int
    """Rows of a task."""
    spare: int
    """Elements of a line that takes filters beyond the last."""


@lru_cache(maxsize=256)
def multiply_in_place(shape):
    """An intrinsic: one Tile of the equation at the head of this file."""

    @intrinsic
    def multiply(
        typingctx, lines, x, margins, tables, g, plane, row, w, w_start, bias, bias_start, activation, slope,
        pre_activation, y, y_start, filter0, q, masks, spare,
    ):  # fmt: skip
        """One tile.

        Parameters
        ----------
        lines, x, margins, tables
            See LineEmitter.
        g : Problem
        plane, y_start : int
            Element of x with which the group's first plane begins; of y, where its row `p` begins.
        row : int
            Input row of the first tap.
        w : weights of the tile's filters, w[w_start + ((c rows + r) columns + s) filters + i]
        bias : of the tile's filters, from element bias_start on
        filter0, q : int
            First filter in the group, first output in the row.
        masks : int
            Where the masks of a flat map begin in the tables.
        spare : line that takes filters beyond the last
        """
        index = types.intp
        read, written = (lines, x, margins, tables, g, index, index), (y, index, index, index, index, spare)
        signature = types.void(*read, w, index, bias, index, index, x.dtype, pre_activation, *written)

        def codegen(context, builder, sig, args):
            plane, row, w, w_start, bias, bias_start = args[5:11]
            y_start, filter0, q, masks, spare = args[15:]
            emit = LineEmitter(context, builder, sig.args, args, shape.lanes)
            g = Problem(*(builder.extract_value(args[4], i) for i in range(len(Problem._fields))))
            w, bias = emit.pointer(sig.args[7], w, w_start), emit.pointer(sig.args[9], bias, bias_start)
            finish = Activation(emit, sig.args[11:15], args[11:15])
            spare = emit.pointer(sig.args[19], spare)
            outputs = finish.rows(y_start, filter0, g.filters, g.outputs, shape.filters, spare)
            first = [emit.broadcast(emit.at(bias, i)) for i in range(shape.filters)]
            sums = [[alloca_once_value(builder, b) for _ in range(shape.vectors)] for b in first]
            column = builder.sub(builder.mul(q, emit.constant(shape.stride_w)), g.left)
            table = builder.bitcast(emit.pointer(sig.args[3], args[3], masks), emit.element_type.as_pointer())
            size = builder.mul(emit.height, emit.plane_width)

            def add_products(at_edge):
                with for_range_slice(builder, emit.constant(0), g.channels, emit.constant(1)) as (c, _):
                    emit.enter_plane(builder.add(plane, builder.mul(c, size)))
                    with for_range_slice(builder, emit.constant(0), g.rows, emit.constant(1)) as (r, _):
                        (line,) = emit.rows(builder.add(row, builder.mul(r, g.dilation_h)), 1)
                        masks = at_edge and emit.at(emit.ones, column)
                        _add_row(emit, shape, g, emit.at(line, column), (c, r), w, sums, masks)

            def add_flat_products():
                with for_range_slice(builder, emit.constant(0), g.channels, emit.constant(1)) as (c, _):
                    emit.enter_plane(builder.add(plane, builder.mul(c, size)))
                    (map_start,) = emit.rows(emit.constant(0), 1)
                    with for_range_slice(builder, emit.constant(0), g.rows, emit.constant(1)) as (r, _):
                        # of a flat map `row` is how far the first tap is from an output, `dilation_h` from row to row
                        moved = builder.add(builder.add(row, q), builder.mul(r, g.dilation_h))
                        masks = emit.at(emit.at(table, r, builder.mul(g.mask_step, emit.constant(shape.columns))), q)
                        _add_row(emit, shape, g, emit.at(map_start, moved), (c, r), w, sums, masks)

            if shape.flat:
                add_flat_products()
            else:
                with builder.if_else(_reads_outside(emit, shape, g, column, q)) as (edge, inside):
                    with edge:
                        add_products(True)
                    with inside:
                        add_products(False)
            _store(emit, shape, finish, outputs, sums, q, builder.sub(g.q, q))
            return context.get_dummy_value()

        return signature, codegen

    return multiply


def _add_row(emit, shape, g, address, tap, w, sums, masks):
    """Add the products of a row of taps (c, r), which reads from an address on; masks: an address, or False for none.

    Masks lie as the vectors do, from the address on; of a flat map tap by tap.
    """
    builder, (c, r) = emit.builder, tap
    weights = emit.at(w, shape.columns * shape.filters, builder.add(builder.mul(c, g.rows), r))
    for s in range(shape.columns):
        vectors = _vectors(emit, shape, g, address, s)
        if masks is not False:
            if shape.flat:
                ones = _whole(emit, shape, emit.at(masks, emit.constant(s), g.mask_step))
            else:
                ones = _vectors(emit, shape, g, masks, s)
            vectors = [emit.masked(vector, emit.mask(one)) for vector, one in zip(vectors, ones, strict=True)]
        for i, totals in enumerate(sums):
            weight = emit.broadcast(emit.at(weights, s * shape.filters + i))
            for total, vector in zip(totals, vectors, strict=True):
                builder.store(emit.fma(weight, vector, builder.load(total)), total)


def _vectors(emit, shape, g, address, s):
    """What column tap s reads from an address on."""
    if shape.stride_w == 1:
        return _whole(emit, shape, emit.at(address, emit.constant(s), g.dilation_w))
    pairs = [emit.at(address, s // 2 * 2 + 2 * v * emit.width) for v in range(shape.vectors)]
    window = Window(1, 2, shape.stride_w, shape.stride_w, shape.lanes)
    return [list(tap_vectors(emit, pair, window))[s % 2] for pair in pairs]


def _whole(emit, shape, address):
    """The vectors that lie from an address on."""
    return [emit.load(emit.at(address, v * emit.width)) for v in range(shape.vectors)]


def _reads_outside(emit, shape, g, column, q):
    """Whether outputs that exist read columns outside of the map."""
    builder, step = emit.builder, emit.constant(shape.stride_w)
    before = builder.icmp_signed("<", column, emit.constant(0))
    left_over, size = builder.sub(g.q, q), emit.constant(shape.vectors * emit.width)
    count = builder.select(builder.icmp_signed("<", left_over, size), left_over, size)
    last = builder.add(column, builder.mul(builder.sub(count, emit.constant(1)), step))
    last = builder.add(last, builder.mul(g.dilation_w, emit.constant(shape.columns - 1)))
    return builder.or_(before, builder.icmp_signed(">=", last, emit.plane_width))


def _store(emit, shape, finish, outputs, sums, q, left_over):
    """Finish and store the tile, or what exists of it."""
    builder = emit.builder
    whole = builder.icmp_signed(">=", left_over, emit.constant(shape.vectors * emit.width))
    with builder.if_else(whole) as branches:
        for branch, partial in zip(branches, (False, True), strict=True):
            with branch:
                for v in range(shape.vectors):
                    count = builder.sub(left_over, emit.constant(v * emit.width)) if partial else None
                    start = builder.add(q, emit.constant(v * emit.width))
                    totals = [builder.load(row[v]) for row in sums]
                    finish.store([(output, start, t) for output, t in zip(outputs, totals, strict=True)], count)
