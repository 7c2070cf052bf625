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
DOT_ROWS, DOT_COLUMNS = (4, 3) if MR == 6 else (6, 3)  # 16 or 32 registers


def lanes(dtype):
    """Elements of a vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def tile_columns(dtype):
    """Columns NR of a tile: NV vectors."""
    return NV * lanes(dtype)


class Emitter:
    """The few LLVM instructions the intrinsics are written in, on vectors of one element type."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder = context, builder
        self.size, self.width = dtype.bitwidth // 8, 8 * VECTOR_BYTES // dtype.bitwidth
        self.vector = ir.VectorType(context.get_value_type(dtype), self.width)
        self.integer = context.get_value_type(types.intp)
        self.zeros = ir.Constant(self.vector, [0.0] * self.width)

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

    def sum_lanes(self, vector):
        """Sum of the lanes, as a tree: the same order on every run."""
        element = self.vector.element
        kind = ir.FunctionType(element, [element, self.vector])
        name = f"llvm.vector.reduce.fadd.v{self.width}f{8 * self.size}"
        function = get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [ir.Constant(element, -0.0), vector], fastmath=["reassoc"])

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

    def accumulate(self, steps, rows, columns, products):
        """Sum products(step) -> rows x columns of (a, b) over the steps, at least one, in registers."""
        builder = self.builder
        entry, loop, done = builder.block, builder.append_basic_block("tile"), builder.append_basic_block("store")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(self.integer)
        tile = [[builder.phi(self.vector) for _ in range(columns)] for _ in range(rows)]
        results = [[None] * columns for _ in range(rows)]
        for i, j, a, b in products(step):
            results[i][j] = self.fma(a, b, tile[i][j])
            tile[i][j].add_incoming(self.zeros, entry)
            tile[i][j].add_incoming(results[i][j], loop)
        following = builder.add(step, self.constant(1))
        step.add_incoming(self.constant(0), entry)
        step.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, steps), loop, done)
        builder.position_at_end(done)
        return results
