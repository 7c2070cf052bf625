"""Maximum pooling on CUDA: one result a thread, or four neighboring ones where windows are narrow (max_vectorized.py).

The gradient gathers: each input adds the windows that cover it, without atomics, and the bits are always the
same. Bytes a launch: x, y and the mask once; for the gradient dy, the mask and dx.
"""

import numpy as np

from ...core.scalar import added, corrected
from ...cuda.launch import cuda, each, int32, uint32
from ..scalar import is_new_maximum
from . import max_vectorized
from .vectorized import supports
from .windows import offset_of, position_of, scalars, window_at

LOWEST = np.float32(-np.inf)
MAX_ADDED_PLAINLY = 256
"""Taps of a window, all of which the vectorized kernels take, up to which a sum needs no correction."""


def max_pool(g, x, y, mask):
    """y = max over the window, mask = the winner's (t R + r) S + s: the first in this order, a NaN before others."""
    launch = max_vectorized.max_pool if supports(g) else max_pool_scalar
    launch(g, x, y, mask)


def max_pool_input_grad(g, dy, mask, dx):
    """dx[i] = sum of dy over the windows that position i won."""
    launch = max_vectorized.max_pool_input_grad if supports(g) else max_pool_input_grad_scalar
    launch(g, dy, mask, dx)


def max_pool_scalar(g, x, y, mask):
    """max_pool of any windows, one output a thread."""
    each(max_pool_kernel, y.size, x, y, mask, *scalars(g))


def max_pool_input_grad_scalar(g, dy, mask, dx):
    """max_pool_input_grad of any windows, one input a thread."""
    each(max_pool_grad_kernel, dx.size, dy, mask, dx, g.taps > MAX_ADDED_PLAINLY, *scalars(g))


@cuda.jit(cache=True)
def max_pool_kernel(
    x, y, mask, D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """x (planes, D, H, W), y and mask (planes, Z, P, Q); thread i computes y[i] and mask[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, z, p, q = position_of(i, Z, P, Q)
    best, winner = LOWEST, int32(-1)
    row = int32(0)  # t R + r
    while row < T * R:
        d = int32(z * st_d - front + row // R * d_d)
        h = int32(p * st_h - top + row % R * d_h)
        s = int32(0)
        while s < S and 0 <= d < D and 0 <= h < H:
            w = int32(q * st_w - left + s * d_w)
            if 0 <= w < W:
                value = x[offset_of(plane, d, h, w, D, H, W)]
                if winner < 0 or is_new_maximum(value, best):
                    best, winner = value, int32(row * S + s)
            s = int32(s + 1)
        row = int32(row + 1)
    y[i] = best
    mask[i] = max(winner, int32(0))


@cuda.jit(cache=True)
def max_pool_grad_kernel(
    dy, mask, dx, many, D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """dy and mask (planes, Z, P, Q), dx (planes, D, H, W); thread i computes dx[i]."""
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
                window = offset_of(plane, z, p, q, Z, P, Q)
                if int32(mask[window]) == int32(row * S + s):
                    total, error = added(total, error, dy[window])
            s = int32(s - 1)
        row = int32(row - 1)
    dx[i] = corrected(total, error) if many else total
