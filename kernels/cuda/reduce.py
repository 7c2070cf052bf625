"""Deterministic reductions on CUDA: passes of blocks, each of which adds a stretch as a tree, without atomics.

A thread adds ELEMENTS_PER_THREAD numbers, four at a time, a warp the sums of its threads in a tree, a block the sums of
its warps, and the next pass the sums of the blocks: no chain of additions is long, so a sum of 2^26 float32 keeps six
digits or more, and its bits depend on nothing but its length.
"""

from numba import float32, float64

from ..core.scalar import sum_or_max
from .launch import THREADS, WARP, cuda, empty_like_on, int32, reduce, uint32
from .vectorized import FOUR, aligned, load4_if_aligned

ELEMENTS_PER_THREAD = 32
ELEMENTS_PER_BLOCK = THREADS * ELEMENTS_PER_THREAD
ELEMENTS_PER_ROUND = THREADS * FOUR
"""Elements that a block loads in one iteration."""

FULL_MASK = 0xFFFFFFFF
"""All lanes of a warp."""

WARPS_PER_BLOCK = THREADS // WARP


def blocks_for(elements):
    """Blocks that a pass over so many elements takes, at least one: the sum of nothing is 0."""
    return max(1, -(-elements // ELEMENTS_PER_BLOCK))


def sum_to_few(values, scale):
    """(at most ELEMENTS_PER_THREAD partial sums of the values, their scale), for a single thread to add.

    Many values are multiplied by the scale before they are added, and the scale returned is 1: where it makes a mean of
    a sum, the sum overflows only if the mean does.
    """
    while values.size > ELEMENTS_PER_THREAD:
        partials = empty_like_on(values, blocks_for(values.size))
        shape = 1, 1, values.size, partials.size
        reduce(_kernel(SUMS, values), partials.size, values, aligned(values), scale, partials, *shape)
        values, scale = partials, values.dtype.type(1)
    return values, scale


def sum_columns(values, sums):
    """sums[k] = sum_{n,i} values[n,k,i] for values (N, K, positions)."""
    (n, k, positions), unit = values.shape, values.dtype.type(1)
    blocks = blocks_for(n * positions)
    while blocks > 1:
        partials = empty_like_on(values, (1, k, blocks))
        reduce(_kernel(SUMS, values), k * blocks, values, aligned(values), unit, partials, n, k, positions, blocks)
        values, n, positions, blocks = partials, 1, blocks, blocks_for(blocks)
    reduce(_kernel(SUMS, values), k, values, aligned(values), unit, sums, n, k, positions, 1)


def _kernel(kernels, values):
    return kernels[values.dtype.itemsize]


@cuda.jit(device=True, inline="always")
def block_range(block, size):
    """(a thread's first element, end of the whole vectors, end) of a block's stretch of `size` elements."""
    first = uint32(uint32(block) * uint32(ELEMENTS_PER_BLOCK))
    end = min(uint32(size), uint32(first + uint32(ELEMENTS_PER_BLOCK)))
    return uint32(first + uint32(uint32(cuda.threadIdx.x) * uint32(FOUR))), uint32(end - end % uint32(FOUR)), end


@cuda.jit(device=True, inline="always")
def column_offset(i, k, K, positions):
    """Offset of element i of values[:, k, :]; values (N, K, positions)."""
    n, position = uint32(i // uint32(positions)), uint32(i % uint32(positions))
    return uint32(uint32(n * uint32(K) + k) * uint32(positions) + position)


@cuda.jit(device=True, inline="always")
def block_reduce(memory, total, infinite):
    """The sum of `total` over the threads of a block, or the maximum, for thread 0: by shuffles, then over the warps.

    memory, shared, holds an element for each warp.
    """
    distance = int32(WARP // 2)
    while distance:
        total = sum_or_max(total, cuda.shfl_down_sync(FULL_MASK, total, distance), infinite)
        distance = int32(distance // 2)
    if cuda.threadIdx.x % WARP == 0:
        memory[uint32(cuda.threadIdx.x // WARP)] = total
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        w = uint32(1)
        while w < uint32(WARPS_PER_BLOCK):
            total = sum_or_max(total, memory[w], infinite)
            w = uint32(w + uint32(1))
    return total


@cuda.jit(device=True, inline="always")
def block_sum(memory, total):
    """The sum of `total` over the threads of a block, for thread 0."""
    return block_reduce(memory, total, False)


def _sum_kernel(dtype):
    """The kernel for a type."""

    def sum_kernel(values, reachable, scale, sums, N, K, positions, blocks):
        """sums[k, b] = the sum of stretch b of scale values[:, k, :]; values (N, K, positions), sums (K, blocks).

        Block k * blocks + b. A thread adds four neighbors at a time where rows are a multiple of four. FLOPs: N K
        positions. Bytes: values once.
        """
        memory = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        k, b = uint32(cuda.blockIdx.x // uint32(blocks)), uint32(cuda.blockIdx.x % uint32(blocks))
        i, whole, end = block_range(b, uint32(N * positions))
        total = dtype(0)
        if positions % FOUR == 0:
            while i < whole:
                v0, v1, v2, v3 = load4_if_aligned(values, column_offset(i, k, K, positions), reachable)
                total += (scale * v0 + scale * v1) + (scale * v2 + scale * v3)
                i = uint32(i + uint32(ELEMENTS_PER_ROUND))
            i = uint32(whole + uint32(cuda.threadIdx.x))
        else:
            i = uint32(b * uint32(ELEMENTS_PER_BLOCK) + uint32(cuda.threadIdx.x))
        while i < end:
            total += scale * values[column_offset(i, k, K, positions)]
            i = uint32(i + uint32(THREADS))
        total = block_sum(memory, total)
        if cuda.threadIdx.x == 0:
            sums[uint32(cuda.blockIdx.x)] = total

    return cuda.jit(cache=True)(sum_kernel)


SUMS = {4: _sum_kernel(float32), 8: _sum_kernel(float64)}
