"""The passes of pooling to a size, adaptive and global, behind their public names."""

from collections.abc import Sequence

import numpy as np

from ..core.call import Call
from ..core.device import Array
from ..core.shapes import shape_of, sizes
from .blocks import by_planes
from .indices import checked_indices, copied_elements, require_indices
from .shape import LAYOUTS, AdaptiveShape, adaptive_shape

OutputSize = int | None | Sequence[int | None]


def pool_to_means(op: str, rank: int, x: Array, output_size: OutputSize, out: Array | None) -> Array:
    """Adaptive and global average pooling."""
    call = Call(op, convert=False, x=x)
    g = adaptive_shape(op, rank, x.shape, output_size)
    with call.device:
        if call.needs_blocks(g.y_shape):
            (y,) = by_planes(call, lambda x: pool_to_means(op, rank, x, output_size, None), [x], [g.y_shape], out)
            return y
        call.convert()
        (x,) = call.arrays
        y = call.output(g.y_shape, out)
        call.kernels.pool.adaptive_avg_pool(g, x, y)
    return call.finish(y)


def pool_to_maxima(op: str, rank: int, x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """Adaptive and global max pooling."""
    call = Call(op, convert=False, x=x)
    g = adaptive_shape(op, rank, x.shape, output_size)
    with call.device:
        if call.needs_blocks(g.y_shape):
            shapes = g.y_shape, g.y_shape
            y, indices = by_planes(
                call, lambda x: pool_to_maxima(op, rank, x, output_size), [x], shapes, second=np.int64
            )
            return y, indices
        call.convert()
        (x,) = call.arrays
        y = call.output(g.y_shape)
        indices = call.output(g.y_shape, dtype=np.int64)
        call.kernels.pool.adaptive_max_pool(g, x, y, indices)
    return call.finish(y), indices


def pool_to_means_input_grad(
    op: str, rank: int, dy: Array, input_shape: Sequence[int], out: Array | None, windows: int | None = None
) -> Array:
    """Gradient of `pool_to_means`; `windows` is the output size if it is known."""
    call = Call(op, convert=False, dy=dy)
    g = _backward_shape(call, rank, input_shape, windows)
    with call.device:
        if call.needs_blocks(g.x_shape):

            def block(dy: Array) -> Array:
                return pool_to_means_input_grad(op, rank, dy, (*dy.shape[:2], *g.x_shape[2:]), None, windows)

            (dx,) = by_planes(call, block, [dy], [g.x_shape], out)
            return dx
        call.convert()
        (dy,) = call.arrays
        dx = call.output(g.x_shape, out)
        call.kernels.pool.adaptive_avg_pool_input_grad(g, dy, dx)
    return call.finish(dx)


def pool_to_maxima_input_grad(
    op: str,
    rank: int,
    dy: Array,
    indices: Array,
    input_shape: Sequence[int],
    out: Array | None,
    windows: int | None = None,
) -> Array:
    """Gradient of `pool_to_maxima`; `windows` is the output size if it is known."""
    call = Call(op, convert=False, dy=dy)
    g = _backward_shape(call, rank, input_shape, windows)
    require_indices(op, indices, g.y_shape, g.x_shape[2:], dy)
    with call.device:
        if call.needs_blocks(g.x_shape, temporary=copied_elements(indices)):

            def block(dy: Array, indices: Array) -> Array:
                x_shape = *dy.shape[:2], *g.x_shape[2:]
                return pool_to_maxima_input_grad(op, rank, dy, indices, x_shape, None, windows)

            (dx,) = by_planes(call, block, [dy, indices], [g.x_shape], out)
            return dx
        call.convert()
        (dy,), indices = call.arrays, checked_indices(indices)
        dx = call.output(g.x_shape, out, inputs=(indices,))
        call.kernels.pool.adaptive_max_pool_input_grad(g, dy, indices, dx)
    return call.finish(dx)


def _backward_shape(call: Call, rank: int, input_shape: Sequence[int], windows: int | None) -> AdaptiveShape:
    """Shape of the forward call, from the shapes of its result and input."""
    x_shape = shape_of(call.op, "input_shape", input_shape, LAYOUTS[rank])
    _, _, *found = sizes(call.op, "dy", call.like.shape, LAYOUTS[rank])
    s = adaptive_shape(call.op, rank, x_shape, found if windows is None else windows)
    call.require_shape("dy", call.like, s.y_shape, "the forward result's shape for input_shape")
    return s
