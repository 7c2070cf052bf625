"""Average pooling on CUDA: one result a thread, or four neighboring ones where windows are narrow (avg_vectorized.py).

The gradient gathers: each input adds the windows that cover it, without atomics, and the bits are always the
same. Bytes a launch: x and y once, or dy and dx.
"""

import numpy as np

from ...core.scalar import added, corrected
from ...cuda.launch import cuda, each, int32, uint32
from . import avg_dilated, avg_vectorized
from .overflow import is_finite, sum_of_quotients
from .vectorized import supports
from .windows import counted, offset_of, position_of, scalars_with_ends

MAX_FEW_TAPS = 32
"""Rows, or columns, of a window whose sum needs no correction."""


def avg_pool(g, x, count_include_pad, divisor, y):
    """y = sum over the window / divisor: the one given, or if 0, as many positions as count by PyTorch's rule."""
    if any(axis.dilation > 1 for axis in (g.d, g.h, g.w)):
        launch = avg_dilated.avg_pool
    else:
        vectorized = supports(g) and not _has_many_taps(g)
        launch = avg_vectorized.avg_pool if vectorized else avg_pool_scalar
    launch(g, x, count_include_pad, divisor, y)


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """dx[i] = sum of dy / divisor over the windows that cover position i."""
    if any(axis.dilation > 1 for axis in (g.d, g.h, g.w)):
        launch = avg_dilated.avg_pool_input_grad
    else:
        vectorized = supports(g) and not _has_many_taps(g)
        launch = avg_vectorized.avg_pool_input_grad if vectorized else avg_pool_input_grad_scalar
    launch(g, dy, count_include_pad, divisor, dx)


def _has_many_taps(g):
    """Whether a window has so many rows or columns that its sum is corrected by its rounding errors."""
    return max(g.d.taps * g.h.taps, g.w.taps) > MAX_FEW_TAPS


def avg_pool_scalar(g, x, count_include_pad, divisor, y):
    """avg_pool of any windows, one output a thread."""
    many = _has_many_taps(g)
    each(avg_pool_kernel, y.size, x, y, many, count_include_pad, divisor, *scalars_with_ends(g))


def avg_pool_input_grad_scalar(g, dy, count_include_pad, divisor, dx):
    """avg_pool_input_grad of any windows, one input a thread."""
    many = _has_many_taps(g)
    each(avg_pool_grad_kernel, dx.size, dy, dx, many, count_include_pad, divisor, *scalars_with_ends(g))


@cuda.jit(cache=True)
def avg_pool_kernel(
    x, y, many, count_include_pad, divisor, back, bottom, right,
    D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """x (planes, D, H, W), y (planes, Z, P, Q); thread i computes y[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, z, p, q = position_of(i, Z, P, Q)
    d0, h0, w0 = int32(z * st_d - front), int32(p * st_h - top), int32(q * st_w - left)
    total, error = x.dtype.type(0), x.dtype.type(0)
    d = max(d0, int32(0))
    while d < min(int32(d0 + T), D):
        h = max(h0, int32(0))
        while h < min(int32(h0 + R), H):
            w = max(w0, int32(0))
            while w < min(int32(w0 + S), W):
                total, error = added(total, error, x[offset_of(plane, d, h, w, D, H, W)])
                w = int32(w + 1)
            h = int32(h + 1)
        d = int32(d + 1)
    # divisor
    count = divisor
    if divisor == 0:
        rows = counted(d0, T, front, D, back, count_include_pad) * counted(h0, R, top, H, bottom, count_include_pad)
        count = int32(rows * counted(w0, S, left, W, right, count_include_pad))
    total = corrected(total, error) if many else total
    mean = total / np.float32(count)
    if not is_finite(mean):
        one = int32(1)
        mean = sum_of_quotients(x, np.float32(count), plane, d0, h0, w0, T, R, S, one, one, one, D, H, W)
    y[i] = mean


@cuda.jit(cache=True)
def avg_pool_grad_kernel(
    dy, dx, many, count_include_pad, divisor, back, bottom, right,
    D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """dy (planes, Z, P, Q), dx (planes, D, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, d, h, w = position_of(i, D, H, W)
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    z = max(int32(0), int32((d + front - T + st_d) // st_d))
    while z < Z and z * st_d <= d + front:
        depths = counted(int32(z * st_d - front), T, front, D, back, count_include_pad)
        p = max(int32(0), int32((h + top - R + st_h) // st_h))
        while p < P and p * st_h <= h + top:
            rows = counted(int32(p * st_h - top), R, top, H, bottom, count_include_pad)
            q = max(int32(0), int32((w + left - S + st_w) // st_w))
            while q < Q and q * st_w <= w + left:
                columns = counted(int32(q * st_w - left), S, left, W, right, count_include_pad)
                count = int32(divisor if divisor != 0 else depths * rows * columns)
                total, error = added(total, error, dy[offset_of(plane, z, p, q, Z, P, Q)] / np.float32(count))
                q = int32(q + 1)
            p = int32(p + 1)
        z = int32(z + 1)
    dx[i] = corrected(total, error) if many else total
