"""Normalization on CUDA: blocks reduce ranges of a set in a fixed order, then a thread writes each element, or four.

Elements that share a mean and a variance are a set: a channel in batch normalization, a sample's group of channels in
group normalization. Reductions see x as (A, B, L) with the B sets x[:, b, :]. Passes that write see x as (N, C, L) and
statistics as (M, G): element (n, c) belongs to the set (n if M > 1 else 0, c // (C / G)).

No atomics: the same bits every time. Bytes: x once for the statistics, dy and x once for the gradient's sums; a pass
that writes reads its operands and writes the result once.
"""

from numba import float32, float64

from ..core.scalar import ONE, ZERO
from ..cuda.launch import THREADS, cuda, each, empty_like_on, int32, reduce, uint32
from ..cuda.reduce import (
    ELEMENTS_PER_BLOCK,
    ELEMENTS_PER_ROUND,
    WARPS_PER_BLOCK,
    block_range,
    block_sum,
    blocks_for,
    column_offset,
    sum_columns,
)
from ..cuda.vectorized import FOUR, aligned, launch_vectorized, load4, load4_if_aligned, scalar_index, store4
from .scalar import inverse_deviation, merged, moved, normalized, normalized_grad


def moments(x, mean, variance):
    """mean[b] and variance[b] (biased) of x[:, b, :]."""
    A, B, L = x.shape
    blocks = blocks_for(A * L)
    parts = [empty_like_on(x, B * blocks) for _ in range(3)]
    reduce(MOMENTS[x.dtype.itemsize], B * blocks, x, aligned(x), *parts, A, B, L, blocks)
    each(merge_kernel, B, *parts, mean, variance, A * L, x.dtype.type(A * L), blocks)


def move_running(mean, variance, momentum, unbias, running_mean, running_var):
    """running = (1 - momentum) running + momentum value, the variance made unbiased by its factor."""
    each(move_running_kernel, mean.size, mean, variance, momentum, unbias, running_mean, running_var)


def normalize(x, mean, variance, weight, bias, eps, y):
    """y = weight (x - mean) / sqrt(variance + eps) + bias."""
    affine = *_channel_values(weight, x), *_channel_values(bias, x)
    launch_vectorized(
        normalize_kernel, (x, y), mean, variance, *affine, eps, *x.shape[1:], *mean.shape, rows=x.shape[2]
    )


def gradient_sums(dy, x, mean, variance, eps, dy_sums, dyx_sums):
    """dy_sums[b] = sum dy[:, b, :], dyx_sums[b] = sum (dy xhat)[:, b, :]; neighboring b may share statistics."""
    A, B, L = x.shape
    blocks, sharing = blocks_for(A * L), B // mean.size
    partials, products = empty_like_on(x, (1, B, blocks)), empty_like_on(x, (1, B, blocks))
    arrays, options = (dy, x, aligned(dy, x), mean, variance), (A, B, L, blocks, sharing)
    reduce(GRADIENT_SUMS[x.dtype.itemsize], B * blocks, *arrays, eps, partials, products, *options)
    sum_columns(partials, dy_sums)
    sum_columns(products, dyx_sums)


def set_means(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias):
    """mean_dy, mean_dyx (M, G) = sum_c weight[c] sums[m, c] / terms over a group; dweight, dbias = sums over m."""
    (M, C), channels = dy_sums.shape, dy_sums.shape[1] // mean_dy.shape[1]
    sums, divisor = (dy_sums, dyx_sums, *_channel_values(weight, dy_sums)), mean_dy.dtype.type(terms)
    each(set_means_kernel, mean_dy.size, *sums, divisor, mean_dy, mean_dyx, channels, mean_dy.shape[1])
    each(sum_samples_kernel, C, dy_sums, dyx_sums, dweight, dbias, M, C)


def input_grad(dy, x, mean, variance, weight, eps, mean_dy, mean_dyx, dx):
    """dx = (weight dy - mean_dy - xhat mean_dyx) / sqrt(variance + eps)."""
    values = mean, variance, *_channel_values(weight, x), eps, mean_dy, mean_dyx
    launch_vectorized(input_grad_kernel, (dy, x, dx), *values, *x.shape[1:], *mean.shape, rows=x.shape[2])


def _channel_values(values, x):
    """(values of the channels, 1), or (any array, 0) for None: one kernel takes both."""
    return (x.reshape(-1)[:1], 0) if values is None else (values, 1)


@cuda.jit(device=True, inline="always")
def _typed(a, value):
    """The value in the array's type."""
    return a.dtype.type(value)


