"""Average pooling with dilation on CUDA: one result a thread.

The gradient gathers: each input adds the windows with a tap on it, without atomics, and the bits are always the
same. Bytes a launch: x and y once, or dy and dx.
"""

import numpy as np

from ...core.scalar import added, corrected
from ...cuda.launch import cuda, each, int32, uint32
from .overflow import is_finite, sum_of_quotients
from .windows import counted_dilated, offset_of, position_of, scalars_with_ends, window_at


def avg_pool(g, x, count_include_pad, divisor, y):
    """As avg.avg_pool, of windows with any dilation."""
    each(avg_pool_dilated_kernel, y.size, x, y, count_include_pad, divisor, *scalars_with_ends(g))


def avg_pool_input_grad(g, dy, count_include_pad, divisor, dx):
    """As avg.avg_pool_input_grad, of windows with any dilation."""
    each(avg_pool_grad_dilated_kernel, dx.size, dy, dx, count_include_pad, divisor, *scalars_with_ends(g))


@cuda.jit(cache=True)
def avg_pool_dilated_kernel(
    x, y, count_include_pad, divisor, back, bottom, right,
    D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """x (planes, D, H, W), y (planes, Z, P, Q); thread i computes y[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, z, p, q = position_of(i, Z, P, Q)
    d0, h0, w0 = int32(z * st_d - front), int32(p * st_h - top), int32(q * st_w - left)
    total, error = x.dtype.type(0), x.dtype.type(0)
    row = int32(0)  # t R + r
    while row < T * R:
        d, h = int32(d0 + row // R * d_d), int32(h0 + row % R * d_h)
        s = int32(0)
        while s < S and 0 <= d < D and 0 <= h < H:
            w = int32(w0 + s * d_w)
            if 0 <= w < W:
                total, error = added(total, error, x[offset_of(plane, d, h, w, D, H, W)])
            s = int32(s + 1)
        row = int32(row + 1)
    # divisor
    count = divisor
    if divisor == 0:
        depths = counted_dilated(d0, T, d_d, D, back, count_include_pad)
        rows = int32(depths * counted_dilated(h0, R, d_h, H, bottom, count_include_pad))
        count = int32(rows * counted_dilated(w0, S, d_w, W, right, count_include_pad))
    mean = corrected(total, error) / np.float32(count)
    if not is_finite(mean):
        mean = sum_of_quotients(x, np.float32(count), plane, d0, h0, w0, T, R, S, d_d, d_h, d_w, D, H, W)
    y[i] = mean


@cuda.jit(cache=True)
def avg_pool_grad_dilated_kernel(
    dy, dx, count_include_pad, divisor, back, bottom, right,
    D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """dy (planes, Z, P, Q), dx (planes, D, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, d, h, w = position_of(i, D, H, W)
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    row = int32(T * R - 1)
    # taps from the last to the first meet the windows in row-major order
    while row >= 0:
        z = window_at(d, int32(row // R), front, st_d, d_d, Z)
        p = window_at(h, int32(row % R), top, st_h, d_h, P)
        s = int32(S - 1)
        while s >= 0 and z >= 0 and p >= 0:
            q = window_at(w, s, left, st_w, d_w, Q)
            if q >= 0:
                count = divisor
                if divisor == 0:
                    depths = counted_dilated(int32(z * st_d - front), T, d_d, D, back, count_include_pad)
                    rows = int32(depths * counted_dilated(int32(p * st_h - top), R, d_h, H, bottom, count_include_pad))
                    columns = counted_dilated(int32(q * st_w - left), S, d_w, W, right, count_include_pad)
                    count = int32(rows * columns)
                total, error = added(total, error, dy[offset_of(plane, z, p, q, Z, P, Q)] / np.float32(count))
            s = int32(s - 1)
        row = int32(row - 1)
    dx[i] = corrected(total, error)
