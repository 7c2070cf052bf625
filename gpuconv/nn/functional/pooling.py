"""Pooling under torch.nn.functional's names: the result alone, or with PyTorch's indices.

An index is the position of a maximum in its row, plane or volume, as `gpuconv.pool_indices` computes it from a mask.
"""

from collections.abc import Sequence
from typing import Any

import gpuconv as g

from ...core.device import Array
from ...core.shapes import Padding, Size
from ...pool.to_size import OutputSize


def max_pool1d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Take maxima over windows of one axis: `gpuconv.max_pool1d`; with return_indices (y, indices)."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    y, mask = g.max_pool1d(input, kernel_size, **options)
    return (y, g.pool_indices(mask, input.shape, kernel_size, **options)) if return_indices else y


def max_pool2d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Take maxima over windows of two axes: `gpuconv.max_pool2d`; with return_indices (y, indices)."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    y, mask = g.max_pool2d(input, kernel_size, **options)
    return (y, g.pool_indices(mask, input.shape, kernel_size, **options)) if return_indices else y


def max_pool3d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, dilation: Size = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Take maxima over windows of three axes: `gpuconv.max_pool3d`; with return_indices (y, indices)."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    y, mask = g.max_pool3d(input, kernel_size, **options)
    return (y, g.pool_indices(mask, input.shape, kernel_size, **options)) if return_indices else y


def avg_pool1d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, *, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Take means over windows of one axis: `gpuconv.avg_pool1d`."""
    options: dict[str, Any] = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "dilation": dilation}
    return g.avg_pool1d(input, kernel_size, stride=stride, padding=padding, **options)


def avg_pool2d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Take means over windows of two axes: `gpuconv.avg_pool2d`."""
    options: dict[str, Any] = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "dilation": dilation}
    options["divisor_override"] = divisor_override
    return g.avg_pool2d(input, kernel_size, stride=stride, padding=padding, **options)


def avg_pool3d(
    input: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Take means over windows of three axes: `gpuconv.avg_pool3d`."""
    options: dict[str, Any] = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "dilation": dilation}
    options["divisor_override"] = divisor_override
    return g.avg_pool3d(input, kernel_size, stride=stride, padding=padding, **options)


def adaptive_avg_pool1d(input: Array, output_size: OutputSize) -> Array:
    """Take means to a given size: `gpuconv.adaptive_avg_pool1d`."""
    return g.adaptive_avg_pool1d(input, output_size)


def adaptive_avg_pool2d(input: Array, output_size: OutputSize) -> Array:
    """Take means to a given size: `gpuconv.adaptive_avg_pool2d`."""
    return g.adaptive_avg_pool2d(input, output_size)


def adaptive_avg_pool3d(input: Array, output_size: OutputSize) -> Array:
    """Take means to a given size: `gpuconv.adaptive_avg_pool3d`."""
    return g.adaptive_avg_pool3d(input, output_size)


def adaptive_max_pool1d(input: Array, output_size: OutputSize, return_indices: bool = False) -> Any:
    """Take maxima to a given size: `gpuconv.adaptive_max_pool1d`; with return_indices (y, indices)."""
    y, indices = g.adaptive_max_pool1d(input, output_size)
    return (y, indices) if return_indices else y


def adaptive_max_pool2d(input: Array, output_size: OutputSize, return_indices: bool = False) -> Any:
    """Take maxima to a given size: `gpuconv.adaptive_max_pool2d`; with return_indices (y, indices)."""
    y, indices = g.adaptive_max_pool2d(input, output_size)
    return (y, indices) if return_indices else y


def adaptive_max_pool3d(input: Array, output_size: OutputSize, return_indices: bool = False) -> Any:
    """Take maxima to a given size: `gpuconv.adaptive_max_pool3d`; with return_indices (y, indices)."""
    y, indices = g.adaptive_max_pool3d(input, output_size)
    return (y, indices) if return_indices else y


def max_unpool1d(
    input: Array, indices: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:  # fmt: skip
    """Put each element where its index says, zeros elsewhere: `gpuconv.max_unpool1d`."""
    return g.max_unpool1d(input, indices, kernel_size, stride=stride, padding=padding, output_size=output_size)


def max_unpool2d(
    input: Array, indices: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:  # fmt: skip
    """Put each element where its index says, zeros elsewhere: `gpuconv.max_unpool2d`."""
    return g.max_unpool2d(input, indices, kernel_size, stride=stride, padding=padding, output_size=output_size)


def max_unpool3d(
    input: Array, indices: Array, kernel_size: Size, stride: Size | None = None, padding: Size = 0,
    output_size: Sequence[int] | None = None,
) -> Array:  # fmt: skip
    """Put each element where its index says, zeros elsewhere: `gpuconv.max_unpool3d`."""
    return g.max_unpool3d(input, indices, kernel_size, stride=stride, padding=padding, output_size=output_size)
