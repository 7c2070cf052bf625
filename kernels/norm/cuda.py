"""Normalisation on CUDA: blocks add up stretches of a set in a fixed order, then a thread writes each element.

What is normalised together is a set. Batch normalisation has a set for each channel, group normalisation one for each
sample and group of channels: x (A, B, L) has the B sets x[:, b, :] in the passes that add up. In the passes that write,
x is (N, C, L) and statistics are (M, G): element (n, c) belongs to the set (n if M > 1 else 0, c // (C / G)).

No atomics, so the same bits every time. Bytes: the statistics read x once, the gradient's sums dy and x, a pass that
writes reads what it needs and writes the result once.
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
    affine = *_each_channel(weight, x), *_each_channel(bias, x)
    launch_vectorized(
        normalize_kernel, (x, y), mean, variance, *affine, eps, *x.shape[1:], *mean.shape, rows=x.shape[2]
    )


def gradient_sums(dy, x, mean, variance, eps, dy_sums, dyx_sums):
    """dy_sums[b] = sum dy[:, b, :], dyx_sums[b] = sum (dy xhat)[:, b, :]; neighbouring b may share statistics."""
    A, B, L = x.shape
    blocks, sharing = blocks_for(A * L), B // mean.size
    partials, products = empty_like_on(x, (1, B, blocks)), empty_like_on(x, (1, B, blocks))
    arrays, options = (dy, x, aligned(dy, x), mean, variance), (A, B, L, blocks, sharing)
    reduce(GRADIENT_SUMS[x.dtype.itemsize], B * blocks, *arrays, eps, partials, products, *options)
    sum_columns(partials, dy_sums)
    sum_columns(products, dyx_sums)


def set_means(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias):
    """From sums (M, C) to the sets' means (M, G), sum_c weight[c] sums[m, c] / terms, and to dweight and dbias."""
    (M, C), channels = dy_sums.shape, dy_sums.shape[1] // mean_dy.shape[1]
    each(set_means_kernel, mean_dy.size, dy_sums, dyx_sums, *_each_channel(weight, dy_sums), mean_dy.dtype.type(terms),
         mean_dy, mean_dyx, channels, mean_dy.shape[1])  # fmt: skip
    each(sum_samples_kernel, C, dy_sums, dyx_sums, dweight, dbias, M, C)


def input_grad(dy, x, mean, variance, weight, eps, mean_dy, mean_dyx, dx):
    """dx = (weight dy - mean_dy - xhat mean_dyx) / sqrt(variance + eps)."""
    values = mean, variance, *_each_channel(weight, x), eps, mean_dy, mean_dyx
    launch_vectorized(input_grad_kernel, (dy, x, dx), *values, *x.shape[1:], *mean.shape, rows=x.shape[2])


def _each_channel(values, x):
    """The channels' values and whether there are any; without them some array, so that it is the same kernel."""
    return (x.reshape(-1)[:1], 0) if values is None else (values, 1)


@cuda.jit(device=True, inline="always")
def _typed(a, value):
    """A number of the type of an array."""
    return a.dtype.type(value)


