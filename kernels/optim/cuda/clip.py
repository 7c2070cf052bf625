"""Gradient clipping on CUDA: norms as trees in a fixed order; nothing is read back by the host."""

import math

import numpy as np
from numba import float32, float64

from ...core.scalar import sum_or_max
from ...core.scalar_math import INFINITY, ZERO
from ...cuda.launch import THREADS, WARP, cuda, empty_like_on, int32, reduce, uint32
from ...cuda.reduce import ELEMENTS_PER_ROUND, FULL_MASK, WARPS_PER_BLOCK, block_range, block_reduce, blocks_for
from ...cuda.vectorized import FOUR, aligned, launch_vectorized, load4, load4_if_aligned, scalar_index, store4
from .. import scalar


def clip_coefficient(gradients, p, max_norm, norm, coefficient):
    """norm[0] = (sum |g|^p)^(1/p) over all arrays, max |g| for p = infinity; coefficient[0] = min(1, max_norm / norm).

    A launch for each array leaves a partial sum for each of its blocks, and one more adds them all. Bytes: g once.
    """
    blocks, infinite, dtype = [blocks_for(g.size) for g in gradients], math.isinf(p), norm.dtype.type
    scales, totals, first = empty_like_on(norm, sum(blocks)), empty_like_on(norm, sum(blocks)), 0
    options = dtype(1 if infinite else p), infinite, np.finfo(dtype).tiny
    for g, count in zip(gradients, blocks, strict=True):
        partials = scales[first : first + count], totals[first : first + count]
        reduce(POWERS[g.dtype.itemsize], count, g, aligned(g), *options, *partials)
        first += count
    reduce(CLIP_COEFFICIENTS[norm.dtype.itemsize], 1, scales, totals, *options, dtype(max_norm), norm, coefficient)


def scale(g, coefficient):
    """g <- coefficient g. Bytes a launch: 2 g.nbytes, none where the coefficient is 1."""
    launch_vectorized(scale_kernel, (g,), coefficient)


def clip(g, bound):
    """g <- g within [-bound, bound]. Bytes a launch: 2 g.nbytes."""
    launch_vectorized(clip_kernel, (g,), g.dtype.type(bound))


@cuda.jit(device=True, inline="always")
def _sizes4(g, j, end, reachable):
    """|g[j]|, ..., |g[j + 3]|, 0 from `end` on."""
    if uint32(j + uint32(FOUR)) <= end:
        a, b, c, d = load4_if_aligned(g, j, reachable)
        return abs(a), abs(b), abs(c), abs(d)
    zero, k = g.dtype.type(0), uint32(j + uint32(2))
    b = abs(g[uint32(j + uint32(1))]) if uint32(j + uint32(1)) < end else zero
    return abs(g[j]), b, abs(g[k]) if k < end else zero, zero


@cuda.jit(device=True, inline="always")
def _finite(size):
    """The size, 0 if it is infinite or NaN: no power is scaled by it."""
    return size if size < INFINITY else ZERO


@cuda.jit(device=True, inline="always")
def _block_minimum(memory, value):
    """The minimum over the threads of a block, for all threads; memory, shared, holds an element for each warp."""
    distance = int32(WARP // 2)
    while distance:
        value = min(value, cuda.shfl_xor_sync(FULL_MASK, value, distance))
        distance = int32(distance // 2)
    if cuda.threadIdx.x % WARP == 0:
        memory[uint32(cuda.threadIdx.x // WARP)] = value
    cuda.syncthreads()
    w = uint32(0)
    while w < uint32(WARPS_PER_BLOCK):
        value = min(value, memory[w])
        w = uint32(w + uint32(1))
    return value


def _powers_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def powers_kernel(g, reachable, p, infinite, lowest, scales, totals):
        """totals[b] = the sum of |scales[b] g[i]|^p over block b's range, or the maximum of |g[i]|.

        The scale is 1 over the largest |g[i]|, at most 1 / lowest: nothing overflows, and only what the largest hides
        is lost. Bytes: g once.
        """
        minima = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        sums = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        j, _, end = block_range(cuda.blockIdx.x, g.size)
        largest, scale, total = lowest, dtype(1) / lowest, dtype(0)
        while j < end:
            a, b, c, d = _sizes4(g, j, end, reachable)
            # a larger element lowers the scale, and what was added so far with it
            new = max(largest, _finite(a), _finite(b), _finite(c), _finite(d))
            if new > largest:
                total = total if infinite else scalar.rescaled_power(total, largest / new, p)
                largest, scale = new, dtype(1) / new
            # the powers of four elements
            by = dtype(1) if infinite else scale
            left = sum_or_max(scalar.power(by * a, p), scalar.power(by * b, p), infinite)
            right = sum_or_max(scalar.power(by * c, p), scalar.power(by * d, p), infinite)
            total = sum_or_max(total, sum_or_max(left, right, infinite), infinite)
            j = uint32(j + uint32(ELEMENTS_PER_ROUND))
        # the block's sum, at the lowest of the threads' scales
        lower = _block_minimum(minima, scale)
        total = total if infinite else scalar.rescaled_power(total, lower / scale, p)
        total = block_reduce(sums, total, infinite)
        if cuda.threadIdx.x == 0:
            block = uint32(cuda.blockIdx.x)
            scales[block], totals[block] = lower, total

    return cuda.jit(cache=True)(powers_kernel)


def _clip_coefficient_kernel(dtype):
    """The kernel for one dtype, which shared memory needs to know."""

    def clip_coefficient_kernel(scales, totals, p, infinite, lowest, max_norm, norm, coefficient):
        """norm[0] from all partial sums of powers, coefficient[0] from the norm; a single block."""
        minima = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        sums = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        # the lowest scale
        scale, i = dtype(1) / lowest, uint32(cuda.threadIdx.x)
        while i < uint32(scales.size):
            scale = min(scale, scales[i])
            i = uint32(i + uint32(THREADS))
        scale = _block_minimum(minima, scale)
        # the sum at that scale
        total, i = dtype(0), uint32(cuda.threadIdx.x)
        while i < uint32(totals.size):
            term = totals[i] if infinite else scalar.rescaled_power(totals[i], scale / scales[i], p)
            total = sum_or_max(total, term, infinite)
            i = uint32(i + uint32(THREADS))
        total = block_reduce(sums, total, infinite)
        if cuda.threadIdx.x == 0:
            scale, root = dtype(1) if infinite else scale, scalar.root(total, p, infinite)
            norm[uint32(0)] = root / scale
            coefficient[uint32(0)] = scalar.clip_coefficient(root, scale, max_norm)

    return cuda.jit(cache=True)(clip_coefficient_kernel)


POWERS = {4: _powers_kernel(float32), 8: _powers_kernel(float64)}
CLIP_COEFFICIENTS = {4: _clip_coefficient_kernel(float32), 8: _clip_coefficient_kernel(float64)}


@cuda.jit(cache=True)
def scale_kernel(g, vectors, coefficient):
    """g[i] <- coefficient[0] g[i]."""
    i, f = uint32(cuda.grid(1)), coefficient[uint32(0)]
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
