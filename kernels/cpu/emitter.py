"""LLVM code on vectors, for the intrinsics of this package: loads, shuffles, multiply-adds, register tiles."""

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function

from .registers import VECTOR_BYTES


class Emitter:
    """The few LLVM instructions the intrinsics are written in, on vectors of one element type.

    Parameters
    ----------
    context, builder
        Of the intrinsic.
    dtype : Numba type
        Of an element.
    width : int, optional
        Elements of a vector; default: as many as fit a register.
    """

    def __init__(self, context, builder, dtype, width=None):
        self.context, self.builder, self.dtype = context, builder, dtype
        self.size, self.width = dtype.bitwidth // 8, width or 8 * VECTOR_BYTES // dtype.bitwidth
        self.element_type, self.integer = context.get_value_type(dtype), context.get_value_type(types.intp)
        self.vector = self.vector_of(self.width)
        self.zeros = ir.Constant(self.vector, None)

    def vector_of(self, count):
        """The type of a vector of so many elements."""
        return ir.VectorType(self.element_type, count)

    def of_width(self, width):
        """The same on vectors of so many elements."""
        return Emitter(self.context, self.builder, self.dtype, width)

    def constant(self, value):
        """An index."""
        return ir.Constant(self.integer, value)

    def pointer(self, array_type, array, start=None):
        """Address of an array's element `start`."""
        data = self.context.make_array(array_type)(self.context, self.builder, array).data
        return data if start is None else self.builder.gep(data, [start])

    def at(self, base, position, stride=None):
        """The address base + position, or base + position * stride."""
        position = self.constant(position) if isinstance(position, int) else position
        return self.builder.gep(base, [position if stride is None else self.builder.mul(stride, position)])

    def table_entry(self, table, position):
        """table[position] of an int32 table, as an index."""
        return self.builder.sext(self.builder.load(self.builder.gep(table, [position])), self.integer)

    def load(self, address, count=None):
        """The vector at an address, or so many elements; aligned to an element."""
        vector = self.vector if count is None else self.vector_of(count)
        return self.builder.load(self.builder.bitcast(address, vector.as_pointer()), align=self.size)

    def store(self, value, address):
        """Store a vector of any length at an address, aligned to an element."""
        self.builder.store(value, self.builder.bitcast(address, value.type.as_pointer()), align=self.size)

    def store_first(self, value, address, count):
        """Store a vector's first `count` elements.

        As one instruction: of many blocks Numba would not see that arrays live on.
        """
        pointer, wanted = self._first_lanes(value.type, address, count)
        kind = ir.FunctionType(ir.VoidType(), [value.type, pointer.type, ir.IntType(32), wanted.type])
        name = f"llvm.masked.store.v{value.type.count}{value.type.element.intrinsic_name}.p0"
        function = get_or_insert_function(self.builder.module, kind, name)
        self.builder.call(function, [value, pointer, ir.Constant(ir.IntType(32), self.size), wanted])

    def load_first(self, address, count):
        """A vector's first `count` elements, zeros after them; nothing else is read."""
        pointer, wanted = self._first_lanes(self.vector, address, count)
        kind = ir.FunctionType(self.vector, [pointer.type, ir.IntType(32), wanted.type, self.vector])
        name = f"llvm.masked.load.v{self.width}{self.element_type.intrinsic_name}.p0"
        function = get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [pointer, ir.Constant(ir.IntType(32), self.size), wanted, self.zeros])

    def _first_lanes(self, vector, address, count):
        """(address of a vector, mask of its first `count` lanes)."""
        numbers = ir.VectorType(ir.IntType(64), vector.count)
        lanes = ir.Constant(numbers, list(range(vector.count)))
        return (
            self.builder.bitcast(address, vector.as_pointer()),
            self.builder.icmp_signed("<", lanes, self.splat(count, numbers)),
        )

    def truncated(self, value):
        """A vector of integers in the array's type; any other as it is."""
        kind = ir.VectorType(self.element_type, value.type.count)
        return value if kind == value.type else self.builder.trunc(value, kind)

    def prefetch(self, address, level=1):
        """Ask for the cache line of an address, which need not be an array's, in the cache of a level."""
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte] + [number] * 3)
        function = get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        read, locality, data = (ir.Constant(number, n) for n in (0, 4 - level, 1))
        self.builder.call(function, [self.builder.bitcast(address, byte), read, locality, data])

    def shuffle(self, a, b, order):
        """Elements of a and b laid end to end, by number."""
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))
        return self.builder.shuffle_vector(a, b, lanes)

    def shuffle_groups(self, a, b, order):
        """In every group of four lanes: elements of a's group (0 to 3) and of b's (4 to 7)."""
        groups = range(0, self.width, 4)
        return self.shuffle(a, b, [g + (o if o < 4 else self.width + o - 4) for g in groups for o in order])

    def concatenated(self, quads):
        """A vector of quads, the first one lowest."""
        while len(quads) > 1:
            length = range(2 * quads[0].type.count)
            quads = [self.shuffle(a, b, length) for a, b in zip(quads[::2], quads[1::2], strict=True)]
        return quads[0]

    def quad_of(self, vector, group):
        """Four lanes of a vector."""
        return self.shuffle(vector, vector, range(4 * group, 4 * group + 4))

    def element(self, vector, lane):
        """One lane of a vector."""
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), lane))

    def vector_from(self, elements):
        """A vector, or a quad, of elements."""
        vector = ir.Constant(ir.VectorType(elements[0].type, len(elements)), ir.Undefined)
        for lane, element in enumerate(elements):
            vector = self.builder.insert_element(vector, element, ir.Constant(ir.IntType(32), lane))
        return vector

    def splat(self, value, vector=None):
        """A vector of copies of a value, of this emitter's type or another."""
        vector = self.vector if vector is None else vector
        undefined = ir.Constant(vector, ir.Undefined)
        lane = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def broadcast(self, address):
        """A vector of copies of the element at an address."""
        return self.splat(self.builder.load(address))

    def fma(self, a, b, c):
        """a * b + c, rounded once."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = get_or_insert_function(self.builder.module, kind, f"llvm.fma.v{self.width}f{8 * self.size}")
        return self.builder.call(function, [a, b, c])

    def columns(self, quads):
        """Four vectors, of one element of every quad each; as many quads as lanes."""
        if self.width % 4:
            return [self.vector_from([self.element(quad, c) for quad in quads]) for c in range(4)]
        return self.transposed([self.concatenated(quads[j::4]) for j in range(4)])

    def quads(self, columns):
        """A quad for each lane, of its elements of four vectors: the reverse of columns."""
        if self.width % 4:
            return [self.vector_from([self.element(column, lane) for column in columns]) for lane in range(self.width)]
        groups = self.transposed(columns)
        return [self.quad_of(groups[lane % 4], lane // 4) for lane in range(self.width)]

    def pairs(self, columns):
        """A pair for each lane, of its elements of two vectors."""
        return [self.shuffle(*columns, (lane, self.width + lane)) for lane in range(self.width)]

    def transposed(self, rows):
        """Each 4x4 block of four vectors, transposed: quad g of result j holds element j of quad g of every row."""
        a, b, c, d = rows
        lows = [self.shuffle_groups(x, y, (0, 4, 1, 5)) for x, y in ((a, b), (c, d))]
        highs = [self.shuffle_groups(x, y, (2, 6, 3, 7)) for x, y in ((a, b), (c, d))]
        return [self.shuffle_groups(*pair, order) for pair in (lows, highs) for order in ((0, 1, 4, 5), (2, 3, 6, 7))]

    def reduce_lanes(self, vectors):
        """The sums over the lanes of four vectors, in the same order on every run."""
        if self.width % 4:
            return self._tree(self.quads(vectors))
        total = self._tree(self.transposed(vectors))
        return self._tree([self.quad_of(total, group) for group in range(self.width // 4)])

    def _tree(self, terms):
        while len(terms) > 1:
            terms = [self.builder.fadd(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
        return terms[0]

    def linear_combination(self, coefficients, vectors):
        """Sum of coefficient * vector, or None if every coefficient is 0."""
        total = None
        for coefficient, vector in zip(coefficients, vectors, strict=True):
            if coefficient == 0:
                continue
            if total is None:
                total = vector if coefficient == 1 else self.builder.fmul(self.filled(coefficient), vector)
            elif abs(coefficient) == 1:
                total = (self.builder.fadd if coefficient > 0 else self.builder.fsub)(total, vector)
            else:
                total = self.fma(self.filled(coefficient), vector, total)
        return total

    def multiply_matrix(self, matrix, vectors):
        """Matrix times a column of vectors; two rows that differ in signs alone are E + O and E - O.

        Two columns that do are taken together first: the sum and the difference of their vectors.
        """
        matrix, vectors = self._joined_columns(matrix, vectors)
        results = []
        for i, row in enumerate(matrix):
            above = matrix[i - 1] if i else row
            if i and row != above and [abs(f) for f in row] == [abs(f) for f in above]:
                even = self.linear_combination([f if f == g else 0 for f, g in zip(row, above, strict=True)], vectors)
                odd = self.linear_combination([g if f != g else 0 for f, g in zip(row, above, strict=True)], vectors)
                results[-1] = self.builder.fadd(even, odd)
                results.append(self.builder.fsub(even, odd))
            else:
                results.append(self.linear_combination(row, vectors))
        return results

    def _joined_columns(self, matrix, vectors):
        """The same product, with sum and difference of neighboring vectors whose columns differ in signs alone."""
        columns, joined, j = list(zip(*matrix, strict=True)), [], 0
        while j < len(columns):
            first, second = columns[j], columns[min(j + 1, len(columns) - 1)]
            even = [f if f == g else 0 for f, g in zip(first, second, strict=True)]
            odd = [f if f == -g else 0 for f, g in zip(first, second, strict=True)]
            if any(even) and any(odd) and [*map(abs, first)] == [*map(abs, second)]:
                joined.append((even, self.builder.fadd(vectors[j], vectors[j + 1])))
                joined.append((odd, self.builder.fsub(vectors[j], vectors[j + 1])))
                j += 2
            else:
                joined.append((first, vectors[j]))
                j += 1
        return list(zip(*[column for column, _ in joined], strict=True)), [vector for _, vector in joined]

    def filled(self, value):
        """A vector of copies of a constant."""
        return ir.Constant(self.vector, [float(value)] * self.width)

    def accumulate(self, steps, rows, columns, products, first=None):
        """Sum products(step) -> rows x columns of (a, b) over the steps, at least one, in registers.

        Each row begins with a vector of `first`, or with zeros.
        """
        builder = self.builder
        entry, loop, done = builder.block, builder.append_basic_block("tile"), builder.append_basic_block("store")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(self.integer)
        tile = [[builder.phi(self.vector) for _ in range(columns)] for _ in range(rows)]
        results = [[None] * columns for _ in range(rows)]
        for i, j, a, b in products(step):
            results[i][j] = self.fma(a, b, tile[i][j])
            tile[i][j].add_incoming(self.zeros if first is None else first[i], entry)
            tile[i][j].add_incoming(results[i][j], loop)
        following = builder.add(step, self.constant(1))
        step.add_incoming(self.constant(0), entry)
        step.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, steps), loop, done)
        builder.position_at_end(done)
        return results

    def store_tile(self, tile, address, stride, accumulate):
        """Store rows of vectors, `stride` elements from row to row, or add them to what is in memory."""
        with self.builder.if_else(accumulate) as (added, written):
            with added:
                for i, row in enumerate(tile):
                    for j, vector in enumerate(row):
                        target = self.at(self.at(address, i, stride), j * self.width)
                        self.store(self.builder.fadd(self.load(target), vector), target)
            with written:
                self.write_tile(tile, address, stride)

    def write_tile(self, tile, address, stride):
        """Store rows of vectors, `stride` elements from row to row."""
        for i, row in enumerate(tile):
            for j, vector in enumerate(row):
                self.store(vector, self.at(self.at(address, i, stride), j * self.width))
