"""Clipping of gradients on CUDA: norms as trees, always in the same order; nothing is read back by the host."""

import math

from numba import float32, float64

from .. import scalar_updates as scalar
from .launch import THREADS, beside, cuda, each, one, reduce, uint32
from .sums import STRETCH, stretches


def norm_power(g, p, total):
    """total[0] = sum |g|^p, or max |g| for p = infinity. Bytes: g once, and a 8192nd of it a pass after the first."""
    kernel, infinite = NORM_POWERS[g.dtype.itemsize], math.isinf(p)
    values, power = g, 1.0 if infinite else p
    while True:
        blocks = stretches(values.size)
        partials = total if blocks == 1 else beside(g, blocks)
        reduce(kernel, blocks, values, g.dtype.type(power), infinite, partials)
        if blocks == 1:
            return
        values, power = partials, 1.0  # what a pass leaves behind are powers already


def clip_factor(totals, p, max_norm, norm, factor):
    """norm = (sum totals)^(1/p), or max totals for p = infinity; factor = min(1, max_norm / norm)."""
    dtype = totals.dtype.type
    one(clip_factor_kernel, totals, dtype(p), math.isinf(p), dtype(max_norm), norm, factor)


def scale(g, factor):
    """g <- factor g. Bytes a launch: 2 g.nbytes, none where the factor is 1."""
    each(scale_kernel, g.size, g, factor)


def clip(g, bound):
    """g <- g within [-bound, bound]. Bytes a launch: 2 g.nbytes."""
    each(clip_kernel, g.size, g, g.dtype.type(bound))


def _norm_power_kernel(dtype):
    """A kernel for one type: shared memory wants its type known."""

    def norm_power_kernel(g, p, infinite, partials):
        """partials[b] = the sum of |g[i]|^p over stretch b, or the maximum of |g[i]|; a block for each b.

        Neighbouring threads read neighbours, and join what they have by halves in shared memory. Bytes: g once.
        """
        memory = cuda.shared.array(THREADS, dtype)
        thread = uint32(cuda.threadIdx.x)
        i = uint32(cuda.blockIdx.x * uint32(STRETCH) + thread)
        end = min(uint32(g.size), uint32(uint32(cuda.blockIdx.x + uint32(1)) * uint32(STRETCH)))
        total = dtype(0)
        while i < end:
            total = scalar.joined(total, scalar.power(g[i], p), infinite)
            i = uint32(i + uint32(THREADS))
        memory[thread] = total
        cuda.syncthreads()
        half = uint32(THREADS // 2)
        while half:
            if thread < half:
                memory[thread] = scalar.joined(memory[thread], memory[uint32(thread + half)], infinite)
            cuda.syncthreads()
            half = uint32(half // uint32(2))
        if thread == 0:
            partials[uint32(cuda.blockIdx.x)] = memory[uint32(0)]

    return cuda.jit(cache=True)(norm_power_kernel)


NORM_POWERS = {4: _norm_power_kernel(float32), 8: _norm_power_kernel(float64)}


@cuda.jit(cache=True)
def clip_factor_kernel(totals, p, infinite, max_norm, norm, factor):
    """norm[0] from the powers of each array, factor[0] from it; one thread, as the arrays are few."""
    total = totals[uint32(0)]
    i = uint32(1)
    while i < uint32(totals.size):
        total = scalar.joined(total, totals[i], infinite)
        i = uint32(i + uint32(1))
    norm[uint32(0)] = scalar.root(total, p, infinite)
    factor[uint32(0)] = scalar.clip_factor(norm[uint32(0)], max_norm)


@cuda.jit(cache=True)
def scale_kernel(g, factor):
    """g[i] <- factor[0] g[i]."""
    i = uint32(cuda.grid(1))
    f = factor[uint32(0)]
    if i < g.size and f != 1:
        g[i] = f * g[i]


@cuda.jit(cache=True)
def clip_kernel(g, bound):
    """g[i] <- g[i] within [-bound, bound]."""
    i = uint32(cuda.grid(1))
    if i < g.size:
        g[i] = scalar.clipped(g[i], bound)
