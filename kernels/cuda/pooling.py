"""Pooling on CUDA: a thread for each element of the result.

Bytes a launch: x and y once, and the mask. The gradients gather: each input asks the windows that cover it, so no two
threads write one address, no atomics are needed, and the result is the same bits every time.
"""

import numpy as np

from ..scalar import ZERO
from .launch import cuda, each, int32, uint32

LOWEST = np.float32(-np.inf)


def max_pool2d(g, x, y, mask):
    """y = max over the window, mask = the winner's r S + s: the first in row-major order, a NaN before any number."""
    each(max_pool2d_kernel, y.size, x, y, mask, *_scalars(g))


def max_pool2d_input_grad(g, dy, mask, dx):
    """dx[i, j] = sum of dy over the windows that (i, j) won."""
    each(max_pool2d_grad_kernel, dx.size, dy, mask, dx, *_scalars(g))


def avg_pool2d(g, x, count_include_pad, y):
    """y = sum over the window / divisor, the divisor by PyTorch's rule."""
    each(avg_pool2d_kernel, y.size, x, y, count_include_pad, g.pad_bottom, g.pad_right, *_scalars(g))


def avg_pool2d_input_grad(g, dy, count_include_pad, dx):
    """dx[i, j] = sum of dy / divisor over the windows that cover (i, j)."""
    each(avg_pool2d_grad_kernel, dx.size, dy, dx, count_include_pad, g.pad_bottom, g.pad_right, *_scalars(g))


def _scalars(g):
    sizes = g.h, g.w, g.r, g.s, g.p, g.q
    return *sizes, g.stride_h, g.stride_w, g.pad_top, g.pad_left, g.dilation_h, g.dilation_w


@cuda.jit(device=True, inline="always")
def _position(i, rows, columns):
    """(plane, row, column) of element i of planes of rows x columns."""
    rest = uint32(i // uint32(columns))
    return int32(rest // uint32(rows)), int32(rest % uint32(rows)), int32(i % uint32(columns))


@cuda.jit(device=True, inline="always")
def _count(start, size, before, length, after, count_include_pad):
    """How many of the positions start, ..., start + size - 1 count in the divisor along one axis; at least 1."""
    low = int32(-before if count_include_pad else 0)
    high = int32(length + after if count_include_pad else length)
    return max(int32(1), int32(min(int32(start + size), high) - max(start, low)))


@cuda.jit(cache=True)
def max_pool2d_kernel(x, y, mask, H, W, R, S, P, Q, st_h, st_w, top, left, d_h, d_w):
    """x (planes, H, W), y and mask (planes, P, Q); thread i computes y[i] and mask[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, p, q = _position(i, P, Q)
    best, winner = LOWEST, int32(-1)
    r = int32(0)
    while r < R:
        h = int32(p * st_h - top + r * d_h)
        s = int32(0)
        while s < S and 0 <= h < H:
            w = int32(q * st_w - left + s * d_w)
            if 0 <= w < W:
                value = x[uint32(uint32(plane * H + h) * W + w)]
                if winner < 0 or value > best or (value != value and best == best):  # noqa: PLR0124  NaN
                    best, winner = value, int32(r * S + s)
            s = int32(s + 1)
        r = int32(r + 1)
    y[i] = best
    mask[i] = max(winner, int32(0))


@cuda.jit(cache=True)
def max_pool2d_grad_kernel(dy, mask, dx, H, W, R, S, P, Q, st_h, st_w, top, left, d_h, d_w):
    """dy and mask (planes, P, Q), dx (planes, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, h, w = _position(i, H, W)
    total = ZERO
    r = int32(R - 1)
    while r >= 0:  # taps from the last to the first meet the windows from the first to the last
        p_st = int32(h + top - r * d_h)
        p = int32(p_st // st_h)
        s = int32(S - 1)
        while s >= 0 and p_st >= 0 and p_st == p * st_h and p < P:
            q_st = int32(w + left - s * d_w)
            q = int32(q_st // st_w)
            if q_st >= 0 and q_st == q * st_w and q < Q:
                window = uint32(uint32(plane * P + p) * Q + q)
                if int32(mask[window]) == int32(r * S + s):
                    total += dy[window]
            s = int32(s - 1)
        r = int32(r - 1)
    dx[i] = total


@cuda.jit(cache=True)
def avg_pool2d_kernel(
    x, y, count_include_pad, bottom, right, H, W, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """x (planes, H, W), y (planes, P, Q); thread i computes y[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, p, q = _position(i, P, Q)
    h0, w0 = int32(p * st_h - top), int32(q * st_w - left)
    total = ZERO
    h = max(h0, int32(0))
    while h < min(int32(h0 + R), H):
        w = max(w0, int32(0))
        while w < min(int32(w0 + S), W):
            total += x[uint32(uint32(plane * H + h) * W + w)]
            w = int32(w + 1)
        h = int32(h + 1)
    rows = _count(h0, R, top, H, bottom, count_include_pad)
    columns = _count(w0, S, left, W, right, count_include_pad)
    y[i] = total / np.float32(int32(rows * columns))


@cuda.jit(cache=True)
def avg_pool2d_grad_kernel(
    dy, dx, count_include_pad, bottom, right, H, W, R, S, P, Q, st_h, st_w, top, left, d_h, d_w
):  # fmt: skip
    """dy (planes, P, Q), dx (planes, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, h, w = _position(i, H, W)
    total = ZERO
    p = max(int32(0), int32((h + top - R + st_h) // st_h))
    while p < P and p * st_h <= h + top:
        rows = _count(int32(p * st_h - top), R, top, H, bottom, count_include_pad)
        q = max(int32(0), int32((w + left - S + st_w) // st_w))
        while q < Q and q * st_w <= w + left:
            columns = _count(int32(q * st_w - left), S, left, W, right, count_include_pad)
            total += dy[uint32(uint32(plane * P + p) * Q + q)] / np.float32(int32(rows * columns))
            q = int32(q + 1)
        p = int32(p + 1)
    dx[i] = total
