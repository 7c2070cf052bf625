"""Indices and unpooling on the CPU: a thread takes whole planes (n, c).

Bytes a call: x, indices and y once.
"""

import numpy as np

from ...cpu.parallel import share, streaming
from .windows import axis_of, packed_axes


def pool_indices(g, mask, indices):
    """indices = (d H + h) W + w of the position that each window's mask names, -1 if it lies in the padding."""
    planes = g.n * g.c
    _pool_indices(planes, mask.size, planes, packed_axes(g), mask.reshape(-1), indices.reshape(-1))


def max_unpool(x, indices, y):
    """y[plane, indices[plane, i]] = x[plane, i], the last i where several meet, and 0 elsewhere."""
    _max_unpool(x.shape[0], y.size, x, indices, y)


def max_unpool_input_grad(dy, indices, dx):
    """dx[plane, i] = dy[plane, indices[plane, i]]."""
    _max_unpool_grad(dx.shape[0], dx.size, dy, indices, dx)


@streaming
def _pool_indices(planes, axes, mask, indices, thread, threads):
    """mask and indices (planes, Z, P, Q), flat."""
    depth, height, width = axis_of(axes, 0), axis_of(axes, 1), axis_of(axes, 2)
    first, last = share(planes, thread, threads)
    i = first * depth.windows * height.windows * width.windows
    for _ in range(first, last):
        for z in range(depth.windows):
            for p in range(height.windows):
                for q in range(width.windows):
                    # the mask is (t R + r) S + s
                    tap = np.intp(mask[i])
                    row, s = tap // width.taps, tap % width.taps
                    d = z * depth.stride - depth.pad_before + row // height.taps * depth.dilation
                    h = p * height.stride - height.pad_before + row % height.taps * height.dilation
                    w = q * width.stride - width.pad_before + s * width.dilation
                    inside = 0 <= d < depth.size and 0 <= h < height.size and 0 <= w < width.size
                    indices[i] = (d * height.size + h) * width.size + w if inside else -1
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
