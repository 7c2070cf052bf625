"""Shapes of convolutions over one, two or three axes and of transposed ones, and every error about them.

A volume is convolved frame by frame: for each frame of the result, the input frames under the taps of the depth are
the channels of one image. So the shape of a volume's problem is that of its depth and that of the image. A line or an
image is a volume of one frame.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.hints import channels_last_hint
from ..core.shapes import POINT, Axis, Padding, Size, integer, output_size, positive, several, sides_of, sizes

X_LAYOUTS = {1: "(N, C, W)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
Y_LAYOUTS = {1: "(N, K, Q)", 2: "(N, K, P, Q)", 3: "(N, K, O, P, Q)"}
W_LAYOUTS = {1: "(K, C/groups, S)", 2: "(K, C/groups, R, S)", 3: "(K, C/groups, T, R, S)"}
AXES = ("depth", "height", "width")


class ConvShape(NamedTuple):
    """One two-dimensional convolution: x (n, c, h, w), weights (k, c / groups, r, s), y (n, k, p, q)."""

    n: int
    c: int
    h: int
    w: int
    k: int
    r: int
    s: int
    p: int
    q: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    pad_bottom: int
    pad_right: int
    dilation_h: int
    dilation_w: int
    groups: int

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """Shape of the input and of its gradient."""
        return self.n, self.c, self.h, self.w

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights and of their gradient."""
        return self.k, self.c // self.groups, self.r, self.s

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Shape of the output and of its gradient."""
        return self.n, self.k, self.p, self.q

    def __repr__(self) -> str:
        """Show the three shapes and the options."""
        padding = (self.pad_top, self.pad_bottom), (self.pad_left, self.pad_right)
        options = f"stride={(self.stride_h, self.stride_w)}, padding={padding}, "
        options += f"dilation={(self.dilation_h, self.dilation_w)}, groups={self.groups}"
        return f"ConvShape(x={self.x_shape}, w={self.w_shape}, y={self.y_shape}, {options})"

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass; a multiply-add counts as two."""
        return 2 * self.n * self.k * self.p * self.q * (self.c // self.groups) * self.r * self.s


class VolumeShape(NamedTuple):
    """One convolution: x (n, c, ...) and y (n, k, ...) in the shapes they came in, and how it is computed."""

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    depth: Axis
    image: ConvShape
    """The convolution of one frame of the result from each volume: its channels are (channel, tap of the depth)."""

    def __repr__(self) -> str:
        """Show the three shapes, the axis of the depth and the convolution of a frame."""
        shapes = f"x={self.x_shape}, w={self.w_shape}, y={self.y_shape}"
        return f"VolumeShape({shapes}, depth={self.depth}, image={self.image})"

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
        """Floating-point operations of one pass; a multiply-add counts as two."""
        return 2 * math.prod(self.y_shape) * math.prod(self.w_shape[1:])


def conv_shape(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> ConvShape:
    """Shape of a two-dimensional convolution.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    x_shape, w_shape : sequences of four int
        (N, C, H, W) and (K, C / groups, R, S).
    stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same", "valid" or "full"
    groups : int

    Returns
    -------
    ConvShape

    Notes
    -----
    Errors: docs/errors.md.
    """
    n, c, k, groups, (height, width) = _problem(op, 2, x_shape, w_shape, stride, padding, dilation, groups)
    return _image(n, c, k, groups, height, width)


def volume_shape(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> VolumeShape:
    """Shape of a convolution over `rank` axes, one to three; otherwise as `conv_shape`."""
    n, c, k, groups, axes = _problem(op, rank, x_shape, w_shape, stride, padding, dilation, groups)
    return _volume(n, c, k, groups, axes)


def transposed_shape(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Size = 1,
    padding: Padding = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> VolumeShape:
    """Shape of the convolution that a transposed one is the input gradient of.

    Parameters
    ----------
    op, rank, stride, padding, dilation, groups
        As for `volume_shape`.
    x_shape, w_shape : sequences of int
        (N, K, O, P, Q) and (K, C / groups, T, R, S), or the last axes of these.
    output_padding : int or a sequence of one for each axis
        Further positions at the end of the result; less than stride or less than dilation.

    Returns
    -------
    VolumeShape
        Its y is the transposed convolution's argument, its x the result.

    Notes
    -----
    Errors: docs/errors.md.
    """
    n, k, *outputs = sizes(op, "x", x_shape, Y_LAYOUTS[rank])
    filters, cg, *kernel = _weights(op, rank, w_shape)
    groups = positive(op, "groups", groups)
    for axis, size in enumerate((k, *outputs), 1):
        positive(op, f"x.shape[{axis}]", size)
    if k != filters:
        hint = channels_last_hint(x_shape, filters)
        raise ValueError(f"{op}: x has {k} channels, w expects {filters} (w.shape[0]){hint}")
    if k % groups:
        raise ValueError(f"{op}: x has {k} channels, expected a multiple of groups={groups}")
    windows = _windows(op, kernel, stride, padding, dilation)
    extra = _output_padding(op, output_padding, rank)
    axes = zip(AXES[-rank:], outputs, kernel, *windows, extra, strict=True)
    return _volume(n, cg * groups, k, groups, [_transposed_axis(op, *axis) for axis in axes])


def _problem(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: Size,
    padding: Padding,
    dilation: Size,
    groups: int,
) -> tuple[int, int, int, int, list[Axis]]:
    """N, C, K, groups and the axes."""
    n, c, *extents = sizes(op, "x", x_shape, X_LAYOUTS[rank])
    k, cg, *kernel = _weights(op, rank, w_shape)
    groups = positive(op, "groups", groups)
    for axis, size in enumerate((c, *extents), 1):
        positive(op, f"x.shape[{axis}]", size)
    if c != cg * groups:
        hint = channels_last_hint(x_shape, cg * groups)
        raise ValueError(f"{op}: x has {c} channels, w expects {cg * groups} (w.shape[1]={cg} x groups={groups}){hint}")
    if k % groups:
        raise ValueError(f"{op}: w has {k} filters (w.shape[0]), expected a multiple of groups={groups}")
    windows = _windows(op, kernel, stride, padding, dilation)
    axes = zip(AXES[-rank:], extents, kernel, *windows, strict=True)
    return n, c, k, groups, [_axis(op, *axis) for axis in axes]


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
    pad_before, pad_after = sides
    windows = output_size(op, name, size, pad_before, pad_after, taps, stride, dilation)
    return Axis(size, windows, taps, stride, pad_before, pad_after, dilation)


def _transposed_axis(
    op: str, name: str, windows: int, taps: int, stride: int, sides: tuple[int, int], dilation: int, extra: int
) -> Axis:
    """The axis whose windows are the transposed convolution's inputs."""
    if extra >= max(stride, dilation):
        raise ValueError(
            f"{op}: output_padding {extra} of the {name}, expected less than stride {stride} or dilation {dilation}"
        )
    spread = (windows - 1) * stride + dilation * (taps - 1) + 1 + extra
    size = spread - sum(sides)
    if size < 1:
        raise ValueError(f"{op}: padding {sides} of the {name} leaves nothing of {spread} positions, expected some")
    integer(op, f"the result's {name}", size, at_least=1)
    return Axis(size, windows, taps, stride, *sides, dilation)


def _image(n: int, c: int, k: int, groups: int, height: Axis, width: Axis) -> ConvShape:
    return ConvShape(
        n, c, height.size, width.size, k, height.taps, width.taps, height.windows, width.windows,
        height.stride, width.stride, height.pad_before, width.pad_before, height.pad_after, width.pad_after,
        height.dilation, width.dilation, groups,
    )  # fmt: skip


def _volume(n: int, c: int, k: int, groups: int, axes: list[Axis]) -> VolumeShape:
    """The record: depth, height and width from one to three axes, neighboring pointwise ones merged."""
    depth, height, width = [POINT] * (3 - len(axes)) + axes
    if depth.pointwise and height.pointwise:
        depth, height = POINT, _merged(depth, height)
    elif height.pointwise and width.pointwise:
        depth, height, width = POINT, depth, _merged(height, width)
    return VolumeShape(
        (n, c, *(axis.size for axis in axes)),
        (k, c // groups, *(axis.taps for axis in axes)),
        (n, k, *(axis.windows for axis in axes)),
        depth,
        _image(n, c * depth.taps, k, groups, height, width),
    )


def _merged(outer: Axis, inner: Axis) -> Axis:
    """Two pointwise axes as one."""
    size = outer.size * inner.size
    return Axis(size, size, 1, 1, 0, 0, 1)
