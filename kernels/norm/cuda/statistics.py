"""Means, variances and deviations of sets on CUDA: one pass over x, merged pairwise."""

from numba import float32, float64

from ...core.scalar import added, corrected, maximum
from ...core.scalar_math import INFINITY, ONE, ZERO
from ...cuda.launch import THREADS, cuda, each, empty_like_on, int32, reduce, uint32
from ...cuda.reduce import (
    ELEMENTS_PER_BLOCK,
    ELEMENTS_PER_ROUND,
    WARPS_PER_BLOCK,
    block_range,
    block_reduce,
    block_sum,
    blocks_for,
    column_offset,
)
from ...cuda.vectorized import FOUR, aligned, load4_if_aligned
from ..scalar import has_lost_digits, inverse_deviation, merged, moved, scaled_inverse_deviation


def moments(x, mean, variance):
    """mean[b] and variance[b] (biased) of x[:, b, :]."""
    A, B, L = x.shape
    blocks = blocks_for(A * L)
    partials = [empty_like_on(x, B * blocks) for _ in range(3)]
    inverse_terms = x.dtype.type(1 / max(A * L, 1))
    reduce(MOMENTS[x.dtype.itemsize], B * blocks, x, aligned(x), inverse_terms, *partials, A, B, L, blocks)
    each(merge_kernel, B, *partials, mean, variance, A * L, inverse_terms, blocks)


def inverse_deviations(x, mean, variance, eps, of_x, inverse):
    """inverse[b] = 1 / sqrt(variance[b] + eps), from x[:, b, :] where the variance is too large for its type.

    If the variances are those of x (of_x), also where one is too small for it. A block for each set, which reads x in
    those cases alone.
    """
    kernel = INVERSE_DEVIATIONS[inverse.dtype.itemsize]
    reduce(kernel, inverse.size, x, mean, variance, eps, of_x, inverse, *x.shape)


def move_running(mean, variance, momentum, unbias, running_mean, running_var):
    """running = (1 - momentum) running + momentum value, the variance made unbiased by its factor."""
    each(move_running_kernel, mean.size, mean, variance, momentum, unbias, running_mean, running_var)


@cuda.jit(device=True, inline="always")
def _typed(a, value):
    """The value in the array's type."""
    return a.dtype.type(value)


@cuda.jit(device=True, inline="always")
def _accumulate(x, count, total, square, shift, inverse_terms):
    """Add x to (count, sum, sum of squares over the terms) of differences from a shift."""
    difference = x - shift
    return count + ONE, total + difference, square + difference * (inverse_terms * difference)


@cuda.jit(device=True, inline="always")
def _square_about(offset, total, square):
    """Sum of squares about the mean from that about a shift; infinite where that is and the sum is not."""
    return square if square == INFINITY and abs(total) < INFINITY else square - offset * total


