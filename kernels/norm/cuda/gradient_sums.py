"""The sums that gradients of normalization need, on CUDA: one pass over dy and x."""

from numba import float32, float64

from ...core.scalar import added, corrected
from ...core.scalar_math import ONE
from ...cuda.launch import THREADS, cuda, each, empty_like_on, reduce, uint32
from ...cuda.reduce import (
    ELEMENTS_PER_BLOCK,
    ELEMENTS_PER_ROUND,
    WARPS_PER_BLOCK,
    block_range,
    block_sum,
    blocks_for,
    column_offset,
    sum_columns,
)
from ...cuda.vectorized import FOUR, aligned, load4_if_aligned
from .channels import channel_values


def gradient_sums(dy, x, mean, inverse, dy_sums, dyx_sums):
    """dy_sums[b] = sum dy[:, b, :], dyx_sums[b] = sum (dy xhat)[:, b, :]; neighboring b may share statistics."""
    A, B, L = x.shape
    blocks, sharing = blocks_for(A * L), B // mean.size
    partials, products = empty_like_on(x, (1, B, blocks)), empty_like_on(x, (1, B, blocks))
    arrays, options = (dy, x, aligned(dy, x), mean, inverse), (A, B, L, blocks, sharing)
    reduce(GRADIENT_SUMS[x.dtype.itemsize], B * blocks, *arrays, partials, products, *options)
    sum_columns(partials, dy_sums)
    sum_columns(products, dyx_sums)


def set_means(dy_sums, dyx_sums, weight, terms, mean_dy, mean_dyx, dweight, dbias):
    """mean_dy, mean_dyx (M, G) = sum_c weight[c] sums[m, c] / terms over a group; dweight, dbias = sums over m."""
    (M, C), channels = dy_sums.shape, dy_sums.shape[1] // mean_dy.shape[1]
    sums, divisor = (dy_sums, dyx_sums, *channel_values(weight, dy_sums)), mean_dy.dtype.type(terms)
    each(set_means_kernel, mean_dy.size, *sums, divisor, mean_dy, mean_dyx, channels, mean_dy.shape[1])
    each(sum_samples_kernel, C, dy_sums, dyx_sums, dweight, dbias, M, C)


def _gradient_sums_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def gradient_sums_kernel(dy, x, reachable, mean, inverse, dy_sums, dyx_sums, A, B, L, blocks, sharing):
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
        center, inverse_std, total, product = mean[statistic], inverse[statistic], dtype(0), dtype(0)
        while i < end:
            at = column_offset(i, b, B, L)
            if in_rows:
                (d0, d1, d2, d3), (x0, x1, x2, x3) = (
                    load4_if_aligned(dy, at, reachable),
                    load4_if_aligned(x, at, reachable),
                )
                total += (d0 + d1) + (d2 + d3)
                h0, h1, h2, h3 = (
                    (x0 - center) * inverse_std,
                    (x1 - center) * inverse_std,
                    (x2 - center) * inverse_std,
                    (x3 - center) * inverse_std,
                )
                product += (d0 * h0 + d1 * h1) + (d2 * h2 + d3 * h3)
            else:
                total += dy[at]
                product += dy[at] * ((x[at] - center) * inverse_std)
            i = uint32(i + step)
        # sums of the block
        total, product = block_sum(memory, total), block_sum(others, product)
        if cuda.threadIdx.x == 0:
            dy_sums[block] = total
            dyx_sums[block] = product

    return cuda.jit(cache=True)(gradient_sums_kernel)


GRADIENT_SUMS = {4: _gradient_sums_kernel(float32), 8: _gradient_sums_kernel(float64)}


@cuda.jit(cache=True)
def set_means_kernel(dy_sums, dyx_sums, weight, weighted, terms, mean_dy, mean_dyx, channels, G):
    """mean[m, g] = sum_c weight[c] sums[m, c] / terms over the channels of group g; thread m * G + g."""
    i = uint32(cuda.grid(1))
    if i >= mean_dy.size:
        return
    first = uint32(uint32(i % uint32(G)) * uint32(channels))
    total = error = product = product_error = mean_dy.dtype.type(0)
    k = uint32(0)
    while k < channels:
        j, scale = uint32(i * uint32(channels) + k), weight[uint32(first + k)] if weighted else ONE
        total, error = added(total, error, scale * dy_sums[j])
        product, product_error = added(product, product_error, scale * dyx_sums[j])
        k = uint32(k + uint32(1))
    mean_dy[i] = corrected(total, error) / terms
    mean_dyx[i] = corrected(product, product_error) / terms


@cuda.jit(cache=True)
def sum_samples_kernel(dy_sums, dyx_sums, dweight, dbias, M, C):
    """dbias[c] = sum_m dy_sums[m, c], dweight[c] = sum_m dyx_sums[m, c]; thread c."""
    c = uint32(cuda.grid(1))
    if c >= C:
        return
    total = error = product = product_error = dbias.dtype.type(0)
    m = uint32(0)
    while m < M:
        total, error = added(total, error, dy_sums[uint32(m * uint32(C) + c)])
        product, product_error = added(product, product_error, dyx_sums[uint32(m * uint32(C) + c)])
        m = uint32(m + uint32(1))
    dbias[c] = corrected(total, error)
    dweight[c] = corrected(product, product_error)
