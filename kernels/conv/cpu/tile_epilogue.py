"""What becomes of the sums of a tile: the activation, or the factor of its derivative, and the store."""

from ...core.scalar import IDENTITY, RELU


class OutputRow:
    """A row of the result, and the pre-activations that lie where it does.

    Parameters
    ----------
    emit : LineEmitter
    target, pre_activation : LLVM values
        Addresses of column 0.
    """

    def __init__(self, emit, target, pre_activation):
        self.emit, self.target, self.pre_activation = emit, target, pre_activation

    def load(self, column, count, address=None):
        """The vector from a column on, or its first `count` elements."""
        address = self.emit.at(self.target if address is None else address, column)
        return self.emit.load(address) if count is None else self.emit.load_first(address, count)

    def store(self, column, count, vector):
        """Store a vector from a column on, or its first `count` elements."""
        address = self.emit.at(self.target, column)
        if count is None:
            self.emit.store(vector, address)
        else:
            self.emit.store_first(vector, address, count)


class Activation:
    """The epilogue of a tile.

    Parameters
    ----------
    emit : LineEmitter
    kinds, values : sequence
        Numba's types and LLVM's values of the activation's code, its slope, the flat pre-activations (empty for the
        activation itself), and the result.
    """

    def __init__(self, emit, kinds, values):
        code, slope, pre_activation, y = values
        builder, self.emit = emit.builder, emit
        self.y, self.x = emit.pointer(kinds[3], y), emit.pointer(kinds[2], pre_activation)
        size = emit.context.make_array(kinds[2])(emit.context, builder, pre_activation).nitems
        self.is_gradient = builder.icmp_signed(">", size, emit.constant(0))
        self.is_active = builder.icmp_signed("!=", code, emit.constant(IDENTITY))
        self.is_relu = builder.icmp_signed("==", code, emit.constant(RELU))
        self.slope = emit.splat(slope)

    def rows(self, start, row, rows, columns, count, spare):
        """Some rows of the plane that begins with y's element `start`; those past the last are the spare line."""
        emit, builder, found = self.emit, self.emit.builder, []
        first = builder.add(start, builder.mul(row, columns))
        for _ in range(count):
            exists = builder.icmp_signed("<", row, rows)
            target = builder.select(exists, emit.at(self.y, first), spare)
            usable = builder.and_(exists, self.is_gradient)
            found.append(OutputRow(emit, target, builder.select(usable, emit.at(self.x, first), target)))
            row, first = builder.add(row, emit.constant(1)), builder.add(first, columns)
        return found

    def store(self, results, count):
        """Finish and store (row, column, sum) triples, whole vectors or their first `count` elements."""
        with self.emit.builder.if_else(self.is_active, likely=False) as (active, identity):
            with active:
                for row, column, total in results:
                    x = row.load(column, count, row.pre_activation)
                    x = self.emit.builder.select(self.is_gradient, x, total)
                    row.store(column, count, self._activated(total, x))
            with identity:
                for row, column, total in results:
                    row.store(column, count, total)

    def _activated(self, value, x):
        """value where x > 0, slope * value elsewhere; of relu 0, and value itself where x is NaN."""
        builder, zeros = self.emit.builder, self.emit.zeros
        ordered, unordered = (compare("<=", x, zeros) for compare in (builder.fcmp_ordered, builder.fcmp_unordered))
        below = builder.select(self.is_relu, zeros, builder.fmul(self.slope, value))
        return builder.select(builder.select(self.is_relu, ordered, unordered), below, value)
