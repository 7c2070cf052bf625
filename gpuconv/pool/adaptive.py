"""Pooling to a size given: averages and maxima of windows that share each axis out."""

from collections.abc import Sequence

import numpy as np

from ..core.arrays import floating, output, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from ..core.shapes import shape_of, sizes
from .shape import LAYOUTS, AdaptiveGeometry, adaptive_geometry
from .unpool import indices_of

OutputSize = int | None | Sequence[int | None]


@takes_half
def adaptive_avg_pool2d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """The mean of each of P x Q windows, whatever the size of x.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    output_size : int, None or a pair of them
        P and Q; None keeps the size of x.
    out : array (N, C, P, Q), optional
        Memory for the result; must not overlap x.

    Returns
    -------
    array (N, C, P, Q)

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If x has another number of dimensions, or a size is not positive.

    Notes
    -----
    Window i of P over H positions is floor(i H / P) to ceil((i + 1) H / P), as in PyTorch: they may overlap, and differ
    by one in size. Deterministic.
    """
    return pool_to_means("adaptive_avg_pool2d", 2, x, output_size, out)


@takes_half
def adaptive_avg_pool2d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx: each output gradient is spread evenly over its window.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
        Its shape says what the output size was.
    input_shape : (N, C, H, W)
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Each input gathers from the windows that cover it, without atomics: deterministic.
    """
    return pool_to_means_input_grad("adaptive_avg_pool2d_input_grad", 2, dy, input_shape, out)


@takes_half
def adaptive_max_pool2d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """The largest element of each of P x Q windows, and where it was.

    Parameters
    ----------
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
    output_size : int, None or a pair of them
        P and Q; None keeps the size of x.

    Returns
    -------
    y : array (N, C, P, Q)
    indices : array (N, C, P, Q), int64
        Position of each winner in its plane, h * W + w. The windows are of several sizes, so there is no mask of
        positions inside them; these are the indices that PyTorch returns and `max_unpool2d` takes.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If x has another number of dimensions, or a size is not positive.

    Notes
    -----
    Windows as for `adaptive_avg_pool2d`; ties and NaN as for `max_pool2d`. Deterministic.
    """
    return pool_to_maxima("adaptive_max_pool2d", 2, x, output_size)


@takes_half
def adaptive_max_pool2d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx: each input collects the gradients of the windows it won.

    Parameters
    ----------
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        As adaptive_max_pool2d returned them; one outside its window is ignored.
    input_shape : (N, C, H, W)
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy or indices.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type, or the indices are no integers on its device.
    ValueError
        If the shapes do not fit together, or an index lies outside its plane.

    Notes
    -----
    Each input gathers from the windows that cover it, without atomics: deterministic.
    """
    return pool_to_maxima_input_grad("adaptive_max_pool2d_input_grad", 2, dy, indices, input_shape, out)


@takes_half
def adaptive_avg_pool1d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """From x (N, C, W) to (N, C, Q); everything else as for `adaptive_avg_pool2d`."""
    return pool_to_means("adaptive_avg_pool1d", 1, x, output_size, out)


@takes_half
def adaptive_avg_pool1d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, W) from dy (N, C, Q); everything else as for `adaptive_avg_pool2d_input_grad`."""
    return pool_to_means_input_grad("adaptive_avg_pool1d_input_grad", 1, dy, input_shape, out)


@takes_half
def adaptive_max_pool1d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """From x (N, C, W) to (N, C, Q); everything else as for `adaptive_max_pool2d`."""
    return pool_to_maxima("adaptive_max_pool1d", 1, x, output_size)


@takes_half
def adaptive_max_pool1d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, W) from dy (N, C, Q); everything else as for `adaptive_max_pool2d_input_grad`."""
    return pool_to_maxima_input_grad("adaptive_max_pool1d_input_grad", 1, dy, indices, input_shape, out)


