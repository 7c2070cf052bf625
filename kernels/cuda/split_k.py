"""Deterministic split-K reduction: adds the partial sums of all splits in a fixed order, a block for 32 results.

Each warp of a block adds every WARPS_PER_BLOCK-th split of the 32 results, with four loads in flight, and the first
warp adds the sums of the warps. A thread for each result, which waits for one split after the other, took 40
microseconds for 128 splits (H200, 2026-11).
"""

from functools import lru_cache

from .launch import THREADS, WARP, cuda, numba_type, tiles, uint32

WARPS_PER_BLOCK = THREADS // WARP


def split_k_reduce(partial_sums, dw, splits):
    """Launch dw = the sum over the first axis of partial_sums (splits, dw.size)."""
    tiles(reduction_kernel(numba_type(dw.dtype)), reduction_blocks(dw.size), THREADS, partial_sums, dw, splits)


def reduction_blocks(size):
    """Blocks for so many results."""
    return -(-size // WARP)


@cuda.jit(device=True, inline="always")
def result_index():
    """Index of the result that a thread adds to."""
    return uint32(uint32(cuda.blockIdx.x * uint32(WARP)) + uint32(cuda.threadIdx.x % WARP))


@cuda.jit(device=True, inline="always")
def sum_over_splits(shared, partial_sums, i, size, splits):
    """sum_z partial_sums[z, i] for the threads of the first warp; shared holds an element for each thread."""
    thread = uint32(cuda.threadIdx.x)
    z, total = uint32(thread // uint32(WARP)), partial_sums.dtype.type(0)
    # Each warp adds its splits, four loads in flight.
    if i < uint32(size):
        at, stride = uint32(uint32(z * uint32(size)) + i), uint32(uint32(WARPS_PER_BLOCK) * uint32(size))
        while uint32(z + uint32(3 * WARPS_PER_BLOCK)) < uint32(splits):
            second, third = uint32(at + stride), uint32(at + stride + stride)
            fourth = uint32(third + stride)
            total += (partial_sums[at] + partial_sums[second]) + (partial_sums[third] + partial_sums[fourth])
            z, at = uint32(z + uint32(4 * WARPS_PER_BLOCK)), uint32(fourth + stride)
        while z < uint32(splits):
            total += partial_sums[at]
            z, at = uint32(z + uint32(WARPS_PER_BLOCK)), uint32(at + stride)
    # The first warp adds the sums of the warps.
    shared[thread] = total
    cuda.syncthreads()
    at = uint32(thread + uint32(WARP))
    while thread < uint32(WARP) and at < uint32(THREADS):
        total += shared[at]
        at = uint32(at + uint32(WARP))
    return total


@lru_cache
def reduction_kernel(dtype):
    """The kernel for a type."""

    def split_k_reduce(partial_sums, dw, splits):
        """dw[i] = sum_z partial_sums[z, i].

        partial_sums (splits, size), dw (size,); block i // 32, lane i % 32, warps over the splits. FLOPs: splits size.
        Bytes: partial_sums and dw once.
        """
        shared = cuda.shared.array(THREADS, dtype)
        i = result_index()
        total = sum_over_splits(shared, partial_sums, i, dw.size, splits)
        if cuda.threadIdx.x < WARP and i < dw.size:
            dw[i] = total

    return cuda.jit(cache=True)(split_k_reduce)
