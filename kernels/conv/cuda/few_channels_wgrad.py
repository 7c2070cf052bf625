"""The weight gradient on CUDA for few weights a channel: depthwise convolution, and the first layer of a network.

A block sums all taps of one channel for a few filters, in registers: its threads walk down columns of the output, see
`window`, each element of x is loaded once for all taps below each other and for all of the filters. Warps add by
shuffles, blocks in shared memory, splits of the pixels in a second kernel, all in one order: results are the same bits
every time.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ...cuda import gemm_tile, sliding_window
from ...cuda.launch import beside, cuda, int32, multiprocessors, numba_type, tiles, uint32
from ...cuda.ptx import divide, reciprocal
from ...cuda.split_k import add_parts
from .depthwise import BESIDES, ENOUGH, FILE, THREADS, VALUES, path_of, walk

WARPS = THREADS // sliding_window.WARP

FILTERS = 4, 2, 1
"""Filters of a block."""

CHAIN = 1024
"""Products that a thread adds in one chain, about: few enough for float32."""


class Plan(NamedTuple):
    """Filters of a block, outputs of a walk, how many walks there are, splits of these, and walks of a split."""

    filters: int
    length: int
    walks: int
    splits: int
    split: int


def filters_of(g):
    """Filters whose taps fit into a thread's registers, 0 where not even one's do; g is the forward pass."""
    return next((f for f in FILTERS if f <= g.k and values(g.a, g.b, path_of(g).stride, f) <= VALUES), 0)


def values(rows, columns, stride, filters):
    """The values in a thread's registers: sums, what a step loads of x, and the gradients that it still multiplies."""
    return (rows * columns + sliding_window.ages(rows, stride)) * filters + min(rows, stride) * columns


