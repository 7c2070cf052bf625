"""Resampling on CUDA (padding, cropping, resizing): one element of the result a thread.

The gradient is the same kernel with transposed tables: it gathers, without atomics, and the bits are always the
same. Bytes a launch: x once for each term of an element (from the cache where they overlap), y once, and the tables.
"""

import numpy as np

from ..core.scalar import added, corrected
from ..cuda.launch import cuda, each, int32, uint32, upload

NEGATIVE_ZERO = np.float32(-0.0)


def resample(x, outer, tables, fill, y):
    """y[o, p, q, j] = sum over the terms of p, q and j of weights times x; fill where an axis has no terms.

    x as (outer, I0, I1, I2), y as (outer, O0, O1, O2), three resampling tables.
    """
    x, y = x.reshape(outer, *(t.length for t in tables)), y.reshape(outer, *(t.size for t in tables))
    first = np.cumsum([0] + [t.sources.size for t in tables])
    starts = [t.starts + int(offset) for t, offset in zip(tables, first, strict=False)]
    offsets = upload(x, np.concatenate(starts).astype(np.int32))
    sources = upload(x, np.concatenate([t.sources for t in tables]).astype(np.int32))
    weights = upload(x, np.concatenate([t.weights for t in tables]).astype(x.dtype))
    each(resample_kernel, y.size, x, offsets, sources, weights, fill, y, *x.shape[1:], *y.shape[1:])


@cuda.jit(cache=True)
def resample_kernel(x, starts, sources, weights, fill, y, D, H, W, M, P, Q):
    """x (outer, D, H, W), y (outer, M, P, Q); starts holds M + 1, P + 1 and Q + 1 first terms; thread i writes y[i]."""
    i = uint32(cuda.grid(1))
    if i >= y.size:
        return
    j, rest = uint32(i % uint32(Q)), uint32(i // uint32(Q))
    p, rest = uint32(rest % uint32(P)), uint32(rest // uint32(P))
    m, outer = uint32(rest % uint32(M)), uint32(rest // uint32(M))
    p, j = uint32(p + uint32(M + 1)), uint32(j + uint32(M + P + 2))
    # weighted sum over the terms of the three axes, from -0, to which any number, -0 too, is added unchanged
    total, error, count = x.dtype.type(NEGATIVE_ZERO), x.dtype.type(0), int32(0)
    r = starts[m]
    while r < starts[uint32(m + uint32(1))]:
        plane = uint32(outer * uint32(D) + uint32(sources[uint32(r)]))
        s = starts[p]
        while s < starts[uint32(p + uint32(1))]:
            row = uint32(uint32(plane * uint32(H)) + uint32(sources[uint32(s)]))
            weight = weights[uint32(r)] * weights[uint32(s)]
            t = starts[j]
            while t < starts[uint32(j + uint32(1))]:
                column = uint32(uint32(row * uint32(W)) + uint32(sources[uint32(t)]))
                total, error = added(total, error, weight * weights[uint32(t)] * x[column])
                count = int32(count + 1)
                t = int32(t + 1)
            s = int32(s + 1)
        r = int32(r + 1)
    y[i] = corrected(total, error) if count > 0 else fill
