"""The micro-kernel every matrix-like CPU kernel is built on, and the only LLVM intrinsics.

A tile of MR rows x NV vectors is held in registers while the reduction runs: each step broadcasts MR elements of A and
multiplies them with NV vectors of B. B is read where it lies, at an offset looked up for each step: that is what lets a
convolution run on it without an im2col buffer.
"""

import time

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.core import config
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic


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


class _Emitter:
    """The few LLVM instructions the intrinsics are written in, on vectors of one element type."""

    def __init__(self, context, builder, dtype):
        self.context, self.builder = context, builder
        self.size, self.width = dtype.bitwidth // 8, 8 * VECTOR_BYTES // dtype.bitwidth
        self.vector = ir.VectorType(context.get_value_type(dtype), self.width)
        self.integer = context.get_value_type(types.intp)
        self.zeros = ir.Constant(self.vector, [0.0] * self.width)

    def constant(self, value):
        return ir.Constant(self.integer, value)

    def pointer(self, array_type, array, start=None):
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
        return self.builder.load(self.builder.bitcast(place, self.vector.as_pointer()), align=self.size)

    def store(self, value, place):
        self.builder.store(value, self.builder.bitcast(place, self.vector.as_pointer()), align=self.size)

    def broadcast(self, place):
        undefined = ir.Constant(self.vector, ir.Undefined)
        lane = self.builder.insert_element(undefined, self.builder.load(place), ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.width), [0] * self.width)
        return self.builder.shuffle_vector(lane, undefined, zeros)

    def fma(self, a, b, c):
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


