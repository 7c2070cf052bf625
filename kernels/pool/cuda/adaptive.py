"""Adaptive and global pooling on CUDA: one result a thread.

Window i of P over H positions is floor(i H / P) to ceil((i + 1) H / P). Bytes a launch: x and y once, and the indices.
The gradients gather: each input adds the windows that cover it, found by the same rule with the roles exchanged.
"""

import numpy as np

from ...core.scalar import added, corrected
from ...cuda.launch import cuda, each, int32, uint32
from ..scalar import is_new_maximum
from .overflow import is_finite, sum_of_quotients
from .windows import offset_of, position_of, share_end, share_start


def adaptive_avg_pool(g, x, y):
    """y = the mean over the window."""
    each(adaptive_avg_pool_kernel, y.size, x, y, *g.x_sizes, *g.y_sizes)


def adaptive_avg_pool_input_grad(g, dy, dx):
    """dx[i] = the sum of dy / size over the windows that cover position i."""
    each(adaptive_avg_pool_grad_kernel, dx.size, dy, dx, *g.x_sizes, *g.y_sizes)


def adaptive_max_pool(g, x, y, indices):
    """y = max over the window, indices = the winner's (d H + h) W + w: the first in this order, a NaN before others."""
    each(adaptive_max_pool_kernel, y.size, x, y, indices, *g.x_sizes, *g.y_sizes)


def adaptive_max_pool_input_grad(g, dy, indices, dx):
    """dx[i] = the sum of dy over the windows that position i won."""
    each(adaptive_max_pool_grad_kernel, dx.size, dy, indices, dx, *g.x_sizes, *g.y_sizes)


@cuda.jit(cache=True)
def adaptive_avg_pool_kernel(x, y, D, H, W, Z, P, Q):
    """x (planes, D, H, W), y (planes, Z, P, Q); thread i computes y[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, z, p, q = position_of(i, Z, P, Q)
    d0, d1 = share_start(z, D, Z), share_end(z, D, Z)
    h0, h1 = share_start(p, H, P), share_end(p, H, P)
    w0, w1 = share_start(q, W, Q), share_end(q, W, Q)
    total, error = x.dtype.type(0), x.dtype.type(0)
    d = d0
    while d < d1:
        h = h0
        while h < h1:
            w = w0
            while w < w1:
                total, error = added(total, error, x[offset_of(plane, d, h, w, D, H, W)])
                w = int32(w + 1)
            h = int32(h + 1)
        d = int32(d + 1)
    count = np.float32(int32((d1 - d0) * (h1 - h0) * (w1 - w0)))
    mean = corrected(total, error) / count
    if not is_finite(mean):
        one, depths, rows, columns = int32(1), int32(d1 - d0), int32(h1 - h0), int32(w1 - w0)
        mean = sum_of_quotients(x, count, plane, d0, h0, w0, depths, rows, columns, one, one, one, D, H, W)
    y[i] = mean


@cuda.jit(cache=True)
def adaptive_avg_pool_grad_kernel(dy, dx, D, H, W, Z, P, Q):
    """dy (planes, Z, P, Q), dx (planes, D, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, d, h, w = position_of(i, D, H, W)
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    z = share_start(d, Z, D)
    while z < share_end(d, Z, D):
        depths = int32(share_end(z, D, Z) - share_start(z, D, Z))
        p = share_start(h, P, H)
        while p < share_end(h, P, H):
            rows = int32(share_end(p, H, P) - share_start(p, H, P))
            q = share_start(w, Q, W)
            while q < share_end(w, Q, W):
                columns = int32(share_end(q, W, Q) - share_start(q, W, Q))
                count = np.float32(int32(depths * rows * columns))
                total, error = added(total, error, dy[offset_of(plane, z, p, q, Z, P, Q)] / count)
                q = int32(q + 1)
            p = int32(p + 1)
        z = int32(z + 1)
    dx[i] = corrected(total, error)


@cuda.jit(cache=True)
def adaptive_max_pool_kernel(x, y, indices, D, H, W, Z, P, Q):
    """x (planes, D, H, W), y and indices (planes, Z, P, Q); thread i computes y[i] and indices[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    plane, z, p, q = position_of(i, Z, P, Q)
    d0, h0, w0 = share_start(z, D, Z), share_start(p, H, P), share_start(q, W, Q)
    h1, w1 = share_end(p, H, P), share_end(q, W, Q)
    winner = offset_of(int32(0), d0, h0, w0, D, H, W)
    best = x[offset_of(plane, d0, h0, w0, D, H, W)]
    d = d0
    while d < share_end(z, D, Z):
        h = h0
        while h < h1:
            w = w0
            while w < w1:
                value = x[offset_of(plane, d, h, w, D, H, W)]
                if is_new_maximum(value, best):
                    best, winner = value, offset_of(int32(0), d, h, w, D, H, W)
                w = int32(w + 1)
            h = int32(h + 1)
        d = int32(d + 1)
    y[i] = best
    indices[i] = winner


@cuda.jit(cache=True)
def adaptive_max_pool_grad_kernel(dy, indices, dx, D, H, W, Z, P, Q):
    """dy and indices (planes, Z, P, Q), dx (planes, D, H, W); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i >= dx.size:
        return
    plane, d, h, w = position_of(i, D, H, W)
    total, error = dy.dtype.type(0), dy.dtype.type(0)
    z = share_start(d, Z, D)
    while z < share_end(d, Z, D):
        p = share_start(h, P, H)
        while p < share_end(h, P, H):
            q = share_start(w, Q, W)
            while q < share_end(w, Q, W):
                window = offset_of(plane, z, p, q, Z, P, Q)
                if uint32(indices[window]) == offset_of(int32(0), d, h, w, D, H, W):
                    total, error = added(total, error, dy[window])
                q = int32(q + 1)
            p = int32(p + 1)
        z = int32(z + 1)
    dx[i] = corrected(total, error)
