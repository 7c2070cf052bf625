"""Geometry of convolutions over one, two or three axes, and of transposed ones.

A volume is convolved frame by frame: for each frame of the result, the input frames under the taps of the depth are
the channels of one image. So the geometry of a volume is that of its depth and that of the image. A line or an image
is a volume of one frame.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.memoize import remembered
from ..core.shapes import ConvGeometry, Padding, Size, integer, output_size, positive, several, sides_of, sizes

X_LAYOUTS = {1: "(N, C, W)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
Y_LAYOUTS = {1: "(N, K, Q)", 2: "(N, K, P, Q)", 3: "(N, K, O, P, Q)"}
W_LAYOUTS = {1: "(K, C/groups, S)", 2: "(K, C/groups, R, S)", 3: "(K, C/groups, T, R, S)"}
AXES = ("depth", "height", "width")


class Axis(NamedTuple):
    """One axis of a convolution: output i reads the inputs i * stride + tap * dilation - before."""

    size: int
    taps: int
    outputs: int
    stride: int
    before: int
    after: int
    dilation: int

    @property
    def pointwise(self) -> bool:
        """Whether each output reads the input in its own place: two such neighbours are one axis."""
        return self.size == self.outputs and (self.taps, self.stride, self.before) == (1, 1, 0)


POINT = Axis(1, 1, 1, 1, 0, 0, 1)


class VolumeGeometry(NamedTuple):
    """One convolution: x (n, c, ...) and y (n, k, ...) in the shapes they came in, and how it is computed."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    depth: Axis
    image: ConvGeometry
    """The convolution of one frame of the result from each volume: its channels are (channel, tap of the depth)."""

    @property
    def c(self) -> int:
        """Channels of the input."""
        return self.x_shape[1]

    @property
    def k(self) -> int:
        """Filters."""
        return self.w_shape[0]

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass, a multiplication and an addition counted apart."""
        return 2 * math.prod(self.y_shape) * math.prod(self.w_shape[1:])


@remembered
def volume_geometry(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> VolumeGeometry:
    """Geometry of a convolution over one to three axes.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    rank : {1, 2, 3}
    x_shape, w_shape : sequences of int
        (N, C, D, H, W) and (K, C / groups, T, R, S), or the last axes of these.
    stride, dilation : int or a sequence of one for each axis
    padding : int, a sequence of an int or (before, after) for each axis, "same" or "valid"
    groups : int

    Returns
    -------
    VolumeGeometry

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the shapes do not fit together.
    """
    n, c, *extents = sizes(op, "x", x_shape, X_LAYOUTS[rank])
    k, cg, *kernel = _weights(op, rank, w_shape)
    groups = positive(op, "groups", groups)
    for axis, size in enumerate((c, *extents), 1):
        positive(op, f"x.shape[{axis}]", size)
    if c != cg * groups:
        raise ValueError(f"{op}: x has {c} channels, w expects {cg * groups} (w.shape[1]={cg} x groups={groups})")
    if k % groups:
        raise ValueError(f"{op}: w has {k} filters (w.shape[0]), expected a multiple of groups={groups}")
    windows = _windows(op, kernel, stride, padding, dilation)
    axes = zip(AXES[-rank:], extents, kernel, *windows, strict=True)
    return _volume(n, c, k, groups, [_axis(op, *axis) for axis in axes])


@remembered
def transposed_geometry(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> VolumeGeometry:
    """Geometry of the convolution that a transposed one is the input gradient of.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    rank : {1, 2, 3}
    x_shape, w_shape : sequences of int
        (N, K, O, P, Q) and (K, C / groups, T, R, S), or the last axes of these.
    stride, dilation : int or a sequence of one for each axis
    padding : int, a sequence of an int or (before, after) for each axis, "same" or "valid"
    output_padding : int or a sequence of one for each axis
        Further positions at the end of the result; less than stride or less than dilation.
    groups : int

    Returns
    -------
    VolumeGeometry
        Its y is the transposed convolution's argument, its x the result.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the shapes do not fit together, or the result would be empty.
    """
    n, k, *outputs = sizes(op, "x", x_shape, Y_LAYOUTS[rank])
    filters, cg, *kernel = _weights(op, rank, w_shape)
    groups = positive(op, "groups", groups)
    for axis, size in enumerate((k, *outputs), 1):
        positive(op, f"x.shape[{axis}]", size)
    if k != filters:
        raise ValueError(f"{op}: x has {k} channels, w expects {filters} (w.shape[0])")
    if k % groups:
        raise ValueError(f"{op}: x has {k} channels, expected a multiple of groups={groups}")
    windows = _windows(op, kernel, stride, padding, dilation)
    extra = _output_padding(op, output_padding, rank)
    axes = zip(AXES[-rank:], outputs, kernel, *windows, extra, strict=True)
    return _volume(n, cg * groups, k, groups, [_transposed_axis(op, *axis) for axis in axes])


def _weights(op: str, rank: int, w_shape: Sequence[int]) -> tuple[int, ...]:
    shape = sizes(op, "w", w_shape, W_LAYOUTS[rank])
    return tuple(positive(op, f"w.shape[{axis}]", size) for axis, size in enumerate(shape))


def _windows(
    op: str, kernel: Sequence[int], stride: Size, padding: Padding, dilation: Size
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Strides, paddings on both sides and dilations, one for each axis."""
    strides = several(op, "stride", stride, len(kernel))
    dilations = several(op, "dilation", dilation, len(kernel))
    return strides, sides_of(op, padding, kernel, strides, dilations), dilations