@takes_half
def adaptive_avg_pool3d(x: Array, output_size: OutputSize, *, out: Array | None = None) -> Array:
    """From x (N, C, D, H, W) to (N, C, Z, P, Q); everything else as for `adaptive_avg_pool2d`."""
    return pool_to_means("adaptive_avg_pool3d", 3, x, output_size, out)


@takes_half
def adaptive_avg_pool3d_input_grad(dy: Array, input_shape: Sequence[int], *, out: Array | None = None) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, Z, P, Q); everything else as for `adaptive_avg_pool2d_input_grad`."""
    return pool_to_means_input_grad("adaptive_avg_pool3d_input_grad", 3, dy, input_shape, out)


@takes_half
def adaptive_max_pool3d(x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """From x (N, C, D, H, W) to (N, C, Z, P, Q); everything else as for `adaptive_max_pool2d`."""
    return pool_to_maxima("adaptive_max_pool3d", 3, x, output_size)


@takes_half
def adaptive_max_pool3d_input_grad(
    dy: Array, indices: Array, input_shape: Sequence[int], *, out: Array | None = None
) -> Array:
    """dx (N, C, D, H, W) from dy (N, C, Z, P, Q); everything else as for `adaptive_max_pool2d_input_grad`."""
    return pool_to_maxima_input_grad("adaptive_max_pool3d_input_grad", 3, dy, indices, input_shape, out)


def pool_to_means(op: str, rank: int, x: Array, output_size: OutputSize, out: Array | None) -> Array:
    """The adaptive and the global averages."""
    (x,) = floating(op, x=x)
    g = adaptive_geometry(op, rank, x.shape, output_size)
    with on_device_of(x):
        y = output(op, g.y_shape, x, out, inputs=(x,))
        kernels_for(x).pool.adaptive_avg_pool(g, x, y)
    return y


def pool_to_maxima(op: str, rank: int, x: Array, output_size: OutputSize) -> tuple[Array, Array]:
    """The adaptive and the global maxima."""
    (x,) = floating(op, x=x)
    g = adaptive_geometry(op, rank, x.shape, output_size)
    with on_device_of(x):
        y = output(op, g.y_shape, x)
        indices = output(op, g.y_shape, x, dtype=np.int64)
        kernels_for(x).pool.adaptive_max_pool(g, x, y, indices)
    return y, indices


def pool_to_means_input_grad(
    op: str, rank: int, dy: Array, input_shape: Sequence[int], out: Array | None, windows: int | None = None
) -> Array:
    """Gradient of the adaptive and the global averages; `windows` is the output size where that is known."""
    (dy,) = floating(op, dy=dy)
    g = _geometry(op, rank, dy, input_shape, windows)
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=(dy,))
        kernels_for(dy).pool.adaptive_avg_pool_input_grad(g, dy, dx)
    return dx


def pool_to_maxima_input_grad(
    op: str,
    rank: int,
    dy: Array,
    indices: Array,
    input_shape: Sequence[int],
    out: Array | None,
    windows: int | None = None,
) -> Array:
    """Gradient of the adaptive and the global maxima; `windows` is the output size where that is known."""
    (dy,) = floating(op, dy=dy)
    g = _geometry(op, rank, dy, input_shape, windows)
    indices = indices_of(op, indices, g.y_shape, g.x_shape[2:], dy)
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=(dy, indices))
        kernels_for(dy).pool.adaptive_max_pool_input_grad(g, dy, indices, dx)
    return dx


def _geometry(op: str, rank: int, dy: Array, input_shape: Sequence[int], windows: int | None) -> AdaptiveGeometry:
    """The forward call's geometry, from the shapes of its result and of its input."""
    x_shape = shape_of(op, "input_shape", input_shape, LAYOUTS[rank])
    _, _, *found = sizes(op, "dy", dy.shape, LAYOUTS[rank])
    g = adaptive_geometry(op, rank, x_shape, found if windows is None else windows)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    return g
