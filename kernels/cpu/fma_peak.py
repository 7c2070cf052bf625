"""The FMA peak of the machine, and the share of it that the micro-kernels reach; nothing leaves the caches."""

import time

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from .emitter import Emitter
from .microkernel import multiply_packed, multiply_tile
from .parallel import SERIAL_ELEMENTS, streaming
from .registers import MR, NV, lanes, tile_columns

REDUCTION_STEPS = 256
"""Length of the reduction: both panels then fit the first-level cache."""


@intrinsic
def _multiply_registers(typingctx, a, steps, c):
    """C[i, j] = sum_l a[i] a[NV + j] in vectors: as many multiply-adds as a tile has, and no access to memory."""
    signature = types.void(a, types.intp, c)

    def codegen(context, builder, sig, args):
        a, steps, c = args
        emit = Emitter(context, builder, sig.args[0].dtype)
        a, c = emit.pointer(sig.args[0], a), emit.pointer(sig.args[2], c)
        row = [emit.load(emit.at(a, j * emit.width)) for j in range(NV)]
        a_element = emit.broadcast(emit.at(a, NV * emit.width))
        tile = emit.accumulate(
            steps, MR, NV, lambda step: ((i, j, a_element, row[j]) for i in range(MR) for j in range(NV))
        )
        emit.write_tile(tile, c, emit.constant(NV * emit.width))
        return context.get_dummy_value()

    return signature, codegen


@streaming
def _registers(a, b, starts, offsets, c, repeats, thread, threads):
    for _ in range(repeats):
        _multiply_registers(b, offsets.size, c[thread])


@streaming
def _tile(a, b, starts, offsets, c, repeats, thread, threads):
    for _ in range(repeats):
        multiply_tile(a, 0, b, 0, starts, 0, offsets, offsets.size, c[thread], 0, NV * starts[1], False)


@streaming
def _packed(a, b, starts, offsets, c, repeats, thread, threads):
    for _ in range(repeats):
        multiply_packed(a, 0, MR, b, 0, offsets.size, c[thread], 0, NV * starts[1], False)


KERNELS = {"registers": _registers, "multiply_tile": _tile, "multiply_packed": _packed}


def run(kernel, arguments, threads):
    """Multiply tiles on so many threads: the arguments of `panels`, and how often each thread does."""
    KERNELS[kernel](threads, SERIAL_ELEMENTS, *arguments)


def panels(threads, dtype):
    """(a, b, starts, offsets, c): packed panels of ones, offset tables of B's vectors, a tile for each thread."""
    columns = tile_columns(dtype)
    offsets = (np.arange(REDUCTION_STEPS) * columns).astype(np.int32)
    starts = (np.arange(NV) * lanes(dtype)).astype(np.int32)
    return (
        np.ones(REDUCTION_STEPS * MR, dtype),
        np.ones(REDUCTION_STEPS * columns, dtype),
        starts,
        offsets,
        np.zeros((threads, MR * columns), dtype),
    )


def measure(threads, dtype=np.float32, kernel="registers", repeats=20_000, samples=25):
    """FLOP/s of multiply-adds in registers, or of a micro-kernel on packed panels, on all threads.

    Parameters
    ----------
    threads : int
    dtype : float32 or float64
    kernel : {"registers", "multiply_tile", "multiply_packed"}
        "registers" is the machine's limit.
    repeats : int
        Tiles each thread multiplies in one sample.
    samples : int
        The best is reported: anything less was the machine doing something else.

    Returns
    -------
    float
    """
    arguments = (*panels(threads, dtype), repeats)
    found = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        seconds = []
        for _ in range(samples + 1):
            start = time.perf_counter()
            run(kernel, arguments, threads)
            seconds.append(time.perf_counter() - start)
    finally:
        numba.set_num_threads(found)
    return 2 * MR * tile_columns(dtype) * REDUCTION_STEPS * repeats * threads / min(seconds[1:])
