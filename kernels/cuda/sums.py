"""Sums on CUDA in two passes, blocks and then one thread, each in a fixed order: deterministic without atomics."""

from numba import float32, float64

from .. import scalar
from ..scalar import ZERO
from .launch import THREADS, beside, block_sum, cuda, partial_blocks, reduce, uint32


def partial_sums(values):
    """A few sums that together are the values'."""
    partials = beside(values, partial_blocks(values.size))
    reduce(SUMS[values.dtype.itemsize], partials.size, values, partials)
    return partials


def partial_square_sums(x, target):
    """A few sums that together are that of (x - target)^2."""
    partials = beside(x, partial_blocks(x.size))
    reduce(SQUARES[x.dtype.itemsize], partials.size, x, target, partials)
    return partials


def _sum_kernel(dtype):
    """partials[b] = the sum of values b T + t, ..., strided over the grid; for one type, as shared memory wants."""

    def kernel(values, partials):
        memory = cuda.shared.array(THREADS, dtype)
        total = dtype(0)
        i = uint32(cuda.grid(1))
        while i < values.size:
            total += values[i]
            i = uint32(i + uint32(cuda.gridsize(1)))
        total = block_sum(memory, total)
        if cuda.threadIdx.x == 0:
            partials[uint32(cuda.blockIdx.x)] = total

    return cuda.jit(cache=True)(kernel)


def _square_sum_kernel(dtype):
    """The same of (x - target)^2."""

    def kernel(x, target, partials):
        memory = cuda.shared.array(THREADS, dtype)
        total = dtype(0)
        i = uint32(cuda.grid(1))
        while i < x.size:
            total += scalar.squared_difference(x[i], target[i])
            i = uint32(i + uint32(cuda.gridsize(1)))
        total = block_sum(memory, total)
        if cuda.threadIdx.x == 0:
            partials[uint32(cuda.blockIdx.x)] = total

    return cuda.jit(cache=True)(kernel)


SUMS = {4: _sum_kernel(float32), 8: _sum_kernel(float64)}
SQUARES = {4: _square_sum_kernel(float32), 8: _square_sum_kernel(float64)}


@cuda.jit(cache=True)
def finish_sum_kernel(partials, scale, loss):
    """loss[0] = scale sum(partials), by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < partials.size:
        total += partials[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = scale * total


@cuda.jit(cache=True)
def finish_ratio_kernel(losses, weights, loss):
    """loss[0] = sum(losses) / sum(weights), 0 if nothing has weight; by a single thread."""
    total = ZERO
    i = uint32(0)
    while i < losses.size:
        total += losses[i]
        i = uint32(i + uint32(1))
    weight = ZERO
    i = uint32(0)
    while i < weights.size:
        weight += weights[i]
        i = uint32(i + uint32(1))
    loss[uint32(0)] = total / weight if weight != ZERO else ZERO
