"""Vectorized pooling of narrow windows: which register holds which tap of four neighboring windows.

Forward, a thread computes four windows of a row and loads the inputs under them; backward, it computes the 4 stride
positions of dx that start with every fourth window, and loads the windows that cover them. Either way it loads from a
multiple of four elements on, so that its registers are whole vectors; the register of a window or a tap is a constant
of the kernel.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from ...cuda import gemm_tile, ptx
from ...cuda.vectorized_rows import FOUR, rows_are_aligned

MAX_TAPS = 3
"""Taps and stride along a row at most: more would take too many registers."""


class ForwardRow(NamedTuple):
    """Inputs of four windows in registers: tap s of window j is register lead + j stride + s."""

    taps: int
    stride: int
    lead: int

    @property
    def count(self):
        """Registers, in vectors of four."""
        return -(-(self.lead + (FOUR - 1) * self.stride + self.taps) // FOUR)


class BackwardRow(NamedTuple):
    """Windows covering 4 stride positions: window k is register lead + k, its tap s position first + k stride + s."""

    taps: int
    stride: int
    pad_before: int

    @property
    def windows(self):
        """How many windows cover the positions."""
        return FOUR + (self.stride - 1 + self.pad_before) // self.stride - self.nearest

    @property
    def nearest(self):
        """The first of them, relative to the window that starts at the first position."""
        return -((self.taps - 1 - self.pad_before) // self.stride)

    @property
    def lead(self):
        """Register of the first window."""
        return self.nearest % FOUR

    @property
    def first(self):
        """Position of the first window's first tap."""
        return self.nearest * self.stride - self.pad_before

    @property
    def count(self):
        """Registers, in vectors of four."""
        return -(-(self.lead + self.windows) // FOUR)

    def pairs(self):
        """(register, tap, position) of every tap that falls on one of the positions, window by window."""
        taps = [(k, s, self.first + k * self.stride + s) for k in range(self.windows) for s in range(self.taps)]
        return [(self.lead + k, s, c) for k, s, c in taps if 0 <= c < FOUR * self.stride]


def forward_row(axis):
    """(ForwardRow, columns from the first register to the first unpadded input)."""
    corner = -(-axis.pad_before // FOUR) * FOUR
    return ForwardRow(axis.taps, axis.stride, corner - axis.pad_before), corner


def supports(g):
    """Whether windows are narrow and without dilation, padded by less than one, and the mask fits a byte."""
    if max(g.w.pad_before, g.w.pad_after) >= g.w.taps:  # a kernel is compiled for each padding
        return False
    return g.w.dilation == 1 and g.w.taps <= MAX_TAPS and g.w.stride <= MAX_TAPS and g.taps <= 1 << 8


def vectors_reach_rows(width, *arrays):
    """Whether 128-bit accesses reach every row of all arrays."""
    return all(rows_are_aligned(a, width) for a in arrays)


@intrinsic
def add_taps(typing_context, totals, registers, lead, taps, stride):
    """totals[j] += registers[lead + j stride + s] for the four windows j and taps s, s in order."""
    if not gemm_tile.constant(lead, taps, stride):
        return None

    def generate(context, builder, signature, arguments):
        sums, values = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1))
        for s in range(taps.literal_value):
            for j in range(FOUR):
                _add(builder, sums, j, ptx.advanced(builder, values, lead.literal_value + j * stride.literal_value + s))
        return context.get_dummy_value()

    return types.void(totals, registers, lead, taps, stride), generate


@intrinsic
def add_covering_windows(typing_context, totals, registers, taps, stride, pad_before):
    """totals[c] += registers[lead + k] for every window k of a BackwardRow and each c that it covers, k in order."""
    if not gemm_tile.constant(taps, stride, pad_before):
        return None

    def generate(context, builder, signature, arguments):
        sums, values = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1))
        row = BackwardRow(taps.literal_value, stride.literal_value, pad_before.literal_value)
        for register, _, c in row.pairs():
            _add(builder, sums, c, ptx.advanced(builder, values, register))
        return context.get_dummy_value()

    return types.void(totals, registers, taps, stride, pad_before), generate


@intrinsic
def add_won_windows(typing_context, totals, registers, winners, tap, taps, stride, pad_before):
    """As add_covering_windows, for windows whose winner is tap + s, where s is their tap at position c."""
    if not gemm_tile.constant(taps, stride, pad_before):
        return None

    def generate(context, builder, signature, arguments):
        sums, values, won = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1, 2))
        row = BackwardRow(taps.literal_value, stride.literal_value, pad_before.literal_value)
        for register, s, c in row.pairs():
            expected = builder.add(arguments[3], ir.Constant(ptx.I32, s))
            is_winner = builder.icmp_signed("==", builder.load(ptx.advanced(builder, won, register)), expected)
            _add(builder, sums, c, ptx.advanced(builder, values, register), is_winner)
        return context.get_dummy_value()

    return types.void(totals, registers, winners, types.int32, taps, stride, pad_before), generate


def _add(builder, sums, position, value, condition=None):
    """sums[position] += value; with a condition only where it holds."""
    pointer = ptx.advanced(builder, sums, position)
    old = builder.load(pointer)
    new = builder.fadd(old, builder.load(value))
    builder.store(new if condition is None else builder.select(condition, new, old), pointer)
