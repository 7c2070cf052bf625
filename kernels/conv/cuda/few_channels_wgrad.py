"""Weight gradient of few weights a channel: depthwise convolution, and the first layer of a network.

A block accumulates all taps of one channel for a few filters in registers: its threads walk down columns of the output
(kernels/cuda/sliding_window.py), and each element of x is loaded once for all taps of a column and all of the filters.
Warps add by shuffles, blocks in shared memory, split-K partial sums in a second kernel, all in a fixed order: results
are the same bits every time.
"""

from functools import lru_cache
from typing import NamedTuple

from ...cuda import gemm_tile, sliding_window
from ...cuda.launch import WARP, Plan, cuda, empty_like_on, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals
from ...cuda.split_k import split_k_reduce
from .column_walk import (
    MAX_VALUES,
    THREADS,
    THREADS_PER_MULTIPROCESSOR,
    outputs_per_thread,
    path_of,
    resident_blocks,
)
from .problem_size import fprop_problem

WARPS_PER_BLOCK = THREADS // WARP

FILTERS_PER_BLOCK = 4, 2, 1

CHAIN_LENGTH = 1024
"""Products that a thread adds in one chain, about: few enough for float32."""


def unsupported(shape):
    """Why these kernels do not support a problem: more taps than a thread has registers for."""
    problem = fprop_problem(shape)
    if filters_per_block(problem):
        return None
    stride = path_of(problem).stride
    taps, count = f"{shape.r}x{shape.s} taps at steps of {stride} rows", values(shape.r, shape.s, stride, 1)
    return f"{taps} keep {count} values in a thread's registers, expected at most {MAX_VALUES}"


def filters_per_block(problem):
    """Filters whose taps fit into a thread's registers, 0 where not even one's do."""
    stride, limit = path_of(problem).stride, problem.k
    fitting = (f for f in FILTERS_PER_BLOCK if f <= limit and values(problem.r, problem.s, stride, f) <= MAX_VALUES)
    return next(fitting, 0)


def values(rows, columns, stride, filters):
    """Values in a thread's registers: sums, what a step loads of x, and the gradients that it still multiplies."""
    return (rows * columns + sliding_window.live_accumulators(rows, stride)) * filters + min(rows, stride) * columns


class SplitConfig(NamedTuple):
    """How the walks over the output's columns are split among blocks."""

    filters: int
    """Of a block."""
    length: int
    """Outputs of a walk."""
    walks: int
    splits: int
    walks_per_split: int


