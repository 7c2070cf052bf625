"""Direct convolution: a thread for each element of the result, no atomics, no shared memory.

It supports every shape, and is the fastest where a GEMM tile would be mostly empty. Every thread gathers, so results
are the same bits every time. Neighboring threads are neighbors along a row: their loads of x and dy are coalesced,
those of w are one broadcast.
"""

import math
from functools import lru_cache

from ...core.scalar import IDENTITY, ZERO, activate, activate_grad
from ...cuda.launch import THREADS, Plan, cuda, int32, planned, uint32


def fprop(shape, x, w, b, activation, slope, y):
    """Launch the forward pass."""
    planned(_plans(shape)[0], x, w, *((x.reshape(-1)[:1], 0) if b is None else (b, 1)), activation, slope, y)


def dgrad(shape, dy, w, pre_activation, activation, slope, dx):
    """Launch the input gradient, times f'(pre_activation) where that is given."""
    pre_activation, grad_activation = (dx, IDENTITY) if pre_activation is None else (pre_activation, activation)
    planned(_plans(shape)[1], dy, w, pre_activation, grad_activation, slope, dx)


def wgrad(shape, x, dy, dw):
    """Launch the weight gradient."""
    planned(_plans(shape)[2], x, dy, dw)


@lru_cache(maxsize=1024)
def _plans(shape):
    """The Plans of the three passes."""
    scalars = scalars_of(shape)
    blocks = [-(-math.prod(of) // THREADS) for of in (shape.y_shape, shape.x_shape, shape.w_shape)]
    return (
        Plan(conv2d_fprop_direct, blocks[0], THREADS, scalars),
        Plan(conv2d_dgrad_direct, blocks[1], THREADS, scalars),
        Plan(conv2d_wgrad_direct, blocks[2], THREADS, (shape.n, *scalars)),
    )


def scalars_of(shape):
    """The kernels' last arguments; C and K are those of one group."""
    c, k = shape.c // shape.groups, shape.k // shape.groups
    sizes = shape.groups, c, shape.h, shape.w, k, shape.r, shape.s, shape.p, shape.q
    windows = shape.stride_h, shape.stride_w, shape.pad_top, shape.pad_left, shape.dilation_h, shape.dilation_w
    return (*sizes, *windows)


@cuda.jit(device=True, inline="always")
def element_of(i, channels, rows, columns):
    """(n, channel, row, column) of element i of an array (N, channels, rows, columns)."""
    column, rest = int32(i % uint32(columns)), uint32(i // uint32(columns))
    row, rest = int32(rest % uint32(rows)), uint32(rest // uint32(rows))
    channel, n = int32(rest % uint32(channels)), int32(rest // uint32(channels))
    return n, channel, row, column


@cuda.jit(cache=True)
def conv2d_fprop_direct(
    x, w, b, has_bias, activation, slope, y, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """x (N, G C, H, W), w (G K, C, R, S), b (G K,) if has_bias, y (N, G K, P, Q); thread i computes y[i].

    FLOPs: 2 N G K P Q C R S. Bytes at least: x, w and y once.
    """
    # Thread to (n, k, p, q).
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    n, k, p, q = element_of(i, G * K, P, Q)
    total = fprop_sum(x, w, n, k, p, q, G, C, H, W, K, R, S, st_h, st_w, top, left, d_h, d_w)
    # Epilogue: bias, activation, store.
    if has_bias:
        total += b[uint32(k)]
    y[i] = activate(total, activation, slope)


@cuda.jit(device=True, inline="always")
def fprop_sum(x, w, n, k, p, q, G, C, H, W, K, R, S, st_h, st_w, top, left, d_h, d_w):
    """The sum of output (n, k, p, q)."""
    h0, w0 = int32(p * st_h - top), int32(q * st_w - left)
    # Main loop over channels and taps.
    total = ZERO
    c = int32(0)
    while c < C:
        plane = int32(int32(n * G + k // K) * C + c)
        r = int32(0)
        while r < R:
            h = int32(h0 + r * d_h)
            s = int32(0)
            while s < S and 0 <= h < H:
                j = int32(w0 + s * d_w)
                if 0 <= j < W:
                    tap = uint32(int32(int32(k * C + c) * R + r) * S + s)
                    total += w[tap] * x[uint32(uint32(plane * H + h) * W + j)]
                s = int32(s + 1)
            r = int32(r + 1)
        c = int32(c + 1)
    return total


@cuda.jit(cache=True)
def conv2d_dgrad_direct(
    dy, w, pre_activation, activation, slope, dx, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """dy (N, G K, P, Q), w (G K, C, R, S), dx and pre_activation (N, G C, H, W); thread i computes dx[i].

    A tap r reaches row h from output row p where p st_h + r d_h - top = h: where that has an integer solution.
    FLOPs: 2 N G K P Q C R S. Bytes at least: dy, w and dx once, and pre_activation.
    """
    # Thread to (n, channel, h, j).
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    n, channel, h, j = element_of(i, G * C, H, W)
    total = dgrad_sum(dy, w, n, channel, h, j, G, C, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w)
    # Epilogue: derivative of the activation, store.
    if activation != IDENTITY:
        total = activate_grad(total, pre_activation[i], activation, slope)
    dx[i] = total


@cuda.jit(device=True, inline="always")
def dgrad_sum(dy, w, n, channel, h, j, G, C, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w):
    """The sum of input element (n, channel, h, j)."""
    group, c = int32(channel // C), int32(channel % C)
    # Main loop over the taps that reach (h, j), and the filters.
    total = ZERO
    r = int32(0)
    while r < R:
        p_st = int32(h + top - r * d_h)
        p = int32(p_st // st_h)
        if p_st >= 0 and p_st == p * st_h and p < P:
            s = int32(0)
            while s < S:
                q_st = int32(j + left - s * d_w)
                q = int32(q_st // st_w)
                if q_st >= 0 and q_st == q * st_w and q < Q:
                    k = int32(group * K)
                    while k < (group + 1) * K:
                        tap = uint32(int32(int32(k * C + c) * R + r) * S + s)
                        total += w[tap] * dy[uint32(uint32(int32(int32(n * G * K + k) * P) + p) * Q + q)]
                        k = int32(k + 1)
                s = int32(s + 1)
        r = int32(r + 1)
    return total


@cuda.jit(cache=True)
def conv2d_wgrad_direct(x, dy, dw, N, G, C, H, W, K, R, S, P, Q, st_h, st_w, top, left, d_h, d_w):
    """x (N, G C, H, W), dy (N, G K, P, Q), dw (G K, C, R, S); thread i computes dw[i].

    Each row of dy has an accumulator, as one long chain of additions would lose digits.
    FLOPs: 2 N G K P Q C R S. Bytes at least: x, dy and dw once.
    """
    # Thread to (k, c, r, s).
    i = uint32(cuda.grid(1))
    if i >= dw.size:
        return
    k, c, r, s = element_of(i, C, R, S)
    dw[i] = wgrad_sum(x, dy, k, c, r, s, N, G, C, H, W, K, P, Q, st_h, st_w, top, left, d_h, d_w)


@cuda.jit(device=True, inline="always")
def wgrad_sum(x, dy, k, c, r, s, N, G, C, H, W, K, P, Q, st_h, st_w, top, left, d_h, d_w):
    """The sum of weight (k, c, r, s)."""
    # Main loop over images and outputs.
    total = ZERO
    n = int32(0)
    while n < N:
        plane = int32(int32(n * G + k // K) * C + c)
        p = int32(0)
        while p < P:
            h = int32(p * st_h - top + r * d_h)
            row = ZERO
            q = int32(0)
            while q < Q and 0 <= h < H:
                j = int32(q * st_w - left + s * d_w)
                if 0 <= j < W:
                    gradient = dy[uint32(uint32(int32(int32(n * G * K + k) * P) + p) * Q + q)]
                    row += gradient * x[uint32(uint32(plane * H + h) * W + j)]
                q = int32(q + 1)
            total += row
            p = int32(p + 1)
        n = int32(n + 1)
    return total