def _moments_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def moments_kernel(x, reachable, inverse_terms, shifts, offsets, squares, A, B, L, blocks):
        """Mean and sum of squared deviations, over A L, of range r of x[:, b, :]; block b * blocks + r.

        A thread sums the differences of ELEMENTS_PER_THREAD elements from its first one, four neighbors at a time where
        rows are a multiple of four. The block merges its threads pairwise (Chan, Golub and LeVeque, 1983). A mean is
        stored as a shift and an offset from it: one number would lose the digits that distinguish two means.
        Bytes: x once.
        """
        counts = cuda.shared.array(THREADS, dtype)
        starts = cuda.shared.array(THREADS, dtype)
        centers = cuda.shared.array(THREADS, dtype)
        spreads = cuda.shared.array(THREADS, dtype)
        thread, block = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
        b, r = uint32(block // uint32(blocks)), uint32(block % uint32(blocks))
        i, whole, end = block_range(r, uint32(A * L))
        count, total, square, shift = dtype(0), dtype(0), dtype(0), dtype(0)
        in_rows, step = L % FOUR == 0, uint32(ELEMENTS_PER_ROUND)
        if not in_rows:
            i, whole, step = uint32(r * uint32(ELEMENTS_PER_BLOCK) + thread), end, uint32(THREADS)
        # sums of the thread's differences from its first element
        if i < whole:
            shift = x[column_offset(i, b, B, L)]
        while i < whole:
            at = column_offset(i, b, B, L)
            if in_rows:
                x0, x1, x2, x3 = load4_if_aligned(x, at, reachable)
                count, total, square = _accumulate(x0, count, total, square, shift, inverse_terms)
                count, total, square = _accumulate(x1, count, total, square, shift, inverse_terms)
                count, total, square = _accumulate(x2, count, total, square, shift, inverse_terms)
                count, total, square = _accumulate(x3, count, total, square, shift, inverse_terms)
            else:
                count, total, square = _accumulate(x[at], count, total, square, shift, inverse_terms)
            i = uint32(i + step)
        # merge the block's threads pairwise
        offset = total / count if count > ZERO else dtype(0)
        counts[thread], starts[thread] = inverse_terms * count, shift
        centers[thread], spreads[thread] = offset, _square_about(offset, inverse_terms * total, square)
        cuda.syncthreads()
        half = uint32(THREADS // 2)
        while half:
            if thread < half:
                other = uint32(thread + half)
                other_center = (starts[other] - starts[thread]) + centers[other]
                counts[thread], centers[thread], spreads[thread] = merged(
                    counts[thread], centers[thread], spreads[thread], counts[other], other_center, spreads[other]
                )
            cuda.syncthreads()
            half = uint32(half // uint32(2))
        if thread == 0:
            shifts[block], offsets[block] = starts[uint32(0)], centers[uint32(0)]
            squares[block] = spreads[uint32(0)]

    return cuda.jit(cache=True)(moments_kernel)


def _inverse_deviations_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def inverse_deviations_kernel(x, mean, variance, eps, of_x, inverse, A, B, L):
        """inverse[b] = 1 / sqrt(variance[b] + eps), or from x[:, b, :] (A, B, L) divided by its largest; block b."""
        maxima = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        sums = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        largest_of_all = cuda.shared.array(1, dtype)
        b, thread, end = uint32(cuda.blockIdx.x), uint32(cuda.threadIdx.x), uint32(A * L)
        plain, center = inverse_deviation(dtype(1), variance[b], eps), mean[b]
        if not has_lost_digits(variance[b], eps, of_x):
            if thread == 0:
                inverse[b] = plain
            return
        # the largest difference from the mean
        largest, i = dtype(0), thread
        while i < end:
            largest = maximum(largest, abs(x[column_offset(i, b, B, L)] - center))
            i = uint32(i + uint32(THREADS))
        largest = block_reduce(maxima, largest, True)
        if thread == 0:
            largest_of_all[uint32(0)] = largest
        cuda.syncthreads()
        largest = largest_of_all[uint32(0)]
        # the sum of squares of the differences by that
        total, error, i = dtype(0), dtype(0), thread
        while i < end:
            quotient = (x[column_offset(i, b, B, L)] - center) / largest
            total, error = added(total, error, quotient * quotient)
            i = uint32(i + uint32(THREADS))
        total = block_sum(sums, corrected(total, error))
        if thread == 0:
            inverse[b] = scaled_inverse_deviation(plain, total / dtype(end), largest, eps)

    return cuda.jit(cache=True)(inverse_deviations_kernel)


MOMENTS = {4: _moments_kernel(float32), 8: _moments_kernel(float64)}
INVERSE_DEVIATIONS = {4: _inverse_deviations_kernel(float32), 8: _inverse_deviations_kernel(float64)}


@cuda.jit(cache=True)
def merge_kernel(shifts, offsets, squares, mean, variance, terms, inverse_terms, blocks):
    """mean[b] and variance[b] from the ranges' means (shift + offset) and sums of squares (B, blocks); thread b."""
    b = uint32(cuda.grid(1))
    if b >= mean.size:
        return
    count, center, spread = _typed(mean, 0), _typed(mean, 0), _typed(mean, 0)
    shift, r = shifts[uint32(b * uint32(blocks))], int32(0)
    while r < blocks:
        j = uint32(b * uint32(blocks) + r)
        size = _typed(mean, min(int32(ELEMENTS_PER_BLOCK), int32(terms - r * int32(ELEMENTS_PER_BLOCK))))
        part = inverse_terms * size
        count, center, spread = merged(count, center, spread, part, (shifts[j] - shift) + offsets[j], squares[j])
        r = int32(r + 1)
    mean[b] = shift + center
    variance[b] = ZERO if spread < ZERO else spread


@cuda.jit(cache=True)
def move_running_kernel(mean, variance, momentum, unbias, running_mean, running_var):
    """running[c] = (1 - momentum) running[c] + momentum value[c]; thread c."""
    c = uint32(cuda.grid(1))
    if c < mean.size:
        running_mean[c] = moved(running_mean[c], mean[c], momentum)
        running_var[c] = moved(running_var[c], variance[c] * unbias, momentum)