@lru_cache(maxsize=1024)
def split_config(problem, n, processors):
    """The SplitConfig of n images: enough blocks, short chains, and walks for each thread of a block."""
    path, filters = path_of(problem), filters_per_block(problem)
    phases, steps = min(path.distance, problem.p), -(-problem.p // path.distance)
    blocks = problem.groups * problem.c * -(-problem.k // filters)
    length = outputs_per_thread(steps, n * phases * problem.q * blocks, processors)
    walks = n * phases * -(-steps // length) * problem.q
    for_occupancy = THREADS_PER_MULTIPROCESSOR * processors // (THREADS * blocks)
    splits = min(max(for_occupancy, walks * length // (THREADS * CHAIN_LENGTH), 1), -(-walks // THREADS))
    walks_per_split = -(-walks // splits)
    return SplitConfig(filters, length, walks, -(-walks // walks_per_split), walks_per_split)


def wgrad(shape, x, dy, dw):
    """Launch the sums over the windows of all images, and the sum over the splits."""
    plan, splits = _plan(shape, x.dtype, multiprocessors(x))
    partial_sums = dw if splits == 1 else empty_like_on(dw, splits * dw.size)
    planned(plan, x, dy, partial_sums)
    if splits > 1:
        split_k_reduce(partial_sums, dw, splits)


@lru_cache(maxsize=1024)
def _plan(shape, dtype, processors):
    """(the Plan of a launch, splits)."""
    problem = fprop_problem(shape)
    path, split = path_of(problem), split_config(problem, shape.n, processors)
    chunks = -(-problem.p // path.distance // split.length)
    strips = min(path.distance, problem.p) * chunks
    filter_blocks = -(-problem.k // split.filters)
    scalars = (
        problem.groups, problem.c, problem.k, filter_blocks, problem.h, problem.w, problem.p, problem.q,
        strips, chunks, split.length, split.walks, split.walks_per_split, path.distance,
        problem.stride_h, problem.stride_w, path.h0, problem.w0, path.dilation_h, problem.dilation_w,
        *reciprocals(problem.q, strips, chunks),
    )  # fmt: skip
    kernel = wgrad_kernel(problem.r, problem.s, path.stride, split.filters, numba_type(dtype))
    blocks = split.splits * problem.groups * problem.c * filter_blocks
    return Plan(kernel, blocks, THREADS, scalars), split.splits


@lru_cache
def wgrad_kernel(rows, columns, stride, filters, dtype):
    """The kernel for a kernel's size, the rows of a step, the filters of a block and a type."""
    loaded, live, taps = min(rows, stride), sliding_window.live_accumulators(rows, stride), rows * columns
    n_sums, n_window, n_gradients = filters * taps, loaded * columns, filters * live
    n_shared, older = WARPS_PER_BLOCK * n_sums, live - 1
    resident = resident_blocks(values(rows, columns, stride, filters), dtype)

    def conv2d_wgrad_few_channels(
        x, dy, dw, G, C, K, filter_blocks, H, W, P, Q, strips, chunks, length, walks, walks_per_split, distance,
        stride_h, stride_w, h0, w0, dilation_h, dilation_w,
        q_factor, q_shift, strip_factor, strip_shift, chunk_factor, chunk_shift,
    ):  # fmt: skip
        """dw[z,k,c,r,s] = sum_{walks of split z} dy[n,k,p,q] x[n,c,p st + r d - pad,...]: equation (13).

        x (N, G C, H, W), dy (N, G K, P, Q), dw (splits, G K, C, R, S). Block (z, group, c, filters); its threads take
        every 256th walk (n, strip, q), a strip having `length` rows p, every `distance`-th one.
        FLOPs: 2 N G K P Q C R S. Bytes: x K / filters times, dy C times, dw once.
        """
        shared = cuda.shared.array(n_shared, dtype)
        sums = cuda.local.array(n_sums, dtype)
        loads = cuda.local.array(n_window, dtype)
        gradients = cuda.local.array(n_gradients, dtype)
        gemm_tile.zero(sums, n_sums)

        # Block to split, group, channel and filters; walks of the split.
        thread, rest = uint32(cuda.threadIdx.x), uint32(cuda.blockIdx.x)
        k0, rest = uint32(rest % uint32(filter_blocks)) * uint32(filters), uint32(rest // uint32(filter_blocks))
        c, rest = uint32(rest % uint32(C)), uint32(rest // uint32(C))
        g, z = uint32(rest % uint32(G)), uint32(rest // uint32(G))
        limit, first = int32(K - int32(k0)), uint32(g * uint32(K) + k0)
        i, end = (
            uint32(z * uint32(walks_per_split) + thread),
            min(uint32(z * uint32(walks_per_split) + uint32(walks_per_split)), uint32(walks)),
        )

        # Main loop over the walks of the thread.
        while i < end:
            # Walk to image, column q and first row p of a strip; offsets of its first step.
            rest = divide(i, q_factor, q_shift)
            q = int32(i - uint32(rest * uint32(Q)))
            n = divide(rest, strip_factor, strip_shift)
            strip = uint32(rest - uint32(n * uint32(strips)))
            phase = divide(strip, chunk_factor, chunk_shift)
            p = int32(int32(strip - uint32(phase * uint32(chunks))) * length * distance + int32(phase))
            h, j = int32(p * stride_h + h0), int32(q * stride_w + w0)
            x_offset = uint32(uint32(uint32(uint32(uint32(n * uint32(G)) + g) * uint32(C)) + c) * uint32(H * W))
            x_offset = uint32(x_offset + uint32(h * W + j))
            dy_offset = uint32(
                uint32(uint32(uint32(n * uint32(G)) * uint32(K)) + first) * uint32(P * Q) + uint32(p * Q + q)
            )
            # Prologue: no gradients yet; the first and the last steps have fewer than `live` of them.
            count = min(length, int32(int32(P - p + distance - 1) // distance))
            gemm_tile.zero(gradients, n_gradients)
            step = int32(0)
            while step < int32(count + int32(older)):
                # Load a row of dy, of every filter, and the rows of x that its taps add to those loaded before.
                sliding_window.load_gradients(
                    gradients, dy, dy_offset, uint32(P * Q), step < count, limit, live, filters
                )
                sliding_window.load_window(
                    loads, x, x_offset, uint32(dilation_h * W), h, dilation_h, H,
                    uint32(dilation_w), j, dilation_w, W, True, loaded, columns,
                )  # fmt: skip
                # dw += dy x for every gradient that still meets these rows, then drop the oldest.
                sliding_window.multiply_gradients(sums, gradients, loads, step, count, rows, columns, stride, filters)
                sliding_window.shift_accumulators(gradients, live, filters)
                step, h = int32(step + 1), int32(h + distance * stride_h)
                x_offset, dy_offset = (
                    uint32(x_offset + uint32(distance * stride_h * W)),
                    uint32(dy_offset + uint32(distance * Q)),
                )
            i = uint32(i + uint32(THREADS))

        # Epilogue: a thread for each weight adds the sums of the warps.
        warp, lane = uint32(thread // uint32(WARP)), uint32(thread % uint32(WARP))
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

    conv2d_wgrad_few_channels.__name__ = f"conv2d_wgrad_few_channels_{rows}x{columns}_{stride}_{filters}"
    conv2d_wgrad_few_channels.__qualname__ = conv2d_wgrad_few_channels.__name__
    return cuda.jit(cache=True, launch_bounds=(THREADS, resident))(conv2d_wgrad_few_channels)