def _output_padding(op: str, value: Any, rank: int) -> tuple[int, ...]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != rank:
            raise ValueError(f"{op}: output_padding is {value!r}, expected an int or one for each of {rank} axes")
        return tuple(integer(op, f"output_padding[{axis}]", one, at_least=0) for axis, one in enumerate(value))
    return (integer(op, "output_padding", value, at_least=0),) * rank


def _axis(op: str, name: str, size: int, taps: int, stride: int, sides: tuple[int, int], dilation: int) -> Axis:
    before, after = sides
    outputs = output_size(op, name, size, before, after, taps, stride, dilation)
    return Axis(size, taps, outputs, stride, before, after, dilation)


def _transposed_axis(
    op: str, name: str, outputs: int, taps: int, stride: int, sides: tuple[int, int], dilation: int, extra: int
) -> Axis:
    """The axis whose outputs are the transposed convolution's inputs."""
    if extra >= max(stride, dilation):
        raise ValueError(
            f"{op}: output_padding {extra} of the {name}, expected less than stride {stride} or dilation {dilation}"
        )
    spread = (outputs - 1) * stride + dilation * (taps - 1) + 1 + extra
    size = spread - sum(sides)
    if size < 1:
        raise ValueError(f"{op}: padding {sides} of the {name} leaves nothing of {spread} positions, expected some")
    integer(op, f"the result's {name}", size, at_least=1)
    return Axis(size, taps, outputs, stride, *sides, dilation)


def _volume(n: int, c: int, k: int, groups: int, axes: list[Axis]) -> VolumeGeometry:
    """The record: depth, height and width from one to three axes, neighbouring pointwise ones made one."""
    depth, height, width = [POINT] * (3 - len(axes)) + axes
    if depth.pointwise and height.pointwise:
        depth, height = POINT, _merged(depth, height)
    elif height.pointwise and width.pointwise:
        depth, height, width = POINT, depth, _merged(height, width)
    image = ConvGeometry(
        n, c * depth.taps, height.size, width.size,
        k, height.taps, width.taps, height.outputs, width.outputs,
        height.stride, width.stride, height.before, width.before, height.after, width.after,
        height.dilation, width.dilation, groups,
    )  # fmt: skip
    return VolumeGeometry(
        (n, c, *(axis.size for axis in axes)),
        (k, c // groups, *(axis.taps for axis in axes)),
        (n, k, *(axis.outputs for axis in axes)),
        depth,
        image,
    )


def _merged(outer: Axis, inner: Axis) -> Axis:
    """Two pointwise axes as one."""
    size = outer.size * inner.size
    return Axis(size, 1, size, 1, 0, 0, 1)
