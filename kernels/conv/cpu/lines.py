"""Reading planes in place, in whole vectors: what a vector finds beside a row of the map, and which lanes of it count.

A kernel that reads x in place copies no plane. It reads row i of a plane as vectors that may begin before the row and
end after it. Lanes outside of the map are cleared with a mask that is read from a line of ones, one for each column,
and rows outside of the map are read from a line of zeros. Memory beside a row is mostly another row; only the first
and the last rows of the whole array are copied with margins, `head` and `tail`.

                 columns low ... 0 ... width ... high
    ones line             0   0  1  1    0   0       bits of each element
    zeros line            0   0  0  0    0   0
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core.cgutils import get_or_insert_function

from ...cpu.emitter import Emitter
from ...cpu.parallel import workspace
from ...cpu.registers import VECTOR_BYTES

MASKED_LOADS = VECTOR_BYTES == 64
"""Whether a load with a mask takes no longer than one without: AVX-512."""
INTEGER_BYTES = 4
"""Of an entry of a plan's tables, which hold the lines."""


class Lines(NamedTuple):
    """Columns that vectors reach, and the planes they lie in, as integers for the kernels."""

    height: int
    width: int
    low: int
    """First column that a vector reads, negative in padding."""
    high: int
    """Column after the last that a vector reads."""


def lines_of(height, width, first, last):
    """Lines for vectors that read columns `first` to `last`, the latter excluded."""
    return Lines(height, width, min(first, 0), max(last, width))


