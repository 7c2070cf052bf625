"""Positions of maxima: masks (position within a window) and indices (position within a plane)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import arrays
from ..core.arrays import contiguous, require_array, same_device, shaped
from ..core.device import Array, kernels_for, on_device_of
from ..core.shapes import Padding, Size, shape_of
from .shape import LAYOUTS, pool_shape

INDICES = np.dtype(np.int64)
"""Type of indices, as PyTorch has them."""


def pool_indices(
    mask: Array,
    input_shape: Sequence[int],
    kernel_size: Size,
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

    Notes
    -----
    Errors: docs/errors.md.

    Examples
    --------
    >>> y, mask = gpuconv.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> gpuconv.pool_indices(mask, (1, 1, 4, 4), 2)
    array([[[[ 5,  7],
             [13, 15]]]])
    """
    op = "pool_indices"
    rank = len(input_shape) - 2 if isinstance(input_shape, Sequence) else 2
    if rank not in LAYOUTS:
        expected = ", ".join(LAYOUTS.values())
        raise ValueError(f"{op}: input_shape is {tuple(input_shape)}, expected one of {expected}")
    x_shape = shape_of(op, "input_shape", input_shape, LAYOUTS[rank])
    s = pool_shape(op, rank, x_shape, kernel_size, stride, padding, dilation, ceil_mode)
    require_mask(op, mask, s.mask_dtype, s.y_shape)
    mask = contiguous(mask)
    with on_device_of(mask):
        indices = arrays.empty(s.y_shape, INDICES, mask)
        kernels_for(mask).pool.pool_indices(s, mask, indices)
    return indices


def require_mask(op: str, mask: Any, dtype: Any, shape: Sequence[int], like: Array | None = None) -> None:
    """Check a mask."""
    require_array(op, "mask", mask)
    if like is not None:
        same_device(op, dy=like, mask=mask)
    if mask.dtype != dtype:
        raise TypeError(f"{op}: mask has dtype {mask.dtype}, expected {dtype} as the pooling returns")
    shaped(op, "mask", mask, shape, "the forward result's shape for input_shape")


def require_indices(op: str, indices: Any, shape: Sequence[int], extents: Sequence[int], like: Array) -> None:
    """Check indices against the extents of a plane."""
    require_array(op, "indices", indices)
    same_device(op, **{"the input": like, "indices": indices})
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{op}: indices has dtype {indices.dtype}, expected integers")
    shaped(op, "indices", indices, shape, "an index for each element")
    positions = int(np.prod(extents))
    if indices.size and not (int(indices.min()) >= 0 and int(indices.max()) < positions):
        wrong = (indices < 0) | (indices >= positions)
        where = " x ".join(map(str, extents))
        raise ValueError(f"{op}: indices has {int(indices[wrong][0])}, expected 0 <= index < {positions} ({where})")