@intrinsic
def multiply_tile(typingctx, a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate):
    """C[i, j] (+)= sum_l A[l, i] B[l, j] for i < MR, j < NR = NV vectors.

    Parameters
    ----------
    a : array, with A[l, i] = a[a_start + l * MR + i]
    b : array, with vector v of B[l] = b[b_start + starts[tile * NV + v] + offsets[l] :]
    starts, offsets : int32 arrays
        Where the vectors of the columns lie, and by how much each step moves them.
    tile : int
        Number of the tile: its vectors are tile * NV to tile * NV + NV - 1 of starts.
    steps : int
        Length of the reduction, at least 1.
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(a, index, b, index, starts, index, offsets, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        a, a_start, b, b_start, starts, tile, offsets, steps, c, c_start, c_stride, accumulate = args
        emit = _Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[2], b, b_start)
        starts, offsets = emit.pointer(sig.args[4], starts), emit.pointer(sig.args[6], offsets)
        c = emit.pointer(sig.args[8], c, c_start)
        first = builder.mul(tile, emit.constant(NV))
        vectors = [emit.shifted(b, emit.entry_of(starts, builder.add(first, emit.constant(v)))) for v in range(NV)]

        def products(step):
            offset = emit.entry_of(offsets, step)
            row = [emit.load(emit.shifted(vector, offset)) for vector in vectors]
            column = emit.shifted(a, MR, step)
            for i in range(MR):
                factor = emit.broadcast(emit.shifted(column, i))
                for j in range(NV):
                    yield i, j, factor, row[j]

        results = emit.accumulate(steps, MR, NV, products)
        for i in range(MR):
            for j in range(NV):
                place = emit.shifted(emit.shifted(c, i, c_stride), j * emit.width)
                before = builder.select(accumulate, emit.load(place), emit.zeros)
                emit.store(builder.fadd(before, results[i][j]), place)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def add_dots(typingctx, a, a_start, a_stride, b, b_start, starts, offsets, first, steps, c, c_start, c_stride):
    """C[i, j] += sum_l <A[i, l], B[j, l]> over vectors, for i < DOT_ROWS, j < DOT_COLUMNS.

    Parameters
    ----------
    a : array, with vector l of A[i] = a[a_start + i * a_stride + l * lanes :]
    b : array, with vector l of B[j] = b[b_start + offsets[first + j] + starts[l] :]
    starts, offsets : int32 arrays
    first : int
        Where the tile's columns begin in offsets.
    steps : int
        Vectors in a row, at least 1.
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    """
    index = types.intp
    signature = types.void(a, index, index, b, index, starts, offsets, index, index, c, index, index)

    def codegen(context, builder, sig, args):
        a, a_start, a_stride, b, b_start, starts, offsets, first, steps, c, c_start, c_stride = args
        emit = _Emitter(context, builder, sig.args[0].dtype)
        a, b = emit.pointer(sig.args[0], a, a_start), emit.pointer(sig.args[3], b, b_start)
        starts, offsets = emit.pointer(sig.args[5], starts), emit.pointer(sig.args[6], offsets)
        c = emit.pointer(sig.args[9], c, c_start)
        rows = [emit.shifted(a, i, a_stride) for i in range(DOT_ROWS)]
        columns = [
            emit.shifted(b, emit.entry_of(offsets, builder.add(first, emit.constant(j)))) for j in range(DOT_COLUMNS)
        ]

        def products(step):
            start, position = emit.entry_of(starts, step), builder.mul(step, emit.constant(emit.width))
            right = [emit.load(emit.shifted(column, start)) for column in columns]
            for i, row in enumerate(rows):
                left = emit.load(emit.shifted(row, position))
                for j in range(DOT_COLUMNS):
                    yield i, j, left, right[j]

        results = emit.accumulate(steps, DOT_ROWS, DOT_COLUMNS, products)
        for i in range(DOT_ROWS):
            for j in range(DOT_COLUMNS):
                place = emit.shifted(emit.shifted(c, i, c_stride), j)
                builder.store(builder.fadd(builder.load(place), emit.sum_lanes(results[i][j])), place)
        return context.get_dummy_value()

    return signature, codegen


def sandwich(matrix):
    """An intrinsic for Y = M X M^T, of one vector of tiles at a time: the transforms of Winograd's algorithm.

    Parameters
    ----------
    matrix : nested sequence of numbers
        M, unrolled into the code: zeros cost nothing, and rows that differ in signs alone share their sums.

    Returns
    -------
    intrinsic
        Called as f(x, x_start, x_places, y, y_start, y_stride), with element (i, j) of X at
        x[x_start + x_places[i * columns + j] :] and of Y at y[y_start + (i * rows + j) * y_stride :], one lane a tile.
    """
    size, across = len(matrix), len(matrix[0])

    def typing(typingctx, x, x_start, x_places, y, y_start, y_stride):
        index = types.intp

        def codegen(context, builder, sig, args):
            x, x_start, x_places, y, y_start, y_stride = args
            emit = _Emitter(context, builder, sig.args[0].dtype)
            x, y = emit.pointer(sig.args[0], x, x_start), emit.pointer(sig.args[3], y, y_start)
            places = emit.pointer(sig.args[2], x_places)
            columns = []
            for j in range(across):
                entries = [emit.entry_of(places, emit.constant(i * across + j)) for i in range(across)]
                columns.append(emit.apply(matrix, [emit.load(emit.shifted(x, entry)) for entry in entries]))
            for i in range(size):
                for j, value in enumerate(emit.apply(matrix, [column[i] for column in columns])):
                    emit.store(value, emit.shifted(y, i * size + j, y_stride))
            return context.get_dummy_value()

        return types.void(x, index, x_places, y, index, index), codegen

    return intrinsic(typing)


@njit(cache=True, parallel=True, nogil=True)
def _repeat_tile(a, b, starts, offsets, c, repeats, threads):
    for thread in prange(threads):
        for _ in range(repeats):
            multiply_tile(a, 0, b, 0, starts, 0, offsets, offsets.size, c[thread], 0, c.shape[2], False)


def measure_peak(threads, dtype=np.float32, repeats=20_000, samples=25):
    """FLOP/s of the micro-kernel on panels that lie in the first-level cache, on all threads: the machine's limit.

    Parameters
    ----------
    threads : int
    dtype : float32 or float64
    repeats : int
        Tiles each thread multiplies in one sample.
    samples : int
        The best is reported: anything less was the machine doing something else.

    Returns
    -------
    float
    """
    steps, columns = 256, tile_columns(dtype)
    a, b = np.ones(steps * MR, dtype), np.ones(steps * columns, dtype)
    offsets = (np.arange(steps) * columns).astype(np.int32)
    starts = (np.arange(NV) * lanes(dtype)).astype(np.int32)
    c = np.zeros((threads, MR, columns), dtype)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        seconds = []
        for _ in range(samples + 1):
            start = time.perf_counter()
            _repeat_tile(a, b, starts, offsets, c, repeats, threads)
            seconds.append(time.perf_counter() - start)
    finally:
        numba.set_num_threads(before)
    return 2 * MR * columns * steps * repeats * threads / min(seconds[1:])
