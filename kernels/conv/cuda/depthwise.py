"""Depthwise convolution: forward pass and input gradient, each filter reading one channel of x.

A thread walks down a column of the output with the taps in its registers (kernels/cuda/sliding_window.py): neighboring
threads access neighboring elements, and each element of a row is loaded once for all taps of its column. The input
gradient is the same walk with the rotated kernel, one launch for each phase of the stride, in which a channel may sum
the filters that read it. Each result is accumulated in a fixed order: results are the same bits every time.
"""

from functools import lru_cache

from ...core.scalar import IDENTITY, activate, activate_grad
from ...cuda import gemm_tile, sliding_window
from ...cuda.launch import Plan, cuda, int32, multiprocessors, numba_type, planned, uint32
from ...cuda.ptx import divide, reciprocals
from . import few_channels_wgrad
from .column_walk import MAX_VALUES, THREADS, outputs_per_thread, path_of, resident_blocks
from .problem_size import WGRAD, dgrad_problems, fprop_problem, problems_of


def unsupported(shape, operation, dtype):
    """Why these kernels do not support a problem: several channels a group, or more taps than fit into registers."""
    if shape.c != shape.groups:
        return f"{shape.c // shape.groups} channels in each group, expected 1"
    if operation == WGRAD:
        return few_channels_wgrad.unsupported(shape)
    for problem in problems_of(shape, operation):
        stride = path_of(problem).stride
        if (count := values(problem.r, problem.s, stride)) > MAX_VALUES:
            taps = f"{problem.r}x{problem.s} taps at steps of {stride} rows"
            return f"{taps} keep {count} values in a thread's registers, expected at most {MAX_VALUES}"
    return None


def values(rows, columns, stride):
    """Values that a thread keeps in registers: the taps, the elements that a step loads, and the live accumulators."""
    return rows * columns + min(rows, stride) * columns + sliding_window.live_accumulators(rows, stride)


def fprop(shape, x, w, b, activation, slope, y):
    """Launch the forward pass."""
    problem = fprop_problem(shape)
    _launch_problem(problem, shape.n, x, w, b, (activation, slope), (None, IDENTITY), y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx):
    """Launch the input gradient: a launch for each phase of the stride; a phase that no tap reaches is zero."""
    problems, complete = dgrad_problems(shape)
    if not complete:
        dx.fill(0)
    grad = (None, IDENTITY) if pre_activation is None else (pre_activation, activation)
    for problem in problems:
        _launch_problem(problem, shape.n, dy, w, None, (IDENTITY, slope), grad, dx)