def line_tables(lines, dtype):
    """(ones line, zeros line) as int32 arrays."""
    ones = np.zeros((lines.high - lines.low, np.dtype(dtype).itemsize // INTEGER_BYTES), np.int32)
    ones[-lines.low : lines.width - lines.low] = -1
    return ones, np.zeros_like(ones)


@njit(inline="always")
def margins_size(lines):
    """Elements of `head` and `tail`."""
    return head_size(lines) + 2 * lines.high - lines.low - lines.width


@njit(inline="always")
def head_size(lines):
    """Elements of `head`: columns low to high of every row that begins less than -low elements into the array."""
    return lines.high - 2 * lines.low


@njit(inline="always")
def tail_start(lines, x):
    """The element of x with which `tail` begins."""
    return x.size - lines.high + lines.low


@njit(cache=True, nogil=True)
def copy_margins(lines, x):
    """`head` and `tail`, end to end: the first and the last elements of x, zeros beside them."""
    margins, size = workspace(margins_size(lines), x), head_size(lines)
    for i in range(size):
        source = i + lines.low
        margins[i] = x[source] if 0 <= source < x.size else 0
    for i in range(size, margins.size):
        source = i - size + tail_start(lines, x)
        margins[i] = x[source] if 0 <= source < x.size else 0
    return margins


class LineEmitter(Emitter):
    """Code on vectors that lie in rows of a plane.

    Parameters
    ----------
    context, builder
        See Emitter.
    kinds, values : sequence
        Numba's types and LLVM's values of an intrinsic's arguments, that begin with a Lines tuple, a flat array, what
        `copy_margins` returns, and tables that begin with both lines.
    """

    def __init__(self, context, builder, kinds, values, width=None):
        super().__init__(context, builder, kinds[1].dtype, width)
        fields = (builder.extract_value(values[0], i) for i in range(len(Lines._fields)))
        self.height, self.plane_width, self.low, self.high = fields
        x, margins, tables = (self.pointer(kind, value) for kind, value in zip(kinds[1:4], values[1:4], strict=True))
        self.x, self.x_size = x, context.make_array(kinds[1])(context, builder, values[1]).nitems
        # each pointer is to column 0 or, of a copy, to element 0 of x
        sub, add = builder.sub, builder.add
        self.head = self.at(margins, sub(self.constant(0), self.low))
        head_size = sub(self.high, add(self.low, self.low))
        tail_start = add(sub(self.x_size, self.high), self.low)
        self.tail = self.at(margins, sub(head_size, tail_start))
        lines = builder.bitcast(tables, self.element_type.as_pointer())
        self.ones = self.at(lines, sub(self.constant(0), self.low))
        self.zeros_line = self.at(self.ones, sub(self.high, self.low))

    def enter_plane(self, start):
        """Read rows of the plane that begins with x's element `start` from now on."""
        builder, self.plane = self.builder, start
        end = builder.add(start, builder.mul(builder.sub(self.height, self.constant(1)), self.plane_width))
        before = builder.icmp_signed("<", builder.add(start, self.low), self.constant(0))
        after = builder.icmp_signed(">", builder.add(end, self.high), self.x_size)
        self.is_marginal = builder.or_(before, after)

    def rows(self, row, count):
        """Addresses of column 0 of some rows of the plane, from a row on, wherever they are read."""
        builder, found = self.builder, []
        first = builder.add(self.plane, builder.mul(row, self.plane_width))
        for _ in range(count):
            address, block = self.at(self.x, first), builder.block
            with builder.if_then(self.is_marginal, likely=False):
                copied, marginal = self._margin_row(first, address), builder.block
            wherever = builder.phi(address.type)
            wherever.add_incoming(address, block)
            wherever.add_incoming(copied, marginal)
            inside = builder.icmp_unsigned("<", row, self.height)
            found.append(builder.select(inside, wherever, self.zeros_line))
            row, first = builder.add(row, self.constant(1)), builder.add(first, self.plane_width)
        return found

    def row_inside(self, first):
        """Address of column 0 of a row of the map that begins with x's element `first`: of any plane."""
        builder, address, block = self.builder, self.at(self.x, first), self.builder.block
        # one comparison: low elements before the row and high after it are in x
        end, zero = (
            builder.add(builder.sub(self.x_size, builder.sub(self.high, self.low)), self.constant(1)),
            self.constant(0),
        )
        end = builder.select(builder.icmp_signed("<", end, zero), zero, end)
        outside = builder.icmp_unsigned(">=", builder.add(first, self.low), end)
        with builder.if_then(outside, likely=False):
            copied, marginal = self._margin_row(first, address), builder.block
        wherever = builder.phi(address.type)
        wherever.add_incoming(address, block)
        wherever.add_incoming(copied, marginal)
        return wherever

    def _margin_row(self, first, address):
        """Address of a row of the first or the last plane: in x, or in the copy that it is read from."""
        builder = self.builder
        before = builder.icmp_signed("<", builder.add(first, self.low), self.constant(0))
        after = builder.icmp_signed(">", builder.add(first, self.high), self.x_size)
        address = builder.select(after, self.at(self.tail, first), address)
        return builder.select(before, self.at(self.head, first), address)

    def load_inside(self, address, ones, count=None):
        """The vector at an address, or so many elements, zeros where the line of ones has none at `ones`.

        With AVX-512 the load itself is masked, which leaves the multiply-add's ports alone.
        """
        builder, line = self.builder, self.load(ones, count)
        integers = ir.VectorType(ir.IntType(8 * self.size), line.type.count)
        bits = builder.bitcast(line, integers)
        if not MASKED_LOADS:
            vector = builder.bitcast(self.load(address, count), integers)
            return builder.bitcast(builder.and_(vector, bits), line.type)
        inside, pointer = builder.icmp_unsigned("!=", bits, ir.Constant(integers, None)), line.type.as_pointer()
        kind = ir.FunctionType(line.type, [pointer, ir.IntType(32), inside.type, line.type])
        name = f"llvm.masked.load.v{line.type.count}{self.element_type.intrinsic_name}.p0"
        function, align = get_or_insert_function(builder.module, kind, name), ir.Constant(ir.IntType(32), self.size)
        return builder.call(function, [builder.bitcast(address, pointer), align, inside, ir.Constant(line.type, None)])

    @property
    def bits(self):
        """The type of a vector's bits."""
        return ir.VectorType(ir.IntType(8 * self.size), self.width)

    def mask(self, line):
        """The bits of a vector of the ones line, or of what was shuffled from it: the lanes that are inside the map."""
        return self.builder.bitcast(line, self.bits)

    def masked(self, vector, mask):
        """The lanes of a mask, zeros elsewhere; all without a mask."""
        if mask is None:
            return vector
        return self.builder.bitcast(self.builder.and_(self.builder.bitcast(vector, self.bits), mask), self.vector)