@cuda.jit(device=True, inline="always")
def _set_of(i, C, L, M, G):
    """(channel, set) of element i of x (N, C, L) under statistics (M, G)."""
    row = uint32(i // uint32(L))
    c, n = uint32(row % uint32(C)), uint32(row // uint32(C))
    g = uint32(c // uint32(uint32(C) // uint32(G)))
    return c, uint32(uint32(n % uint32(M)) * uint32(G) + g)


@cuda.jit(device=True, inline="always")
def _accumulate(x, count, total, square, shift):
    """Add x to (count, sum, sum of squares) of differences from a shift."""
    difference = x - shift
    return count + ONE, total + difference, square + difference * difference


def _moments_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def moments_kernel(x, reachable, shifts, offsets, squares, A, B, L, blocks):
        """Mean and sum of squared deviations of range r of x[:, b, :]; block b * blocks + r.

        A thread sums the differences of ELEMENTS_PER_THREAD elements from its first one, four neighbors at a time where
        rows are a multiple of four. The block merges its threads pairwise (Chan, Golub and LeVeque, 1983). A mean is
        stored as a shift and an offset from it: one number would lose the digits that tell two means apart.
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
                count, total, square = _accumulate(x0, count, total, square, shift)
                count, total, square = _accumulate(x1, count, total, square, shift)
                count, total, square = _accumulate(x2, count, total, square, shift)
                count, total, square = _accumulate(x3, count, total, square, shift)
            else:
                count, total, square = _accumulate(x[at], count, total, square, shift)
            i = uint32(i + step)
        # merge the block's threads pairwise
        offset = total / count if count > ZERO else dtype(0)
        counts[thread], starts[thread] = count, shift
        centers[thread], spreads[thread] = offset, square - offset * total
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


def _gradient_sums_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def gradient_sums_kernel(dy, x, reachable, mean, variance, eps, dy_sums, dyx_sums, A, B, L, blocks, sharing):
        """Sums of dy and of dy xhat over range r of the set b; block b * blocks + r. Bytes: dy and x once."""
        memory = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        others = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        block = uint32(cuda.blockIdx.x)
        b, r = uint32(block // uint32(blocks)), uint32(block % uint32(blocks))
        i, _, end = block_range(r, uint32(A * L))
        in_rows, step = L % FOUR == 0, uint32(ELEMENTS_PER_ROUND)
        if not in_rows:
            i, step = uint32(r * uint32(ELEMENTS_PER_BLOCK) + uint32(cuda.threadIdx.x)), uint32(THREADS)
        # sums of the thread's elements
        statistic = uint32(b // uint32(sharing))
        center, total, product = mean[statistic], dtype(0), dtype(0)
        while i < end:
            at = column_offset(i, b, B, L)
            if in_rows:
                (d0, d1, d2, d3), (x0, x1, x2, x3) = (
                    load4_if_aligned(dy, at, reachable),
                    load4_if_aligned(x, at, reachable),
                )
                total += (d0 + d1) + (d2 + d3)
                product += (d0 * (x0 - center) + d1 * (x1 - center)) + (d2 * (x2 - center) + d3 * (x3 - center))
            else:
                total += dy[at]
                product += dy[at] * (x[at] - center)
            i = uint32(i + step)
        # sums of the block
        total, product = block_sum(memory, total), block_sum(others, product)
        if cuda.threadIdx.x == 0:
            dy_sums[block] = total
            dyx_sums[block] = product * inverse_deviation(_typed(x, 1), variance[statistic], eps)

    return cuda.jit(cache=True)(gradient_sums_kernel)


MOMENTS = {4: _moments_kernel(float32), 8: _moments_kernel(float64)}
GRADIENT_SUMS = {4: _gradient_sums_kernel(float32), 8: _gradient_sums_kernel(float64)}


@cuda.jit(cache=True)
def merge_kernel(shifts, offsets, squares, mean, variance, terms, divisor, blocks):
    """mean[b] and variance[b] from the ranges' means (shift + offset) and sums of squares (B, blocks); thread b."""
    b = uint32(cuda.grid(1))
    if b >= mean.size:
        return
    count, center, spread = _typed(mean, 0), _typed(mean, 0), _typed(mean, 0)
    shift, r = shifts[uint32(b * uint32(blocks))], int32(0)
    while r < blocks:
        j = uint32(b * uint32(blocks) + r)
        size = _typed(mean, min(int32(ELEMENTS_PER_BLOCK), int32(terms - r * int32(ELEMENTS_PER_BLOCK))))
        count, center, spread = merged(count, center, spread, size, (shifts[j] - shift) + offsets[j], squares[j])
        r = int32(r + 1)
    mean[b] = shift + center
    variance[b] = ZERO if spread < ZERO else spread / divisor


@cuda.jit(cache=True)
def move_running_kernel(mean, variance, momentum, unbias, running_mean, running_var):
    """running[c] = (1 - momentum) running[c] + momentum value[c]; thread c."""
    c = uint32(cuda.grid(1))
    if c < mean.size:
        running_mean[c] = moved(running_mean[c], mean[c], momentum)
        running_var[c] = moved(running_var[c], variance[c] * unbias, momentum)


@cuda.jit(cache=True)
def normalize_kernel(x, y, vectors, mean, variance, weight, weighted, bias, biased, eps, C, L, M, G):
    """y = weight (x - mean) / sqrt(variance + eps) + bias; x and y (N, C, L), statistics (M, G). Bytes: 2 x.nbytes."""
    i = uint32(cuda.grid(1))
    j = uint32(i * uint32(FOUR)) if i < vectors else scalar_index(i, vectors)
    if j >= x.size:
        return
    c, s = _set_of(j, C, L, M, G)
    factor, offset, center = weight[c] if weighted else ONE, bias[c] if biased else ZERO, mean[s]
    factor *= inverse_deviation(_typed(x, 1), variance[s], eps)
    if i < vectors:
        x0, x1, x2, x3 = load4(x, j)
        y0, y1 = normalized(x0, center, factor, offset), normalized(x1, center, factor, offset)
        store4(y, j, (y0, y1, normalized(x2, center, factor, offset), normalized(x3, center, factor, offset)))
    else:
        y[j] = normalized(x[j], center, factor, offset)


@cuda.jit(cache=True)
def set_means_kernel(dy_sums, dyx_sums, weight, weighted, terms, mean_dy, mean_dyx, channels, G):
    """mean[m, g] = sum_c weight[c] sums[m, c] / terms over the channels of group g; thread m * G + g."""
    i = uint32(cuda.grid(1))
    if i >= mean_dy.size:
        return
    first = uint32(uint32(i % uint32(G)) * uint32(channels))
    total, product = ZERO, ZERO
    k = uint32(0)
    while k < channels:
        j, factor = uint32(i * uint32(channels) + k), weight[uint32(first + k)] if weighted else ONE
        total += factor * dy_sums[j]
        product += factor * dyx_sums[j]
        k = uint32(k + uint32(1))
    mean_dy[i] = total / terms
    mean_dyx[i] = product / terms


@cuda.jit(cache=True)
def sum_samples_kernel(dy_sums, dyx_sums, dweight, dbias, M, C):
    """dbias[c] = sum_m dy_sums[m, c], dweight[c] = sum_m dyx_sums[m, c]; thread c."""
    c = uint32(cuda.grid(1))
    if c >= C:
        return
    total, product = ZERO, ZERO
    m = uint32(0)
    while m < M:
        total += dy_sums[uint32(m * uint32(C) + c)]
        product += dyx_sums[uint32(m * uint32(C) + c)]
        m = uint32(m + uint32(1))
    dbias[c] = total
    dweight[c] = product


@cuda.jit(cache=True)
def input_grad_kernel(dy, x, dx, vectors, mean, variance, weight, weighted, eps, mean_dy, mean_dyx, C, L, M, G):
    """dx = (weight dy - mean_dy - xhat mean_dyx) / sqrt(variance + eps). Bytes: 3 x.nbytes."""
    i, f = uint32(cuda.grid(1)), normalized_grad
    j = uint32(i * uint32(FOUR)) if i < vectors else scalar_index(i, vectors)
    if j >= x.size:
        return
    c, s = _set_of(j, C, L, M, G)
    inverse, factor = inverse_deviation(_typed(x, 1), variance[s], eps), weight[c] if weighted else ONE
    center, offset, slope = mean[s], mean_dy[s], mean_dyx[s]
    if i < vectors:
        (d0, d1, d2, d3), (x0, x1, x2, x3) = load4(dy, j), load4(x, j)
        dx0 = f(d0, x0, center, inverse, factor, offset, slope)
        dx1 = f(d1, x1, center, inverse, factor, offset, slope)
        dx2 = f(d2, x2, center, inverse, factor, offset, slope)
        store4(dx, j, (dx0, dx1, dx2, f(d3, x3, center, inverse, factor, offset, slope)))
    else:
        dx[j] = f(dy[j], x[j], center, inverse, factor, offset, slope)
