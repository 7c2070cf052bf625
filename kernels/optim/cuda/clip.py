"""Gradient clipping on CUDA: norms as trees in a fixed order; nothing is read back by the host."""

import math

from numba import float32, float64

from ...core.scalar import sum_or_max
from ...cuda.launch import cuda, empty_like_on, one, reduce, uint32
from ...cuda.reduce import ELEMENTS_PER_ROUND, WARPS_PER_BLOCK, block_range, block_reduce, blocks_for
from ...cuda.vectorized import FOUR, aligned, launch_vectorized, load4, load4_if_aligned, scalar_index, store4
from .. import scalar


def norm_power(g, p, total):
    """total[0] = sum |g|^p, or max |g| for p = infinity. Bytes: g once, and 1/8192 of it for each further pass."""
    kernel, infinite = NORM_POWERS[g.dtype.itemsize], math.isinf(p)
    values, power = g, 1.0 if infinite else p
    while True:
        blocks = blocks_for(values.size)
        partials = total if blocks == 1 else empty_like_on(g, blocks)
        reduce(kernel, blocks, values, aligned(values), g.dtype.type(power), infinite, partials)
        if blocks == 1:
            return
        values, power = partials, 1.0  # partial sums are powers already


def clip_factor(totals, p, max_norm, norm, factor):
    """norm = (sum totals)^(1/p), or max totals for p = infinity; factor = min(1, max_norm / norm)."""
    dtype = totals.dtype.type
    one(clip_factor_kernel, totals, dtype(p), math.isinf(p), dtype(max_norm), norm, factor)


def scale(g, factor):
    """g <- factor g. Bytes a launch: 2 g.nbytes, none where the factor is 1."""
    launch_vectorized(scale_kernel, (g,), factor)


def clip(g, bound):
    """g <- g within [-bound, bound]. Bytes a launch: 2 g.nbytes."""
    launch_vectorized(clip_kernel, (g,), g.dtype.type(bound))


def _norm_power_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def norm_power_kernel(g, reachable, p, infinite, partials):
        """partials[b] = the sum of |g[i]|^p over block b's range, or the maximum of |g[i]|. Bytes: g once."""
        memory = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        j, whole, end = block_range(cuda.blockIdx.x, g.size)
        total = dtype(0)
        while j < whole:
            a, b, c, d = load4_if_aligned(g, j, reachable)
            left = sum_or_max(scalar.power(a, p), scalar.power(b, p), infinite)
            right = sum_or_max(scalar.power(c, p), scalar.power(d, p), infinite)
            total = sum_or_max(total, sum_or_max(left, right, infinite), infinite)
            j = uint32(j + uint32(ELEMENTS_PER_ROUND))
        j = uint32(whole + uint32(cuda.threadIdx.x))
        if j < end:
            total = sum_or_max(total, scalar.power(g[j], p), infinite)
        total = block_reduce(memory, total, infinite)
        if cuda.threadIdx.x == 0:
            partials[uint32(cuda.blockIdx.x)] = total

    return cuda.jit(cache=True)(norm_power_kernel)


NORM_POWERS = {4: _norm_power_kernel(float32), 8: _norm_power_kernel(float64)}


@cuda.jit(cache=True)
def clip_factor_kernel(totals, p, infinite, max_norm, norm, factor):
    """norm[0] from each array's sum of powers, factor[0] from the norm; a single thread."""
    total = totals[uint32(0)]
    i = uint32(1)
    while i < uint32(totals.size):
        total = sum_or_max(total, totals[i], infinite)
        i = uint32(i + uint32(1))
    norm[uint32(0)] = scalar.root(total, p, infinite)
    factor[uint32(0)] = scalar.clip_factor(norm[uint32(0)], max_norm)


@cuda.jit(cache=True)
def scale_kernel(g, vectors, factor):
    """g[i] <- factor[0] g[i]."""
    i, f = uint32(cuda.grid(1)), factor[uint32(0)]
    if f == 1:
        return
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        a, b, c, d = load4(g, j)
        store4(g, j, (f * a, f * b, f * c, f * d))
        return
    j = scalar_index(i, vectors)
    if j < g.size:
        g[j] = f * g[j]


@cuda.jit(cache=True)
def clip_kernel(g, vectors, bound):
    """g[i] <- g[i] within [-bound, bound]."""
    i = uint32(cuda.grid(1))
    if i < vectors:
        j = uint32(i * uint32(FOUR))
        a, b, c, d = load4(g, j)
        f = scalar.clipped
        store4(g, j, (f(a, bound), f(b, bound), f(c, bound), f(d, bound)))
        return
    j = scalar_index(i, vectors)
    if j < g.size:
        g[j] = scalar.clipped(g[j], bound)
