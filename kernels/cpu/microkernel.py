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
VERSION = 1  # Numba's cache key does not cover an intrinsic's source: raise this with every change of multiply_tile


def lanes(dtype):
    """Elements of a vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def tile_columns(dtype):
    """Columns NR of a tile: NV vectors."""
    return NV * lanes(dtype)


@intrinsic
def multiply_tile(typingctx, a, a_start, b, b_start, offsets, steps, c, c_start, c_stride, accumulate):
    """C[i, j] (+)= sum_l A[l, i] B[l, j] for i < MR, j < NR.

    Parameters
    ----------
    a : array, with A[l, i] = a[a_start + l * MR + i]
    b : array, with B[l, j] = b[b_start + offsets[l] + j]
    offsets : int32 array
    steps : int
        Length of the reduction, at least 1.
    c : array, with C[i, j] = c[c_start + i * c_stride + j]
    accumulate : bool
        Add to C; else it is only written.
    """
    index = types.intp
    signature = types.void(a, index, b, index, offsets, index, c, index, index, types.boolean)

    def codegen(context, builder, sig, args):
        a, a_start, b, b_start, offsets, steps, c, c_start, c_stride, accumulate = args
        element = context.get_value_type(sig.args[0].dtype)
        width = VECTOR_BYTES // (sig.args[0].dtype.bitwidth // 8)
        vector, integer = ir.VectorType(element, width), context.get_value_type(index)
        align = sig.args[0].dtype.bitwidth // 8

        def pointer(position, array, start):
            return builder.gep(context.make_array(sig.args[position])(context, builder, array).data, [start])

        def constant(value):
            return ir.Constant(integer, value)

        def vector_at(base, position):
            return builder.bitcast(builder.gep(base, [position]), vector.as_pointer())

        def broadcast(scalar):
            undefined = ir.Constant(vector, ir.Undefined)
            lane = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(
                lane, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
            )

        a, b, c = pointer(0, a, a_start), pointer(2, b, b_start), pointer(6, c, c_start)
        offsets = pointer(4, offsets, constant(0))
        fma = get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{width}f{8 * align}"
        )
        zeros = ir.Constant(vector, [0.0] * width)
        entry, loop, done = builder.block, builder.append_basic_block("tile"), builder.append_basic_block("store")
        builder.branch(loop)

        builder.position_at_end(loop)
        step = builder.phi(integer)
        step.add_incoming(constant(0), entry)
        tile = [[builder.phi(vector) for _ in range(NV)] for _ in range(MR)]
        row = builder.gep(b, [builder.sext(builder.load(builder.gep(offsets, [step])), integer)])
        columns = [builder.load(vector_at(row, constant(j * width)), align=align) for j in range(NV)]
        column = builder.gep(a, [builder.mul(step, constant(MR))])
        following = builder.add(step, constant(1))
        step.add_incoming(following, loop)
        results = []
        for i in range(MR):
            factor = broadcast(builder.load(builder.gep(column, [constant(i)])))
            results.append([builder.call(fma, [factor, columns[j], tile[i][j]]) for j in range(NV)])
            for j in range(NV):
                tile[i][j].add_incoming(zeros, entry)
                tile[i][j].add_incoming(results[i][j], loop)
        builder.cbranch(builder.icmp_signed("<", following, steps), loop, done)

        builder.position_at_end(done)
        for i in range(MR):
            target = builder.gep(c, [builder.mul(c_stride, constant(i))])
            for j in range(NV):
                place = vector_at(target, constant(j * width))
                before = builder.select(accumulate, builder.load(place, align=align), zeros)
                builder.store(builder.fadd(before, results[i][j]), place, align=align)
        return context.get_dummy_value()

    return signature, codegen


@njit(cache=True, parallel=True, nogil=True)
def _repeat_tile(a, b, offsets, c, repeats, threads, version):
    for thread in prange(threads):
        for _ in range(repeats):
            multiply_tile(a, 0, b, 0, offsets, offsets.size, c[thread], 0, c.shape[2], False)


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
    c = np.zeros((threads, MR, columns), dtype)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        seconds = []
        for _ in range(samples + 1):
            start = time.perf_counter()
            _repeat_tile(a, b, offsets, c, repeats, threads, VERSION)
            seconds.append(time.perf_counter() - start)
    finally:
        numba.set_num_threads(before)
    return 2 * MR * columns * steps * repeats * threads / min(seconds[1:])