@cuda.jit(device=True, inline="always")
def _set_of(i, C, L, M, G):
    """(channel, set) of element i of x (N, C, L) under statistics (M, G)."""
    row = uint32(i // uint32(L))
    c, n = uint32(row % uint32(C)), uint32(row // uint32(C))
    g = uint32(c // uint32(uint32(C) // uint32(G)))
    return c, uint32(uint32(n % uint32(M)) * uint32(G) + g)


@cuda.jit(device=True, inline="always")
def _with(x, count, total, square, shift):
    """Count, sum and sum of squares of the differences from a shift, with one element more."""
    difference = x - shift
    return count + ONE, total + difference, square + difference * difference


def _moments_kernel(dtype):
    """A kernel for one type: shared memory wants its type known."""

    def moments_kernel(x, reachable, shifts, offsets, squares, A, B, L, blocks):
        """Mean and sum of squared deviations of stretch s of x[:, b, :]; block b * blocks + s.

        A thread takes ELEMENTS_PER_THREAD elements less its first one, four neighbors at a time where rows are a
        multiple of four: of so few differences nothing is lost. The block merges its threads by halves (Chan, Golub and LeVeque). A mean
        is a shift and an offset from there: as one number it would lose the digits that tell two parts' means apart.
        Bytes: x once.
        """
        counts = cuda.shared.array(THREADS, dtype)
        starts = cuda.shared.array(THREADS, dtype)
        centres = cuda.shared.array(THREADS, dtype)
        spreads = cuda.shared.array(THREADS, dtype)
        thread, block = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
        b, stretch = uint32(block // uint32(blocks)), uint32(block % uint32(blocks))
        i, whole, end = block_range(stretch, uint32(A * L))
        count, total, square, shift = dtype(0), dtype(0), dtype(0), dtype(0)
        in_rows, step = L % FOUR == 0, uint32(ELEMENTS_PER_ROUND)
        if not in_rows:
            i, whole, step = uint32(stretch * uint32(ELEMENTS_PER_BLOCK) + thread), end, uint32(THREADS)
        if i < whole:
            shift = x[column_offset(i, b, B, L)]
        while i < whole:
            at = column_offset(i, b, B, L)
            if in_rows:
                x0, x1, x2, x3 = load4_if_aligned(x, at, reachable)
                count, total, square = _with(x0, count, total, square, shift)
                count, total, square = _with(x1, count, total, square, shift)
                count, total, square = _with(x2, count, total, square, shift)
                count, total, square = _with(x3, count, total, square, shift)
            else:
                count, total, square = _with(x[at], count, total, square, shift)
            i = uint32(i + step)
        offset = total / count if count > ZERO else dtype(0)
        counts[thread], starts[thread] = count, shift
        centres[thread], spreads[thread] = offset, square - offset * total
        cuda.syncthreads()
        half = uint32(THREADS // 2)
        while half:
            if thread < half:
                other = uint32(thread + half)
                its_centre = (starts[other] - starts[thread]) + centres[other]
                counts[thread], centres[thread], spreads[thread] = merged(
                    counts[thread], centres[thread], spreads[thread], counts[other], its_centre, spreads[other]
                )
            cuda.syncthreads()
            half = uint32(half // uint32(2))
        if thread == 0:
            shifts[block], offsets[block] = starts[uint32(0)], centres[uint32(0)]
            squares[block] = spreads[uint32(0)]

    return cuda.jit(cache=True)(moments_kernel)


def _gradient_sums_kernel(dtype):
    """A kernel for one type."""

    def gradient_sums_kernel(dy, x, reachable, mean, variance, eps, dy_sums, dyx_sums, A, B, L, blocks, sharing):
        """Sums of dy and of dy xhat over stretch s of the set b; block b * blocks + s. Bytes: dy and x once."""
        memory = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        others = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        block = uint32(cuda.blockIdx.x)
        b, stretch = uint32(block // uint32(blocks)), uint32(block % uint32(blocks))
        i, _, end = block_range(stretch, uint32(A * L))
        in_rows, step = L % FOUR == 0, uint32(ELEMENTS_PER_ROUND)
        if not in_rows:
            i, step = uint32(stretch * uint32(ELEMENTS_PER_BLOCK) + uint32(cuda.threadIdx.x)), uint32(THREADS)
        statistic = uint32(b // uint32(sharing))
        centre, total, product = mean[statistic], dtype(0), dtype(0)
        while i < end:
            at = column_offset(i, b, B, L)
            if in_rows:
                (d0, d1, d2, d3), (x0, x1, x2, x3) = (
                    load4_if_aligned(dy, at, reachable),
                    load4_if_aligned(x, at, reachable),
                )
                total += (d0 + d1) + (d2 + d3)
                product += (d0 * (x0 - centre) + d1 * (x1 - centre)) + (d2 * (x2 - centre) + d3 * (x3 - centre))
            else:
                total += dy[at]
                product += dy[at] * (x[at] - centre)
            i = uint32(i + step)
        total, product = block_sum(memory, total), block_sum(others, product)
        if cuda.threadIdx.x == 0:
            dy_sums[block] = total
            dyx_sums[block] = product * inverse_deviation(_typed(x, 1), variance[statistic], eps)

    return cuda.jit(cache=True)(gradient_sums_kernel)


MOMENTS = {4: _moments_kernel(float32), 8: _moments_kernel(float64)}
GRADIENT_SUMS = {4: _gradient_sums_kernel(float32), 8: _gradient_sums_kernel(float64)}


@cuda.jit(cache=True)
def merge_kernel(shifts, offsets, squares, mean, variance, terms, divisor, blocks):
    """mean[b] and variance[b] from the stretches' means (shift + offset) and sums of squares (B, blocks); thread b."""
    b = uint32(cuda.grid(1))
    if b >= mean.size:
        return
    count, centre, spread = _typed(mean, 0), _typed(mean, 0), _typed(mean, 0)
    shift, stretch = shifts[uint32(b * uint32(blocks))], int32(0)
    while stretch < blocks:
        j = uint32(b * uint32(blocks) + stretch)
        size = _typed(mean, min(int32(ELEMENTS_PER_BLOCK), int32(terms - stretch * int32(ELEMENTS_PER_BLOCK))))
        count, centre, spread = merged(count, centre, spread, size, (shifts[j] - shift) + offsets[j], squares[j])
        stretch = int32(stretch + 1)
    mean[b] = shift + centre
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
    factor, offset, centre = weight[c] if weighted else ONE, bias[c] if biased else ZERO, mean[s]
    factor *= inverse_deviation(_typed(x, 1), variance[s], eps)
    if i < vectors:
        x0, x1, x2, x3 = load4(x, j)
        y0, y1 = normalized(x0, centre, factor, offset), normalized(x1, centre, factor, offset)
        store4(y, j, (y0, y1, normalized(x2, centre, factor, offset), normalized(x3, centre, factor, offset)))
    else:
        y[j] = normalized(x[j], centre, factor, offset)


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
    centre, offset, slope = mean[s], mean_dy[s], mean_dyx[s]
    if i < vectors:
        (d0, d1, d2, d3), (x0, x1, x2, x3) = load4(dy, j), load4(x, j)
        dx0 = f(d0, x0, centre, inverse, factor, offset, slope)
        dx1 = f(d1, x1, centre, inverse, factor, offset, slope)
        dx2 = f(d2, x2, centre, inverse, factor, offset, slope)
        store4(dx, j, (dx0, dx1, dx2, f(d3, x3, centre, inverse, factor, offset, slope)))
    else:
        dx[j] = f(dy[j], x[j], centre, inverse, factor, offset, slope)
