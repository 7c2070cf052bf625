"""Indices and unpooling on the CPU: a thread takes whole planes (n, c).

Bytes a call: x, indices and y once.
"""

import numpy as np

from ...cpu.parallel import share, streaming


def pool_indices(g, mask, indices):
    """indices = (d H + h) W + w of the position that each window's mask names."""
    _pool_indices(g.n * g.c, mask.size, g, mask.reshape(-1), indices.reshape(-1))


def max_unpool(x, indices, y):
    """y[plane, indices[plane, i]] = x[plane, i], the last i where several meet, and 0 elsewhere."""
    _max_unpool(x.shape[0], y.size, x, indices, y)


def max_unpool_input_grad(dy, indices, dx):
    """dx[plane, i] = dy[plane, indices[plane, i]]."""
    _max_unpool_grad(dx.shape[0], dx.size, dy, indices, dx)


@streaming
def _pool_indices(g, mask, indices, thread, threads):
    first, last = share(g.n * g.c, thread, threads)
    i = first * g.d.windows * g.h.windows * g.w.windows
    for _ in range(first, last):
        for z in range(g.d.windows):
            for p in range(g.h.windows):
                for q in range(g.w.windows):
                    winner = np.intp(mask[i])
                    row, s = winner // g.w.taps, winner % g.w.taps
                    d = z * g.d.stride - g.d.before + row // g.h.taps * g.d.dilation
                    h = p * g.h.stride - g.h.before + row % g.h.taps * g.h.dilation
                    w = q * g.w.stride - g.w.before + s * g.w.dilation
                    indices[i] = (d * g.h.size + h) * g.w.size + w
                    i += 1


@streaming
def _max_unpool(x, indices, y, thread, threads):
    first, last = share(x.shape[0], thread, threads)
    for plane in range(first, last):
        y[plane] = 0
        for i in range(x.shape[1]):
            y[plane, indices[plane, i]] = x[plane, i]


@streaming
def _max_unpool_grad(dy, indices, dx, thread, threads):
    first, last = share(dx.shape[0], thread, threads)
    for plane in range(first, last):
        for i in range(dx.shape[1]):
            dx[plane, i] = dy[plane, indices[plane, i]]
