"""Forward pass of few channels, such as a network's first layer, where a GEMM tile would be mostly zeros.

A thread computes some outputs of a column for some filters: each element of x is loaded once for all of these filters.
Their weights are contiguous and the same for all threads of a block, so a warp shares their 128-bit loads. Each result
is accumulated in a fixed order: results are the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import activate
from ...cuda import gemm_tile, sliding_window
from ...cuda.launch import Plan, cuda, int32, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals
from . import few_channels_wgrad
from .pack_filters import DEPTH, pack_filters, rounded_up
from .problem_size import WGRAD, fprop_problem

THREADS = 128

RESULTS_PER_THREAD = {4: 64, 8: 32}
"""Filters times outputs of a thread, by bytes of an element."""

FILTERS_PER_THREAD = 32, 16, 8
"""The more, the fewer loads."""

RESIDENT_BLOCKS = 4
"""Blocks a multiprocessor is to hold at once: 128 registers a thread."""


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: the weight gradient keeps all taps in registers."""
    return few_channels_wgrad.unsupported(shape) if operation == WGRAD else None


def filters_per_thread(k):
    """Filters of a thread that leave the fewest without work; of equals the most."""
    return min(FILTERS_PER_THREAD, key=lambda filters: (rounded_up(k, filters), -filters))


def fprop(shape, x, w, b, activation, slope, y, filters=None):
    """Launch the forward pass, of so many filters a thread where that is given."""
    plan, k_tile = _plan(shape, x.dtype, filters)
    packed = pack_filters(w, shape.w_shape, shape.groups, False, k_tile)
    unused = x.reshape(-1)[:1]
    planned(plan, x, packed, unused if b is None else b, b is not None, activation, slope, y)


@lru_cache(maxsize=1024)
def _plan(shape, dtype, filters):
    """(the Plan of a launch, filters of a thread)."""
    problem = fprop_problem(shape)
    filters = filters or filters_per_thread(problem.k)
    outputs = RESULTS_PER_THREAD[dtype.itemsize] // filters
    strips = -(-problem.p // outputs)
    channels, padded, columns = rounded_up(problem.c, DEPTH), rounded_up(problem.k, filters), shape.n * strips * shape.q
    scalars = (
        problem.groups, problem.c, channels, problem.h, problem.w, problem.k, padded, problem.p, problem.q,
        problem.r, problem.s, strips, columns, problem.stride_h, problem.stride_w, problem.h0, problem.w0,
        problem.dilation_h, problem.dilation_w, *reciprocals(problem.q, strips),
    )  # fmt: skip
    blocks = -(-columns // THREADS) * problem.groups * (padded // filters)
    return Plan(fprop_kernel(filters, outputs, numba_type(dtype)), blocks, THREADS, scalars), filters


@lru_cache
def fprop_kernel(filters, outputs, dtype):
    """The kernel for the filters and outputs of a thread and a type."""
    n_sums = filters * outputs

    def conv2d_fprop_few_channels(
        x, wt, bias, has_bias, activation, slope, y, G, C, channels, H, W, K, padded, P, Q, R, S, strips, columns,
        stride_h, stride_w, h0, w0, dilation_h, dilation_w, q_factor, q_shift, strip_factor, strip_shift,
    ):  # fmt: skip
        """y[n,k,p,q] = f(sum_{c,r,s} w[k,c,r,s] x[n,c,p st + r d - pad,...] + b[k]) for few channels c.

        x (N, G C, H, W), wt [g][r,s][channels][padded] of which C x K are not padding, bias (G K,), y (N, G K, P, Q).
        Blocks are (columns, g, filters), filters fastest; their threads are neighbors (n, strip, q), a strip having
        `outputs` rows p.
        FLOPs: 2 N G K P Q C R S. Bytes: x once for each `filters` of a group, mostly from the caches; wt and y once.
        """
        sums = cuda.local.array(n_sums, dtype)
        loads = cuda.local.array(outputs, dtype)
        # Block and thread to filters, group, image, strip and column.
        filter_blocks = uint32(uint32(padded) // uint32(filters))
        block = uint32(cuda.blockIdx.x)
        k0, rest = uint32(block % filter_blocks) * uint32(filters), uint32(block // filter_blocks)
        g = uint32(rest % uint32(G))
        i = uint32(uint32(rest // uint32(G)) * uint32(THREADS) + uint32(cuda.threadIdx.x))
        if i >= uint32(columns):
            return
        rest = divide(i, q_factor, q_shift)
        q = int32(i - uint32(rest * uint32(Q)))
        n = divide(rest, strip_factor, strip_shift)
        p = int32(int32(rest - uint32(n * uint32(strips))) * outputs)

        # Main loop over the taps and the channels.
        gemm_tile.zero(sums, n_sums)
        w_offset = uint32(uint32(uint32(g * uint32(R * S)) * uint32(channels)) * uint32(padded) + k0)
        image = uint32(uint32(uint32(n * uint32(G)) + g) * uint32(C))
        h, r = int32(p * stride_h + h0), int32(0)
        while r < R:
            j, s = int32(q * stride_w + w0), int32(0)
            while s < S:
                x_offset, c = uint32(uint32(image * uint32(H * W)) + uint32(h * W + j)), int32(0)
                tap = w_offset
                valid = uint32(j) < uint32(W)
                while c < C:
                    sliding_window.load_window(
                        loads, x, x_offset, uint32(stride_h * W), h, stride_h, H,
                        uint32(0), int32(0), int32(0), int32(1), valid, outputs, 1,
                    )  # fmt: skip
                    sliding_window.multiply_filters(sums, wt, tap, loads, filters, outputs)
                    x_offset, tap, c = uint32(x_offset + uint32(H * W)), uint32(tap + uint32(padded)), int32(c + 1)
                w_offset = uint32(w_offset + uint32(channels * padded))
                j, s = int32(j + dilation_w), int32(s + 1)
            h, r = int32(h + dilation_h), int32(r + 1)

        # Epilogue: bias, activation, store.
        channel0 = uint32(g * uint32(K) + k0)
        y_offset = uint32(uint32(uint32(n * uint32(G * K)) + channel0) * uint32(P * Q) + uint32(p * Q + q))
        e = uint32(0)
        while e < uint32(n_sums):
            f, row = uint32(e // uint32(outputs)), uint32(e % uint32(outputs))
            total = sliding_window.select_register(sums, e, n_sums)
            if int32(k0 + f) < K and int32(p + int32(row)) < P:
                if has_bias:
                    total += bias[uint32(channel0 + f)]
                at = uint32(y_offset + uint32(f * uint32(P * Q)) + uint32(row * uint32(Q)))
                y[at] = activate(total, activation, slope)
            e = uint32(e + uint32(1))

    conv2d_fprop_few_channels.__name__ = f"conv2d_fprop_few_channels_{filters}x{outputs}"
    conv2d_fprop_few_channels.__qualname__ = conv2d_fprop_few_channels.__name__
    return cuda.jit(cache=True, launch_bounds=(THREADS, RESIDENT_BLOCKS))(conv2d_fprop_few_channels)
