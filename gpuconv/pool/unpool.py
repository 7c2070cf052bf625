"""PyTorch's indices from masks, and the partial inverse of maximum pooling that they allow."""

from collections.abc import Sequence

import numpy as np

from ..core.arrays import contiguous, floating, output, require_array, same_device, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.half import takes_half
from ..core.shapes import Padding, Size, several, sides_of, sizes
from .max import geometry_of, mask_of
from .shape import LAYOUTS, image_sizes


def pool_indices(
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> Array:
    """PyTorch's indices of a maximum pooling, from its mask.

    Parameters
    ----------
    mask : array (N, C, Q), (N, C, P, Q) or (N, C, Z, P, Q)
        As max_pool1d, max_pool2d or max_pool3d returned it.
    input_shape : (N, C, W), (N, C, H, W) or (N, C, D, H, W)
        Its length says which pooling it was.
    kernel_size, stride, padding, dilation, ceil_mode
        As in the forward call.

    Returns
    -------
    array like mask, int64
        Position of each winner in its plane or volume, (d * H + h) * W + w: what PyTorch's return_indices gives and
        `max_unpool2d` takes.

    Raises
    ------
    TypeError
        If mask is no array of the dtype that the pooling returns.
    ValueError
        If the shapes do not fit together.
    """
    op = "pool_indices"
    rank = len(input_shape) - 2 if isinstance(input_shape, Sequence) else 2
    if rank not in LAYOUTS:
        expected = ", ".join(LAYOUTS.values())
        raise ValueError(f"{op}: input_shape is {tuple(input_shape)}, expected one of {expected}")
    g = geometry_of(op, rank, input_shape, kernel_size, stride, padding, dilation, ceil_mode)
    mask = mask_of(op, mask, g)
    with on_device_of(mask):
        indices = output(op, g.y_shape, mask, dtype=np.int64)
        kernels_for(mask).pool.pool_indices(g, mask, indices)
    return indices


@takes_half
def max_unpool2d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    out: Array | None = None,
) -> Array:
    """Each element at the position it was taken from, zeros elsewhere.

    Parameters
    ----------
    x : array (N, C, P, Q), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        Positions h * W + w in each plane of the result, as `pool_indices` gives them.
    kernel_size, stride, padding : int or pair
        Those of the pooling; they only decide how large the result is.
    output_size : (H, W) or (N, C, H, W), optional
        Default: (P - 1) * stride - 2 * padding + kernel_size. Less than a stride away from that.
    out : array (N, C, H, W), optional
        Memory for the result; must not overlap x or indices.

    Returns
    -------
    array (N, C, H, W)

    Raises
    ------
    TypeError
        If x is no NumPy or CuPy array of a floating type, or the indices are no integers on its device.
    ValueError
        If the shapes do not fit together, or an index lies outside its plane.

    Notes
    -----
    Where several elements have one index the last in row-major order stays (PyTorch: any of them). Deterministic.
    """
    return _max_unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size, out)


@takes_half
def max_unpool2d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx: each element's gradient is that of the position it went to.

    Parameters
    ----------
    dy : array (N, C, H, W), float16, bfloat16, float32 or float64
    indices : array (N, C, P, Q), integer
        As in the forward call.
    out : array (N, C, P, Q), optional
        Memory for the result; must not overlap dy or indices.

    Returns
    -------
    array (N, C, P, Q)

    Raises
    ------
    TypeError
        If dy is no NumPy or CuPy array of a floating type, or the indices are no integers on its device.
    ValueError
        If the shapes do not fit together, or an index lies outside its plane.

    Notes
    -----
    As PyTorch's: of several elements with one index each is given the gradient, though only the last was kept.
    Deterministic.
    """
    return _max_unpool_input_grad("max_unpool2d_input_grad", 2, dy, indices, out)


@takes_half
def max_unpool1d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    out: Array | None = None,
) -> Array:
    """From x and indices (N, C, Q) to (N, C, W); everything else as for `max_unpool2d`."""
    return _max_unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size, out)


@takes_half
def max_unpool1d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx (N, C, Q) from dy (N, C, W); everything else as for `max_unpool2d_input_grad`."""
    return _max_unpool_input_grad("max_unpool1d_input_grad", 1, dy, indices, out)


