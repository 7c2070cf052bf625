"""Narrow windows side by side: how registers of a row and four windows, or what these cover, lie to each other.

Forward, a thread has four windows of a row and loads what they see; back, it has the 4 stride positions of dx that
begin with every fourth window, and loads the windows that cover them. Either way it begins to load at a multiple of
four, so that its registers are whole vectors; where a window or a tap lies in them is a constant of the kernel.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.cuda.extending import intrinsic

from ...cuda import gemm_tile, ptx, vectorized_rows
from ...cuda.vectorized_rows import FOUR, rows_are_aligned

FINGERPRINT = ptx.fingerprint(vectorized_rows.__file__, ptx.__file__, __file__)
"""For kernels to close over: see ptx.fingerprint."""

WIDEST = 3
"""Taps and stride along a row, at most: with more a thread would hold too much."""


class Seen(NamedTuple):
    """What four windows see: tap s of window j is register lead + j stride + s."""

    taps: int
    stride: int
    lead: int

    @property
    def count(self):
        """Vectors of registers."""
        return -(-(self.lead + (FOUR - 1) * self.stride + self.taps) // FOUR)


class Covering(NamedTuple):
    """The windows that cover 4 stride positions: window k is register lead + k, its tap s position first(k) + s."""

    taps: int
    stride: int
    before: int

    @property
    def windows(self):
        """How many there are."""
        return FOUR + (self.stride - 1 + self.before) // self.stride - self.nearest

    @property
    def nearest(self):
        """The first one, counted from the one that begins every four."""
        return -((self.taps - 1 - self.before) // self.stride)

    @property
    def lead(self):
        """Its register."""
        return self.nearest % FOUR

    @property
    def first(self):
        """Where its first tap lies; window k's is k strides further on."""
        return self.nearest * self.stride - self.before

    @property
    def count(self):
        """Vectors of registers."""
        return -(-(self.lead + self.windows) // FOUR)

    def pairs(self):
        """(register, tap, position) of each window's taps that fall on one of the positions, window by window."""
        places = [(k, s, self.first + k * self.stride + s) for k in range(self.windows) for s in range(self.taps)]
        return [(self.lead + k, s, c) for k, s, c in places if 0 <= c < FOUR * self.stride]


def seen(axis):
    """(Seen, the first register's distance before the window's first position without padding)."""
    corner = -(-axis.before // FOUR) * FOUR
    return Seen(axis.taps, axis.stride, corner - axis.before), corner


def serves(g):
    """Whether a pooling's windows are narrow ones without gaps, and their positions fit a byte."""
    return g.w.dilation == 1 and g.w.taps <= WIDEST and g.w.stride <= WIDEST and g.taps <= 1 << 8


def whole(width, *arrays):
    """Whether vectors reach the rows of all arrays."""
    return all(rows_are_aligned(a, width) for a in arrays)


@intrinsic
def add_seen(typing_context, totals, registers, lead, taps, stride):
    """totals[j] += registers[lead + j stride + s] for the four windows j and taps s, s in order."""
    if not gemm_tile.constant(lead, taps, stride):
        return None

    def generate(context, builder, signature, arguments):
        sums, values = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1))
        for s in range(taps.literal_value):
            for j in range(FOUR):
                _add(builder, sums, j, ptx.moved(builder, values, lead.literal_value + j * stride.literal_value + s))
        return context.get_dummy_value()

    return types.void(totals, registers, lead, taps, stride), generate


@intrinsic
def add_covering(typing_context, totals, registers, taps, stride, before):
    """totals[c] += registers[lead + k] for every window k of a Covering and each c that it covers, k in order."""
    if not gemm_tile.constant(taps, stride, before):
        return None

    def generate(context, builder, signature, arguments):
        sums, values = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1))
        row = Covering(taps.literal_value, stride.literal_value, before.literal_value)
        for register, _, c in row.pairs():
            _add(builder, sums, c, ptx.moved(builder, values, register))
        return context.get_dummy_value()

    return types.void(totals, registers, taps, stride, before), generate


@intrinsic
def add_won(typing_context, totals, registers, winners, tap, taps, stride, before):
    """As add_covering, of the windows whose winner is tap + s, where s is their tap at position c."""
    if not gemm_tile.constant(taps, stride, before):
        return None

    def generate(context, builder, signature, arguments):
        sums, values, won = (ptx.data(context, builder, signature.args[i], arguments[i]) for i in (0, 1, 2))
        row = Covering(taps.literal_value, stride.literal_value, before.literal_value)
        for register, s, c in row.pairs():
            wanted = builder.add(arguments[3], ir.Constant(ptx.I32, s))
            is_winner = builder.icmp_signed("==", builder.load(ptx.moved(builder, won, register)), wanted)
            _add(builder, sums, c, ptx.moved(builder, values, register), is_winner)
        return context.get_dummy_value()

    return types.void(totals, registers, winners, types.int32, taps, stride, before), generate


def _add(builder, sums, position, value, condition=None):
    """sums[position] += value, where the condition holds if there is one."""
    place = ptx.moved(builder, sums, position)
    before = builder.load(place)
    total = builder.fadd(before, builder.load(value))
    builder.store(total if condition is None else builder.select(condition, total, before), place)
