"""Registers: how many the host has and how a tile uses them, and the LLVM instructions the intrinsics consist of."""

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.core.cgutils import get_or_insert_function


def _features():
    """Names of the host's vector extensions, as Numba compiles for them."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    if config.CPU_NAME not in (None, "", "host") and config.CPU_NAME != llvm.get_host_cpu_name():
        return set()
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


def _blocking(features, machine):
    """(vector bytes, MR, NV): as many accumulators as hide the latency of a multiply-add and fit the registers.

    AVX2 has 16 registers: 6 x 2 accumulators, two vectors of B, one broadcast. AVX-512 and NEON have 32. Measured:
    6 x 2 reaches 101 of 102 GFLOP/s (Zen 3, 1 core, 2026-11), 8 x 2 within 3 % of the peak with AVX-512 (Zen 4).
    """
    if "avx512f" in features:
        return 64, 8, 2
    if "avx2" in features or "avx" in features:
        return 32, 6, 2
    if machine.startswith(("aarch64", "arm64")):
        return 16, 8, 2
    return 16, 6, 2


VECTOR_BYTES, MR, NV = _blocking(_features(), llvm.get_default_triple())
DOT_ROWS, DOT_COLUMNS = (4, 3) if MR == 6 else (4, 6)  # 16 or 32 registers


def lanes(dtype):
    """Elements of a vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def tile_columns(dtype):
    """Columns NR of a tile: NV vectors."""
    return NV * lanes(dtype)