def _launch_problem(problem, n, x, w, bias, activation, grad, y):
    """Launch one problem of n images; activation is (code, slope), grad (pre_activation or None, its activation).

    w is laid out as in the forward pass.
    """
    plan = _plan(problem, n, x.dtype, multiprocessors(x))
    pre_activation, grad_activation = grad
    unused = x.reshape(-1)[:1]
    planned(
        plan, x, w, unused if bias is None else bias, bias is not None, *activation,
        unused if pre_activation is None else pre_activation, grad_activation, y,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _plan(problem, n, dtype, processors):
    """The Plan of a launch."""
    path = path_of(problem)
    channels, phases, steps = problem.groups * problem.k, min(path.distance, problem.p), -(-problem.p // path.distance)
    length = outputs_per_thread(steps, n * channels * phases * problem.q, processors)
    chunks = -(-steps // length)
    strips = phases * chunks
    threads = n * channels * strips * problem.q
    scalars = (
        threads, channels, problem.k, problem.c, problem.h, problem.w, problem.p, problem.q, strips, chunks, length,
        path.distance, problem.stride_h, problem.stride_w, path.h0, problem.w0, path.dilation_h, problem.dilation_w,
        problem.taps, path.first_tap, path.tap_stride_r, problem.tap_stride_s,
        problem.y_plane, problem.y_first, problem.y_stride_p, problem.y_stride_q,
        *reciprocals(problem.q, strips, chunks, problem.k, channels),
    )  # fmt: skip
    kernel = depthwise_kernel(problem.r, problem.s, path.stride, numba_type(dtype))
    return Plan(kernel, -(-threads // THREADS), THREADS, scalars)


@lru_cache
def depthwise_kernel(rows, columns, stride, dtype):
    """The kernel for a kernel's size, the rows of a step and a type."""
    loaded, live = min(rows, stride), sliding_window.live_accumulators(rows, stride)
    n_weights, n_window, oldest = rows * columns, loaded * columns, live - 1
    resident = resident_blocks(values(rows, columns, stride), dtype)

    def conv2d_fprop_depthwise(
        x, w, bias, has_bias, activation, slope, pre_activation, grad_activation, y, threads,
        channels, K, C, H, W, P, Q, strips, chunks, length, distance, stride_h, stride_w, h0, w0,
        dilation_h, dilation_w, taps, first_tap, tap_stride_r, tap_stride_s, y_plane, y_first, y_stride_p, y_stride_q,
        q_factor, q_shift, strip_factor, strip_shift, chunk_factor, chunk_shift, k_factor, k_shift, gk_factor, gk_shift,
    ):  # fmt: skip
        """ProblemSize's equation, y = f(y + bias[k]) f'(pre_activation); a thread has `length` outputs of a column.

        x (N, G C, H, W), w (G K, 1, R, S) or for the input gradient (G C, 1, R, S), y and pre_activation (N, G K,
        y_plane), bias (G K,). Thread i is (n, channel of y, strip, q); a strip has `length` rows, every `distance`-th
        one. C channels are accumulated in y, one after the other.
        FLOPs: 2 N G K P Q R S C. Bytes: w and y once (2 C - 1 times for C channels); x once, and the rows that two
        strips share, R - stride of them, twice.
        """
        weights = cuda.local.array(n_weights, dtype)
        loads = cuda.local.array(n_window, dtype)
        sums = cuda.local.array(live, dtype)

        # Thread to image, channel, strip and column.
        i = uint32(cuda.grid(1))
        if i >= uint32(threads):
            return
        rest = divide(i, q_factor, q_shift)
        q = int32(i - uint32(rest * uint32(Q)))
        image = divide(rest, strip_factor, strip_shift)  # n G K + channel
        strip = uint32(rest - uint32(image * uint32(strips)))
        phase = divide(strip, chunk_factor, chunk_shift)
        p0 = int32(int32(strip - uint32(phase * uint32(chunks))) * length * distance + int32(phase))
        group = divide(image, k_factor, k_shift)  # n G + group
        channel = uint32(image - uint32(divide(image, gk_factor, gk_shift) * uint32(channels)))
        j = int32(q * stride_w + w0)

        c = int32(0)
        while c < C:
            # Prologue: taps into registers, offsets of the first step.
            w_offset = uint32(int32(int32(channel) * C + c) * taps + first_tap)
            sliding_window.load_taps(weights, w, w_offset, tap_stride_r, tap_stride_s, True, rows, columns)
            gemm_tile.zero(sums, live)
            p, h = int32(p0 - int32(oldest) * distance), int32(p0 * stride_h + h0)
            x_offset = uint32(uint32(uint32(uint32(group * uint32(C)) + uint32(c)) * uint32(H * W)) + uint32(h * W + j))
            y_offset = uint32(uint32(image * uint32(y_plane)) + uint32(y_first + q * y_stride_q + p * y_stride_p))
            # Main loop: the first steps only fill the accumulators.
            left = int32(length + int32(oldest))
            while left > 0 and p < P:
                # Load the next rows of x, `loaded` of them.
                sliding_window.load_window(
                    loads, x, x_offset, uint32(dilation_h * W), h, dilation_h, H,
                    uint32(dilation_w), j, dilation_w, W, True, loaded, columns,
                )  # fmt: skip
                # y += w x for every live output that they reach; the oldest is then complete.
                sliding_window.multiply_taps(sums, weights, loads, rows, columns, stride)
                # Epilogue of the finished output: bias, activation, store.
                if left <= length:
                    total = sums[oldest]
                    if c > 0:
                        total += y[y_offset]
                    if c == int32(C - 1):
                        if has_bias:
                            total += bias[channel]
                        total = activate(total, activation, slope)
                        if grad_activation:
                            total = activate_grad(total, pre_activation[y_offset], grad_activation, slope)
                    y[y_offset] = total
                sliding_window.shift_accumulators(sums, live, 1)
                p, h, left = int32(p + distance), int32(h + distance * stride_h), int32(left - 1)
                x_offset, y_offset = (
                    uint32(x_offset + uint32(distance * stride_h * W)),
                    uint32(y_offset + uint32(distance * y_stride_p)),
                )
            c = int32(c + 1)

    conv2d_fprop_depthwise.__name__ = f"conv2d_fprop_depthwise_{rows}x{columns}_{stride}"
    conv2d_fprop_depthwise.__qualname__ = conv2d_fprop_depthwise.__name__
    return cuda.jit(cache=True, launch_bounds=(THREADS, resident))(conv2d_fprop_depthwise)
