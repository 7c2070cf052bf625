"""Images for which Winograd's algorithm or the FFT loses the digits, computed directly; the CPU's file says why.

Each image has a flag on the device, which no host reads: an image with an outlier is flagged before, one with a result
that is not finite by the output transform, and a last kernel computes the outputs of flagged images. Its threads end at
once elsewhere. Bytes: x once, a flag for each output.
"""

import math
from functools import lru_cache

from ...core.scalar_math import ZERO
from ...cuda.launch import THREADS, cuda, each, empty_like_on, int32, numba_type, reduce, uint32
from ...cuda.reduce import WARPS_PER_BLOCK, block_reduce
from ..outliers import OUTLIER
from .winograd_kernels import epilogue, first_input, weight_strides


def flag_outliers(x, limit=OUTLIER**2):
    """flags (N,), int32: 1 for each image of x (N, C, H, W) with an outlier, or with numbers that are not finite.

    A pixel is an outlier whose energy is more than `limit` times the mean one.
    """
    n, c, h, w = x.shape
    energies, flags = empty_like_on(x, (n, h * w)), empty_like_on(x, n, "int32")
    each(pixel_energies, energies.size, x, energies, c, h * w)
    reduce(flag_kernel(numba_type(x.dtype)), n, energies, flags, h * w, x.dtype.type(limit))
    return flags


def redo(problem, flags, x, w, rotated, bias, activation, pre_activation, grad_activation, y):
    """Compute flagged images directly; the arguments are those of winograd.py's launches."""
    each(
        conv2d_winograd_redo, y.size, flags, x, w, *bias, *activation, pre_activation, grad_activation, y,
        problem.groups, problem.c, problem.h, problem.w, problem.k, problem.p, problem.q,
        *first_input(problem), *weight_strides(problem, rotated), rotated,
    )  # fmt: skip


@cuda.jit(cache=True)
def pixel_energies(x, energies, C, pixels):
    """energies[n,i] = sum_c x[n,c,i]^2 of x (N, C, pixels); thread i is a pixel. FLOPs: 2 N C pixels. Bytes: x once."""
    i = uint32(cuda.grid(1))
    if i >= energies.size:
        return
    at = uint32(uint32(i // uint32(pixels)) * uint32(C * pixels) + uint32(i % uint32(pixels)))
    total = ZERO
    c = int32(0)
    while c < C:
        total += x[at] * x[at]
        at = uint32(at + uint32(pixels))
        c = int32(c + 1)
    energies[i] = total


@lru_cache
def flag_kernel(dtype):
    """The kernel for a type."""
    infinity = dtype(math.inf)

    def flag_outliers(energies, flags, pixels, limit):
        """flags[n] = whether the largest of energies[n] is not finite, or over `limit` times their mean.

        Block n. A sum that is not a number compares as false. Bytes: energies once.
        """
        memory = cuda.shared.array(WARPS_PER_BLOCK, dtype)
        first = uint32(uint32(cuda.blockIdx.x) * uint32(pixels))
        largest, total = dtype(0), dtype(0)
        i = uint32(cuda.threadIdx.x)
        while i < uint32(pixels):
            energy = energies[uint32(first + i)]
            largest = max(largest, energy)
            total += energy / dtype(pixels)
            i = uint32(i + uint32(THREADS))
        largest = block_reduce(memory, largest, True)
        cuda.syncthreads()
        mean = block_reduce(memory, total, False)
        if cuda.threadIdx.x == 0:
            flags[uint32(cuda.blockIdx.x)] = 0 if largest <= limit * mean and largest < infinity else 1

    return cuda.jit(cache=True)(flag_outliers)


@cuda.jit(cache=True)
def conv2d_winograd_redo(
    flags, x, w, bias, has_bias, activation, slope, pre_activation, grad_activation, y,
    G, C, H, W, K, P, Q, top, left, per_filter, per_channel, rotated,
):  # fmt: skip
    """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p + r + top,q + s + left] + bias[k]) f'(pre_activation), if flags[n].

    x (N, G C, H, W), y and pre_activation (N, G K, P, Q); the taps of w are rotated in the input gradient. Thread i
    computes y[i]. FLOPs: 18 C for each output of flagged images.
    """
    # Thread to (n, k, p, q).
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    q, rest = int32(i % uint32(Q)), uint32(i // uint32(Q))
    p, rest = int32(rest % uint32(P)), uint32(rest // uint32(P))
    k, n = int32(rest % uint32(G * K)), int32(rest // uint32(G * K))
    if flags[uint32(n)] == 0:
        return
    # Main loop over channels and taps.
    group = int32(k // K)
    first, step = (int32(8), int32(-1)) if rotated else (int32(0), int32(1))
    total = ZERO
    c = int32(0)
    while c < C:
        plane = uint32(int32(n * G + group) * C + c)
        taps = int32(group * 9 * C * K + int32(k % K) * per_filter + c * per_channel + first)
        t = int32(0)
        while t < 9:
            h, j = int32(p + top + t // 3), int32(q + left + t % 3)
            if 0 <= h < H and 0 <= j < W:
                total += w[uint32(taps + t * step)] * x[uint32(uint32(plane * uint32(H)) + h) * uint32(W) + uint32(j)]
            t = int32(t + 1)
        c = int32(c + 1)
    # Epilogue: bias, activation, store.
    epilogue(total, True, uint32(k), i, bias, has_bias, activation, slope, pre_activation, grad_activation, y)
