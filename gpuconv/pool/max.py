"""Maximum pooling with masks, and its gradient."""

from collections.abc import Sequence
from typing import Any

from ..core.arrays import contiguous, floating, output, require_array, same_device, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from ..core.shapes import Padding, Size, shape_of
from .shape import LAYOUTS, PoolGeometry, pool_geometry


@takes_half
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
    x : array (N, C, H, W), float16, bfloat16, float32 or float64
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
        Position of the winner inside its window, r * S + s: the first in row-major order wins a tie. `pool_indices`
        turns it into PyTorch's indices.

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type.
    ValueError
        If the window does not fit, or the padding is more than half of it.

    Notes
    -----
    A NaN in a window wins, the first one if there are several (PyTorch: the last). Deterministic.
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode)


@takes_half
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
    dy : array (N, C, P, Q), float16, bfloat16, float32 or float64
    mask : array (N, C, P, Q)
        As max_pool2d returned it. A position that no window has is ignored.
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
    Each plane adds its windows in row-major order, without atomics: deterministic.
    """
    options = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool2d_input_grad", 2, dy, mask, input_shape, *options, out)


@takes_half
def max_pool1d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """The largest element of each window along one axis, and where in the window it was.

    Parameters
    ----------
    x : array (N, C, W), float16, bfloat16, float32 or float64
    kernel_size, stride, dilation : int
    padding : int, ((left, right),), "same" or "valid"
    ceil_mode : bool

    Returns
    -------
    y, mask : array (N, C, Q)
        As for `max_pool2d`, the mask being s.

    Raises
    ------
    TypeError, ValueError
        As for `max_pool2d`.
    """
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode)


@takes_half
def max_pool1d_input_grad(
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
    """dx (N, C, W) from dy and mask (N, C, Q); everything else as for `max_pool2d_input_grad`."""
    options = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool1d_input_grad", 1, dy, mask, input_shape, *options, out)


@takes_half
def max_pool3d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """The largest element of each window in a volume, and where in the window it was.

    Parameters
    ----------
    x : array (N, C, D, H, W), float16, bfloat16, float32 or float64
    kernel_size, stride, dilation : int or triple
    padding : int, triple, ((front, back), (top, bottom), (left, right)), "same" or "valid"
    ceil_mode : bool

    Returns
    -------
    y, mask : array (N, C, Z, P, Q)
        As for `max_pool2d`, the mask being (t * R + r) * S + s for windows of T x R x S.

    Raises
    ------
    TypeError, ValueError
        As for `max_pool2d`.
    """
    return _max_pool("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode)


@takes_half
def max_pool3d_input_grad(
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
    """dx (N, C, D, H, W) from dy and mask (N, C, Z, P, Q); everything else as for `max_pool2d_input_grad`."""
    options = kernel_size, stride, padding, dilation, ceil_mode
    return _max_pool_input_grad("max_pool3d_input_grad", 3, dy, mask, input_shape, *options, out)


def _max_pool(
    op: str, rank: int, x: Array, kernel_size: Size, stride: Any, padding: Padding, dilation: Size, ceil_mode: bool
) -> tuple[Array, Array]:
    (x,) = floating(op, x=x)
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    g = pool_geometry(op, rank, x.shape, kernel_size, **options)
    with on_device_of(x):
        y = output(op, g.y_shape, x)
        mask = output(op, g.y_shape, x, dtype=g.mask_dtype)
        kernels_for(x).pool.max_pool(g, x, y, mask)
    return y, mask


def _max_pool_input_grad(
    op: str,
    rank: int,
    dy: Array,
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
    out: Array | None,
) -> Array:
    (dy,) = floating(op, dy=dy)
    g = geometry_of(op, rank, input_shape, kernel_size, stride, padding, dilation, ceil_mode)
    require_array(op, "mask", mask)
    same_device(op, dy=dy, mask=mask)
    mask = mask_of(op, mask, g)
    shaped(op, "dy", dy, g.y_shape, "the forward result's shape for input_shape")
    with on_device_of(dy):
        dx = output(op, g.x_shape, dy, out, inputs=(dy, mask))
        kernels_for(dy).pool.max_pool_input_grad(g, dy, mask, dx)
    return dx


def geometry_of(
    op: str,
    rank: int,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None,
    padding: Padding,
    dilation: Size,
    ceil_mode: bool,
) -> PoolGeometry:
    """The forward call's geometry, from what a call that goes back is given."""
    x_shape = shape_of(op, "input_shape", input_shape, LAYOUTS[rank])
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    return pool_geometry(op, rank, x_shape, kernel_size, **options)


def mask_of(op: str, mask: Array, g: PoolGeometry) -> Array:
    """A mask given by the caller, C-contiguous, after it was checked."""
    require_array(op, "mask", mask)
    if mask.dtype != g.mask_dtype:
        raise TypeError(f"{op}: mask has dtype {mask.dtype}, expected {g.mask_dtype} as the pooling returns")
    shaped(op, "mask", mask, g.y_shape, "the forward result's shape for input_shape")
    return contiguous(mask)
