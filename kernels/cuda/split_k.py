"""Adding up what the blocks of a split sum have left, in one order: a block for every 32 results.

Each of a block's warps adds every WARPS-th part of its 32 results, four of them under way at a time, and the first warp
adds what the warps have. A thread for each result, which waits for one part after the other, took 40 microseconds for
128 parts (H200, 2026-11).
"""

from functools import lru_cache

from .launch import THREADS, WARP, cuda, numba_type, tiles, uint32

WARPS = THREADS // WARP


def add_parts(parts, dw, splits):
    """Launch dw = the sum of the parts (splits, dw.size)."""
    tiles(add_parts_kernel(numba_type(dw.dtype)), blocks_of(dw.size), THREADS, parts, dw, splits)


def blocks_of(size):
    """Blocks for so many results."""
    return -(-size // WARP)


@cuda.jit(device=True, inline="always")
def result_of_thread():
    """The result that a thread adds to."""
    return uint32(uint32(cuda.blockIdx.x * uint32(WARP)) + uint32(cuda.threadIdx.x % WARP))


@cuda.jit(device=True, inline="always")
def total_of(memory, parts, i, size, splits):
    """sum_z parts[z, i] for the threads of a block's first warp; memory holds an element for each thread."""
    thread = uint32(cuda.threadIdx.x)
    z, total = uint32(thread // uint32(WARP)), parts.dtype.type(0)
    if i < uint32(size):
        at, apart = uint32(uint32(z * uint32(size)) + i), uint32(uint32(WARPS) * uint32(size))
        while uint32(z + uint32(3 * WARPS)) < uint32(splits):
            second, third = uint32(at + apart), uint32(at + apart + apart)
            fourth = uint32(third + apart)
            total += (parts[at] + parts[second]) + (parts[third] + parts[fourth])
            z, at = uint32(z + uint32(4 * WARPS)), uint32(fourth + apart)
        while z < uint32(splits):
            total += parts[at]
            z, at = uint32(z + uint32(WARPS)), uint32(at + apart)
    memory[thread] = total
    cuda.syncthreads()
    place = uint32(thread + uint32(WARP))
    while thread < uint32(WARP) and place < uint32(THREADS):
        total += memory[place]
        place = uint32(place + uint32(WARP))
    return total


@lru_cache
def add_parts_kernel(dtype):
    """The kernel for a type."""

    def add_parts_of_splits(parts, dw, splits):
        """dw[i] = sum_z parts[z, i]; block i // 32. Bytes: parts and dw once."""
        memory = cuda.shared.array(THREADS, dtype)
        i = result_of_thread()
        total = total_of(memory, parts, i, dw.size, splits)
        if cuda.threadIdx.x < WARP and i < dw.size:
            dw[i] = total

    return cuda.jit(cache=True)(add_parts_of_splits)