@lru_cache(maxsize=1024)
def plan_of(g, n, processors):
    """How a weight gradient is cut: enough blocks, short chains, and walks for each thread of a block."""
    path, filters = path_of(g), filters_of(g)
    phases, steps = min(path.apart, g.u), -(-g.u // path.apart)
    blocks = g.groups * g.c * -(-g.k // filters)
    length = walk(steps, n * phases * g.v * blocks, processors)
    walks = n * phases * -(-steps // length) * g.v
    wanted = max(ENOUGH * processors // (THREADS * blocks), walks * length // (THREADS * CHAIN), 1)
    splits = min(wanted, -(-walks // THREADS))
    split = -(-walks // splits)
    return Plan(filters, length, walks, -(-walks // split), split)


def correlate_thin_with_gradient(g, n, x, dy, dw):
    """Launch the sums over the windows of n images, and the sum over the splits; g is the forward pass."""
    path, plan = path_of(g), plan_of(g, n, multiprocessors(x))
    steps = -(-g.u // path.apart)
    chunks = -(-steps // plan.length)
    strips = min(path.apart, g.u) * chunks
    parts = dw if plan.splits == 1 else beside(dw, plan.splits * dw.size)
    kernel = thin_weight_grad_kernel(g.a, g.b, path.stride, plan.filters, numba_type(x.dtype))
    filter_blocks = -(-g.k // plan.filters)
    tiles(
        kernel, plan.splits * g.groups * g.c * filter_blocks, THREADS, x, dy, parts, g.groups, g.c, g.k, filter_blocks,
        g.h, g.w, g.u, g.v, strips, chunks, plan.length, plan.walks, plan.split, path.apart, g.st_h, g.st_w,
        path.h0, g.w0, path.d_h, g.d_w,
        *(np.uint32(part) for divisor in (g.v, strips, chunks) for part in reciprocal(divisor)),
    )  # fmt: skip
    if plan.splits > 1:
        add_parts(parts, dw, plan.splits)


@lru_cache
def thin_weight_grad_kernel(rows, columns, stride, filters, dtype):
    """The kernel for a kernel's size, the rows of a step, the filters of a block and a type."""
    fingerprint, bytes_each = sliding_window.FINGERPRINT, dtype.bitwidth // 8
    loaded, making, taps = min(rows, stride), sliding_window.ages(rows, stride), rows * columns
    n_sums, n_window, n_gradients = filters * taps, loaded * columns, filters * making
    n_shared, older = WARPS * n_sums, making - 1
    resident = FILE // THREADS // (BESIDES + bytes_each // 4 * values(rows, columns, stride, filters))

    def conv2d_wgrad_thin(
        x, dy, dw, G, C, K, filter_blocks, H, W, P, Q, strips, chunks, length, walks, split, apart,
        st_h, st_w, h0, w0, d_h, d_w, q_factor, q_shift, strip_factor, strip_shift, chunk_factor, chunk_shift,
    ):  # fmt: skip
        """dw[z,k,c,r,s] = sum_{walks of split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13).

        x (N, G C, H, W), dy (N, G K, P, Q), dw (splits, G K, C, R, S). Block (z, group, c, filters); its threads take
        every 256th walk (n, strip, q), a strip being `length` rows p, each apart-th one.
        FLOPs: 2 N G K P Q C R S. Bytes: x K / filters times, dy C times, dw once.
        """
        fingerprint  # noqa: B018 (in the closure for Numba's cache)
        shared = cuda.shared.array(n_shared, dtype)
        sums = cuda.local.array(n_sums, dtype)
        loads = cuda.local.array(n_window, dtype)
        gradients = cuda.local.array(n_gradients, dtype)
        gemm_tile.zero(sums, n_sums)

        thread, rest = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
        k0, rest = uint32(rest % uint32(filter_blocks)) * uint32(filters), uint32(rest // uint32(filter_blocks))
        c, rest = uint32(rest % uint32(C)), uint32(rest // uint32(C))
        g, z = uint32(rest % uint32(G)), uint32(rest // uint32(G))
        limit, first = int32(K - int32(k0)), uint32(g * uint32(K) + k0)
        i, end = uint32(z * uint32(split) + thread), min(uint32(z * uint32(split) + uint32(split)), uint32(walks))

        while i < end:
            rest = divide(i, q_factor, q_shift)
            q = int32(i - uint32(rest * uint32(Q)))
            n = divide(rest, strip_factor, strip_shift)
            strip = uint32(rest - uint32(n * uint32(strips)))
            phase = divide(strip, chunk_factor, chunk_shift)
            p = int32(int32(strip - uint32(phase * uint32(chunks))) * length * apart + int32(phase))
            h, j = int32(p * st_h + h0), int32(q * st_w + w0)
            x_at = uint32(uint32(uint32(uint32(uint32(n * uint32(G)) + g) * uint32(C)) + c) * uint32(H * W))
            x_at = uint32(x_at + uint32(h * W + j))
            dy_at = uint32(
                uint32(uint32(uint32(n * uint32(G)) * uint32(K)) + first) * uint32(P * Q) + uint32(p * Q + q)
            )
            count = min(length, int32(int32(P - p + apart - 1) // apart))
            gemm_tile.zero(gradients, n_gradients)
            step = int32(0)
            while step < int32(count + int32(older)):
                sliding_window.load_gradients(gradients, dy, dy_at, uint32(P * Q), step < count, limit, making, filters)
                sliding_window.load_window(
                    loads, x, x_at, uint32(d_h * W), h, d_h, H, uint32(d_w), j, d_w, W, True, loaded, columns
                )
                sliding_window.multiply_gradients(sums, gradients, loads, step, count, rows, columns, stride, filters)
                sliding_window.age(gradients, making, filters)
                step, h = int32(step + 1), int32(h + apart * st_h)
                x_at, dy_at = uint32(x_at + uint32(apart * st_h * W)), uint32(dy_at + uint32(apart * Q))
            i = uint32(i + uint32(THREADS))

        # The warps' sums, added in order by a thread for each weight.
        warp, lane = uint32(thread // uint32(sliding_window.WARP)), uint32(thread % uint32(sliding_window.WARP))
        sliding_window.store_warp_sums(sums, shared, uint32(warp * uint32(n_sums)), lane == 0, n_sums)
        cuda.syncthreads()
        f = uint32(thread // uint32(taps))
        if thread < uint32(n_sums) and int32(f) < limit:
            total, at = shared[thread], uint32(thread + uint32(n_sums))
            while at < uint32(n_shared):
                total += shared[at]
                at = uint32(at + uint32(n_sums))
            filter_at = uint32(uint32(z * uint32(G * K)) + first + f)
            tap = uint32(thread - uint32(f * uint32(taps)))
            dw[uint32(uint32(uint32(filter_at * uint32(C)) + c) * uint32(taps) + tap)] = total

    conv2d_wgrad_thin.__name__ = f"conv2d_wgrad_thin_{rows}x{columns}_{stride}_{filters}"
    conv2d_wgrad_thin.__qualname__ = conv2d_wgrad_thin.__name__
    return cuda.jit(cache=True, launch_bounds=(THREADS, resident))(conv2d_wgrad_thin)
