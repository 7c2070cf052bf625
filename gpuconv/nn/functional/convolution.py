"""Convolutions under torch.nn.functional's names."""

from typing import Any

import gpuconv as g

from ...core.device import Array
from ...core.shapes import Padding, Size


def conv1d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """Convolve (N, C, W) with (K, C/groups, S): `gpuconv.conv1d`."""
    return g.conv1d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv2d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """Convolve (N, C, H, W) with (K, C/groups, R, S): `gpuconv.conv2d`."""
    return g.conv2d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv3d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0, dilation: Size = 1,
    groups: int = 1,
) -> Array:  # fmt: skip
    """Convolve (N, C, D, H, W) with (K, C/groups, T, R, S): `gpuconv.conv3d`."""
    return g.conv3d(input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_transpose1d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over one axis: `gpuconv.conv_transpose1d`."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return g.conv_transpose1d(input, weight, bias, output_padding=output_padding, **options)


def conv_transpose2d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over two axes: `gpuconv.conv_transpose2d`."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return g.conv_transpose2d(input, weight, bias, output_padding=output_padding, **options)


def conv_transpose3d(
    input: Array, weight: Array, bias: Array | None = None, stride: Size = 1, padding: Padding = 0,
    output_padding: Size = 0, groups: int = 1, dilation: Size = 1,
) -> Array:  # fmt: skip
    """Transposed convolution over three axes: `gpuconv.conv_transpose3d`."""
    options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return g.conv_transpose3d(input, weight, bias, output_padding=output_padding, **options)
