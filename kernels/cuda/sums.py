"""Sums on CUDA: passes of blocks, each adding a stretch as a tree, always in the same order and without atomics.

A thread adds TERMS numbers one after the other, a block the sums of its threads in a tree, and the next pass what the
blocks left: no chain of additions is long, so a sum of 2^26 float32 keeps six digits or more, and its bits depend on
nothing but its length.
"""

from numba import float32, float64

from .launch import THREADS, beside, cuda, reduce, uint32

TERMS = 32
STRETCH = THREADS * TERMS


def stretches(elements):
    """Blocks that a pass over so many elements takes, at least one: the sum of nothing is 0."""
    return max(1, -(-elements // STRETCH))


def few_sums(values):
    """At most TERMS numbers whose sum is that of the values, for a single thread to add."""
    while values.size > TERMS:
        partials = beside(values, stretches(values.size))
        reduce(_kernel(SUMS, values), partials.size, values, partials, 1, 1, values.size, partials.size)
        values = partials
    return values


def sum_columns(values, sums):
    """sums[k] = sum_{n,i} values[n,k,i] for values (N, K, positions)."""
    n, k, positions = values.shape
    blocks = stretches(n * positions)
    while blocks > 1:
        partials = beside(values, (1, k, blocks))
        reduce(_kernel(SUMS, values), k * blocks, values, partials, n, k, positions, blocks)
        values, n, positions, blocks = partials, 1, blocks, stretches(blocks)
    reduce(_kernel(SUMS, values), k, values, sums, n, k, positions, 1)


def _kernel(kernels, values):
    return kernels[values.dtype.itemsize]


@cuda.jit(device=True, inline="always")
def block_sum(memory, total):
    """The sum of `total` over the threads of a block, by halves in shared memory."""
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


def _sum_kernel(dtype):
    """A kernel for one type: shared memory wants its type known."""

    def sum_kernel(values, sums, N, K, positions, blocks):
        """sums[k, b] = the sum of stretch b of values[:, k, :]; values (N, K, positions), sums (K, blocks).

        Block k * blocks + b; neighbouring threads read neighbours. Bytes: values once.
        """
        memory = cuda.shared.array(THREADS, dtype)
        k, b = uint32(cuda.blockIdx.x // uint32(blocks)), uint32(cuda.blockIdx.x % uint32(blocks))
        i, end = uint32(b * uint32(STRETCH) + cuda.threadIdx.x), uint32(N * positions)
        end = min(end, uint32(uint32(b + uint32(1)) * uint32(STRETCH)))
        total = dtype(0)
        while i < end:
            n, position = uint32(i // uint32(positions)), uint32(i % uint32(positions))
            total += values[uint32(uint32(n * uint32(K) + k) * uint32(positions) + position)]
            i = uint32(i + uint32(THREADS))
        total = block_sum(memory, total)
        if cuda.threadIdx.x == 0:
            sums[uint32(cuda.blockIdx.x)] = total

    return cuda.jit(cache=True)(sum_kernel)


SUMS = {4: _sum_kernel(float32), 8: _sum_kernel(float64)}
