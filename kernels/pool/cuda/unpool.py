"""Indices and unpooling on CUDA.

Unpooling scatters, and two elements may share an index: a thread writes a whole plane in order, so that the last one
wins, without atomics and with the same bits every time. Bytes a call: x, indices and y once.
"""

from ...core.scalar import ZERO
from ...cuda.launch import cuda, each, int32, uint32
from .windows import position_of, scalars


def pool_indices(g, mask, indices):
    """indices = (d H + h) W + w of the position that each window's mask names, -1 if it lies in the padding."""
    each(pool_indices_kernel, mask.size, mask, indices, *scalars(g))


def max_unpool(x, indices, y):
    """y[plane, indices[plane, i]] = x[plane, i], the last i where several meet, and 0 elsewhere."""
    each(clear_kernel, y.size, y)
    each(max_unpool_kernel, x.shape[0], x, indices, y, *x.shape, y.shape[1])


def max_unpool_input_grad(dy, indices, dx):
    """dx[plane, i] = dy[plane, indices[plane, i]]."""
    each(max_unpool_grad_kernel, dx.size, dy, indices, dx, dx.shape[1], dy.shape[1])


@cuda.jit(cache=True)
def pool_indices_kernel(
    mask, indices, D, H, W, T, R, S, Z, P, Q, st_d, st_h, st_w, front, top, left, d_d, d_h, d_w
):  # fmt: skip
    """mask and indices (planes, Z, P, Q); thread i computes indices[i]."""
    i = uint32(cuda.grid(1))
    if i >= mask.size:
        return
    _, z, p, q = position_of(i, Z, P, Q)
    winner = int32(mask[i])
    row, s = int32(winner // S), int32(winner % S)
    d = int32(z * st_d - front + row // R * d_d)
    h = int32(p * st_h - top + row % R * d_h)
    w = int32(q * st_w - left + s * d_w)
    inside = 0 <= d < D and 0 <= h < H and 0 <= w < W
    indices[i] = int32((d * H + h) * W + w) if inside else int32(-1)


@cuda.jit(cache=True)
def clear_kernel(y):
    """y[i] = 0."""
    i = uint32(cuda.grid(1))
    if i < y.size:
        y[i] = ZERO


@cuda.jit(cache=True)
def max_unpool_kernel(x, indices, y, planes, elements, positions):
    """x and indices (planes, elements), y (planes, positions) of zeros; a thread fills a plane."""
    plane = uint32(cuda.grid(1))
    if plane >= planes:
        return
    i = int32(0)
    while i < elements:
        source = uint32(plane * uint32(elements) + uint32(i))
        y[uint32(plane * uint32(positions) + uint32(indices[source]))] = x[source]
        i = int32(i + 1)


@cuda.jit(cache=True)
def max_unpool_grad_kernel(dy, indices, dx, elements, positions):
    """dy (planes, positions), indices and dx (planes, elements); thread i computes dx[i]."""
    i = uint32(cuda.grid(1))
    if i < dx.size:
        plane = uint32(i // uint32(elements))
        dx[i] = dy[uint32(plane * uint32(positions) + uint32(indices[i]))]