class Emitter:
    """The few LLVM instructions the intrinsics are written in, on vectors of one element type."""

    def __init__(self, context, builder, dtype, width=None):
        self.context, self.builder, self.dtype = context, builder, dtype
        self.size, self.width = dtype.bitwidth // 8, width or 8 * VECTOR_BYTES // dtype.bitwidth
        self.vector = ir.VectorType(context.get_value_type(dtype), self.width)
        self.quad = ir.VectorType(context.get_value_type(dtype), 4)
        self.integer = context.get_value_type(types.intp)
        self.zeros = ir.Constant(self.vector, [0.0] * self.width)
        self.zero_quad = ir.Constant(self.quad, [0.0] * 4)

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

    def shifted(self, base, position, times=None):
        """base + position, or base + times * position."""
        position = self.constant(position) if isinstance(position, int) else position
        return self.builder.gep(base, [position if times is None else self.builder.mul(times, position)])

    def entry_of(self, table, position):
        """table[position] of an int32 table, as an index."""
        return self.builder.sext(self.builder.load(self.builder.gep(table, [position])), self.integer)

    def load(self, place):
        """The vector that begins there, aligned to an element."""
        return self.builder.load(self.builder.bitcast(place, self.vector.as_pointer()), align=self.size)

    def store(self, value, place):
        """Store a vector there, aligned to an element."""
        self.builder.store(value, self.builder.bitcast(place, self.vector.as_pointer()), align=self.size)

    def prefetch(self, place):
        """Ask for the cache line of an address, which need not be an array's."""
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte] + [number] * 3)
        function = get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0i8")
        read, keep, data = (ir.Constant(number, n) for n in (0, 3, 1))
        self.builder.call(function, [self.builder.bitcast(place, byte), read, keep, data])

    def load_quad(self, place):
        """Four elements that begin there."""
        return self.builder.load(self.builder.bitcast(place, self.quad.as_pointer()), align=self.size)

    def store_few(self, value, place):
        """Store a vector of any length there, such as a quad."""
        self.builder.store(value, self.builder.bitcast(place, value.type.as_pointer()), align=self.size)

    def shuffle(self, a, b, order):
        """Elements of a and b laid end to end, by number."""
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))
        return self.builder.shuffle_vector(a, b, lanes)

    def mixed(self, a, b, order):
        """In every group of four lanes: elements of a's group (0 to 3) and of b's (4 to 7)."""
        groups = range(0, self.width, 4)
        return self.shuffle(a, b, [g + (o if o < 4 else self.width + o - 4) for g in groups for o in order])

    def joined(self, quads):
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

    def gathered(self, elements):
        """A vector, or a quad, of elements."""
        vector = ir.Constant(ir.VectorType(elements[0].type, len(elements)), ir.Undefined)
        for lane, element in enumerate(elements):
            vector = self.builder.insert_element(vector, element, ir.Constant(ir.IntType(32), lane))
        return vector

    def broadcast(self, place):
        """A vector of copies of the element there."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        lane = self.builder.insert_element(undefined, self.builder.load(place), ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def fma(self, a, b, c):
        """a * b + c, rounded once."""
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        function = get_or_insert_function(self.builder.module, kind, f"llvm.fma.v{self.width}f{8 * self.size}")
        return self.builder.call(function, [a, b, c])

    def columns(self, quads):
        """Four vectors, of one element of every quad each; as many quads as lanes."""
        if self.width % 4:
            return [self.gathered([self.element(quad, c) for quad in quads]) for c in range(4)]
        return self.transposed([self.joined(quads[j::4]) for j in range(4)])

    def quads(self, columns):
        """A quad for each lane, of its elements of four vectors: the reverse of columns."""
        if self.width % 4:
            return [self.gathered([self.element(column, lane) for column in columns]) for lane in range(self.width)]
        groups = self.transposed(columns)
        return [self.quad_of(groups[lane % 4], lane // 4) for lane in range(self.width)]

    def pairs(self, columns):
        """A pair for each lane, of its elements of two vectors."""
        return [self.shuffle(*columns, (lane, self.width + lane)) for lane in range(self.width)]

    def transposed(self, rows):
        """Each 4x4 block of four vectors, transposed: quad g of result j holds element j of quad g of every row."""
        a, b, c, d = rows
        lows = [self.mixed(x, y, (0, 4, 1, 5)) for x, y in ((a, b), (c, d))]
        highs = [self.mixed(x, y, (2, 6, 3, 7)) for x, y in ((a, b), (c, d))]
        return [self.mixed(*pair, order) for pair in (lows, highs) for order in ((0, 1, 4, 5), (2, 3, 6, 7))]

    def sum_quad(self, vectors):
        """The sums over the lanes of four vectors, in the same order on every run."""
        if self.width % 4:
            return self._tree(self.quads(vectors))
        total = self._tree(self.transposed(vectors))
        return self._tree([self.quad_of(total, group) for group in range(self.width // 4)])

    def _tree(self, terms):
        while len(terms) > 1:
            terms = [self.builder.fadd(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
        return terms[0]

    def combine(self, factors, vectors):
        """Sum of factor * vector, or None if every factor is 0."""
        total = None
        for factor, vector in zip(factors, vectors, strict=True):
            if factor == 0:
                continue
            if total is None:
                total = vector if factor == 1 else self.builder.fmul(self.splat(factor), vector)
            elif abs(factor) == 1:
                total = (self.builder.fadd if factor > 0 else self.builder.fsub)(total, vector)
            else:
                total = self.fma(self.splat(factor), vector, total)
        return total

    def apply(self, matrix, vectors):
        """Matrix times a column of vectors; two rows that differ in signs alone are E + O and E - O."""
        results = []
        for i, row in enumerate(matrix):
            above = matrix[i - 1] if i else row
            if i and row != above and [abs(f) for f in row] == [abs(f) for f in above]:
                even = self.combine([f if f == g else 0 for f, g in zip(row, above, strict=True)], vectors)
                odd = self.combine([g if f != g else 0 for f, g in zip(row, above, strict=True)], vectors)
                results[-1] = self.builder.fadd(even, odd)
                results.append(self.builder.fsub(even, odd))
            else:
                results.append(self.combine(row, vectors))
        return results

    def splat(self, value):
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

    def put(self, tile, place, stride, accumulate):
        """Store rows of vectors, `stride` elements apart, or add them to what is there."""
        with self.builder.if_else(accumulate) as (added, written):
            with added:
                for i, row in enumerate(tile):
                    for j, vector in enumerate(row):
                        there = self.shifted(self.shifted(place, i, stride), j * self.width)
                        self.store(self.builder.fadd(self.load(there), vector), there)
            with written:
                self.write(tile, place, stride)

    def write(self, tile, place, stride):
        """Store rows of vectors, `stride` elements apart."""
        for i, row in enumerate(tile):
            for j, vector in enumerate(row):
                self.store(vector, self.shifted(self.shifted(place, i, stride), j * self.width))
