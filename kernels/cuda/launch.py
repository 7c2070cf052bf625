"""The only place that knows grids, blocks and streams, and the only import of Numba's CUDA target.

A kernel takes flat C-contiguous arrays and scalars. Integers travel as int32: geometry is small, positions in the
padding are negative, and 64-bit index arithmetic costs registers. Offsets into arrays are made uint32 where they are
used; the public functions refuse arrays of 2^31 elements.
"""

import sys

import numpy as np
from numba import cuda, int32, uint32

THREADS = 256
"""Threads a block, of every kernel here: occupancy is full with it wherever registers allow."""

PARTIALS = 64
"""Blocks of a reduction's first pass: enough for their loads to fill a device, few enough for one thread to add up."""

__all__ = [
    "PARTIALS",
    "THREADS",
    "beside",
    "block_sum",
    "cuda",
    "each",
    "int32",
    "one",
    "partial_blocks",
    "reduce",
    "uint32",
]


def each(kernel, elements, *arguments):
    """Launch a kernel with a thread for each element."""
    if elements:
        _launch(kernel, -(-elements // THREADS), THREADS, arguments)


def reduce(kernel, blocks, *arguments):
    """Launch a kernel with a whole block for each of its results."""
    if blocks:
        _launch(kernel, blocks, THREADS, arguments)


def one(kernel, *arguments):
    """Launch a kernel with a single thread."""
    _launch(kernel, 1, 1, arguments)


def beside(like, shape, dtype=None):
    """New memory of the library, on the device, and by default of the type that an array has."""
    library = sys.modules[type(like).__module__.partition(".")[0]]
    return library.empty(shape, like.dtype if dtype is None else dtype)


def partial_blocks(elements):
    """Blocks of a reduction's first pass: PARTIALS of them, or as many as have something to do."""
    return max(1, min(PARTIALS, -(-elements // THREADS)))


def _launch(kernel, blocks, threads, arguments):
    arguments = [np.int32(a) if isinstance(a, (int, np.bool_)) else a for a in arguments]
    run(kernel, blocks, threads, [a.reshape(-1) if getattr(a, "ndim", 0) else a for a in arguments])


def run_on_device(kernel, blocks, threads, arguments):
    """Hand a launch to Numba, on CuPy's current stream."""
    kernel[blocks, threads, _stream(arguments)](*arguments)


run = run_on_device
"""Every launch goes through here: tests and tools put something else in its place."""


def _stream(arguments):
    """CuPy's current stream, as Numba takes it; the default one where no argument is a CuPy array."""
    cupy = sys.modules.get("cupy")
    if cupy is not None and any(isinstance(a, cupy.ndarray) for a in arguments):
        return cuda.external_stream(cupy.cuda.get_current_stream().ptr)
    return 0


@cuda.jit(device=True, inline="always")
def block_sum(memory, total):
    """The sum of `total` over the threads of a block, added as a tree in shared memory: always in the same order."""
    thread = uint32(cuda.threadIdx.x)
    memory[thread] = total
    cuda.syncthreads()
    half = uint32(THREADS // 2)
    while half:
        if thread < half:
            memory[thread] += memory[uint32(thread + half)]
        cuda.syncthreads()
        half = uint32(half // uint32(2))
    return memory[uint32(0)]
