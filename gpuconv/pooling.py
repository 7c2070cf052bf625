"""Two-dimensional pooling with masks, and its gradients, for NumPy and CuPy arrays."""

from collections.abc import Sequence

import numpy as np

from .arguments import floating, output, require_array, same_device, shaped
from .backend import Array, array_module, kernels_for, on_device_of
from .geometry import Padding, PoolGeometry, Size, pool_geometry, shape_of


def max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """The largest element of each window, and where in the window it was.

    Parameters
    ----------
    x : array (N, C, H, W), float32 or float64
    kernel_size, dilation : int or pair
    stride : int or pair, optional
        Default: kernel_size.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
        Padded positions never win.
    ceil_mode : bool
        Keep a last window that hangs over the end, as PyTorch does.

    Returns
    -------
    y : array (N, C, P, Q)
    mask : array (N, C, P, Q) of the smallest unsigned type that holds R * S - 1
        Position of the winner inside its window, r * S + s: the first in row-major order wins a tie.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If the window does not fit, or the padding is more than half of it.

    Notes
    -----
    A NaN in a window wins. Deterministic.
    """
    op = "max_pool2d"
    (x,) = floating(op, x=x)
    g = pool_geometry(op, x.shape, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    with on_device_of(x):
        y = output(op, g.y_shape, x)
        mask = output(op, g.y_shape, x, dtype=mask_dtype(g))
        kernels_for(x).pooling.max_pool2d(g, x, y, mask)
    return y, mask


def max_pool2d_input_grad(
    dy: Array,
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    out: Array | None = None,
) -> Array:
    """dx: each input collects the gradients of the windows it won.

    Parameters
    ----------
    dy : array (N, C, P, Q), float32 or float64
    mask : array (N, C, P, Q)
        As max_pool2d returned it.
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, dilation, ceil_mode
        As in the forward call.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap dy.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type, or mask has another dtype or device.
    ValueError
        If the shapes do not fit together.

    Notes
    -----
    Gathers, so there are no atomics: deterministic.
    """
    op = "max_pool2d_input_grad"
    (dy,) = floating(op, dy=dy)
    x_shape = shape_of(op, "input_shape", input_shape, "(N, C, H, W)")
    g = pool_geometry(op, x_shape, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    require_array(op, "mask", mask)
    same_device(op, dy=dy, mask=mask)
    if mask.dtype != mask_dtype(g):
        raise TypeError(f"{op}: mask has dtype {mask.dtype}, expected {mask_dtype(g)} as max_pool2d returns")
    shaped(op, "mask", mask, g.y_shape, "the forward result's shape for input_shape")
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=(dy, mask))
        kernels_for(dy).pooling.max_pool2d_input_grad(g, dy, array_module(mask).ascontiguousarray(mask), dx)
    return dx


def avg_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """The mean of each window.

    Parameters
    ----------
    x : array (N, C, H, W), float32 or float64
    kernel_size : int or pair
    stride : int or pair, optional
        Default: kernel_size.
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
        Padded positions are zeros.
    ceil_mode : bool
        Keep a last window that hangs over the end, as PyTorch does.
    count_include_pad : bool
        Whether padded positions count in the divisor. Positions past the padding (ceil_mode) never do.
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
        If the window does not fit, or the padding is more than half of it.

    Notes
    -----
    Where ONNX and PyTorch disagree about the divisor, PyTorch's is the rule. Deterministic.
    """
    op = "avg_pool2d"
    (x,) = floating(op, x=x)
    g = pool_geometry(op, x.shape, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    with on_device_of(x):
        y = output(op, g.y_shape, x, out, inputs=(x,))
        kernels_for(x).pooling.avg_pool2d(g, x, bool(count_include_pad), y)
    return y


def avg_pool2d_input_grad(
    dy: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    out: Array | None = None,
) -> Array:
    """dx: each output gradient is spread evenly over its window.

    Parameters
    ----------
    dy : array (N, C, P, Q), float32 or float64
    input_shape : (N, C, H, W)
    kernel_size, stride, padding, ceil_mode, count_include_pad
        As in the forward call.
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
    Gathers, so there are no atomics: deterministic.
    """
    op = "avg_pool2d_input_grad"
    (dy,) = floating(op, dy=dy)
    x_shape = shape_of(op, "input_shape", input_shape, "(N, C, H, W)")
    g = pool_geometry(op, x_shape, kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=(dy,))
        kernels_for(dy).pooling.avg_pool2d_input_grad(g, dy, bool(count_include_pad), dx)
    return dx


def mask_dtype(g: PoolGeometry) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds every position of a window."""
    return np.min_scalar_type(g.r * g.s - 1)