@takes_half
def max_unpool3d(
    x: Array,
    indices: Array,
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence[int] | None = None,
    out: Array | None = None,
) -> Array:
    """From x and indices (N, C, Z, P, Q) to (N, C, D, H, W); everything else as for `max_unpool2d`."""
    return _max_unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size, out)


@takes_half
def max_unpool3d_input_grad(dy: Array, indices: Array, *, out: Array | None = None) -> Array:
    """dx (N, C, Z, P, Q) from dy (N, C, D, H, W); everything else as for `max_unpool2d_input_grad`."""
    return _max_unpool_input_grad("max_unpool3d_input_grad", 3, dy, indices, out)


def indices_of(op: str, indices: Array, shape: Sequence[int], extents: Sequence[int], like: Array) -> Array:
    """Indices given by the caller, C-contiguous int64, every one inside a plane of the extents."""
    require_array(op, "indices", indices)
    same_device(op, **{"the input": like, "indices": indices})
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{op}: indices has dtype {indices.dtype}, expected integers")
    shaped(op, "indices", indices, shape, "an index for each element")
    positions = int(np.prod(extents))
    wrong = (indices < 0) | (indices >= positions)
    if bool(wrong.any()):
        where = " x ".join(map(str, extents))
        raise ValueError(f"{op}: indices has {int(indices[wrong][0])}, expected 0 <= index < {positions} ({where})")
    return contiguous(indices.astype(np.int64, copy=False))


def _max_unpool(
    op: str,
    rank: int,
    x: Array,
    indices: Array,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    output_size: Sequence[int] | None,
    out: Array | None,
) -> Array:
    (x,) = floating(op, x=x)
    n, c, *windows = image_sizes(op, rank, x.shape)
    kernel = several(op, "kernel_size", kernel_size, rank)
    strides = kernel if stride is None else several(op, "stride", stride, rank)
    sides = sides_of(op, padding, kernel, strides, (1,) * rank)
    default = [
        (count - 1) * st - before - after + k
        for count, st, (before, after), k in zip(windows, strides, sides, kernel, strict=True)
    ]
    extents = _output_extents(op, rank, output_size, default, strides)
    indices = indices_of(op, indices, x.shape, extents, x)
    with on_device_of(x):
        y = output(op, (n, c, *extents), x, out, inputs=(x, indices))
        planes = (n * c, -1) if n * c else (0, 1)
        kernels_for(x).pool.max_unpool(x.reshape(planes), indices.reshape(planes), y.reshape(planes))
    return y


def _output_extents(
    op: str, rank: int, given: Sequence[int] | None, default: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...]:
    """The result's extents: those given, if less than a stride from the default ones."""
    if given is None:
        for axis, size in enumerate(default):
            if size < 1:
                raise ValueError(f"{op}: the result's axis {axis + 2} would have {size} positions, expected at least 1")
        return tuple(default)
    extents = tuple(given)[-rank:] if isinstance(given, Sequence) and len(given) == rank + 2 else given
    found = several(op, "output_size", extents, rank)
    for size, expected, stride in zip(found, default, strides, strict=True):
        if not expected - stride < size < expected + stride:
            raise ValueError(
                f"{op}: output_size is {given}, expected less than a stride {tuple(strides)} from {tuple(default)}"
            )
    return found


def _max_unpool_input_grad(op: str, rank: int, dy: Array, indices: Array, out: Array | None) -> Array:
    (dy,) = floating(op, dy=dy)
    n, c, *extents = sizes(op, "dy", dy.shape, LAYOUTS[rank])
    require_array(op, "indices", indices)
    _, _, *windows = sizes(op, "indices", indices.shape, LAYOUTS[rank])
    indices = indices_of(op, indices, (n, c, *windows), extents, dy)
    with on_device_of(dy):
        dx = output(op, indices.shape, dy, out, inputs=(dy, indices))
        planes = (n * c, -1) if n * c else (0, 1)
        kernels_for(dy).pool.max_unpool_input_grad(dy.reshape(planes), indices.reshape(planes), dx.reshape(planes))
    return dx
