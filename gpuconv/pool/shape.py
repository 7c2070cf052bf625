"""Shapes of pooling operations in one, two and three dimensions, with their checks."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.call import Call
from ..core.options import flag
from ..core.shapes import POINT, Axis, Padding, Size, output_size, positive, several, shape_of, sides_of, sizes

LAYOUTS = {1: "(N, C, W)", 2: "(N, C, H, W)", 3: "(N, C, D, H, W)"}
NAMES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class PoolShape(NamedTuple):
    """Shape of a pooling: x (n, c, depth, height, width); axes that the arrays do not have are of size 1."""

    n: int
    c: int
    d: Axis
    h: Axis
    w: Axis
    rank: int
    """Number of spatial axes of the arrays: the last ones of d, h, w."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Spatial axes of the arrays."""
        return (self.d, self.h, self.w)[3 - self.rank :]

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of the input and of its gradient."""
        return self.n, self.c, *(axis.size for axis in self.axes)

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of the output, of its gradient and of the mask."""
        return self.n, self.c, *(axis.windows for axis in self.axes)

    def __repr__(self) -> str:
        """Show both shapes and the windows."""
        kernel, stride, dilation = zip(*((a.taps, a.stride, a.dilation) for a in self.axes), strict=True)
        padding = tuple((a.pad_before, a.pad_after) for a in self.axes)
        windows = f"kernel_size={kernel}, stride={stride}, padding={padding}"
        return f"PoolShape(x={self.x_shape}, y={self.y_shape}, {windows}, dilation={dilation})"

    @property
    def taps(self) -> int:
        """Elements of a window."""
        return self.d.taps * self.h.taps * self.w.taps

    @property
    def mask_dtype(self) -> np.dtype[np.unsignedinteger]:
        """Smallest unsigned dtype that holds every position within a window."""
        return _smallest_holding(self.taps - 1)


@lru_cache
def _smallest_holding(number: int) -> np.dtype[np.unsignedinteger]:
    """Smallest unsigned dtype for a number, cached: NumPy takes microseconds."""
    return np.min_scalar_type(number)


def pool_shape(
    op: str,
    rank: int,
    x_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> PoolShape:
    """Shape of a pooling; stride=None means the kernel size, as in PyTorch.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    rank : {1, 2, 3}
        Axes that are pooled.
    x_shape : sequence of rank + 2 int
    kernel_size, stride, dilation : int or one for each axis
    padding : int, one for each axis, a pair (before, after) for each axis, "same" or "valid"
        A window that lies in the padding alone has the maximum minus infinity, and the mean 0.
    ceil_mode : bool
        Also keep a last window that starts inside the input or its leading padding but hangs over the end.

    Returns
    -------
    PoolShape

    Notes
    -----
    Errors: docs/errors.md.
    """
    n, c, *extents = image_sizes(op, rank, x_shape)
    kernel = several(op, "kernel_size", kernel_size, rank)
    strides = kernel if stride is None else several(op, "stride", stride, rank)
    dilations, ceil = several(op, "dilation", dilation, rank), flag(op, "ceil_mode", ceil_mode)
    sides = sides_of(op, padding, kernel, strides, dilations)
    axes = [POINT] * (3 - rank)
    for name, size, k, st, (pad_before, pad_after), step in zip(
        NAMES[rank], extents, kernel, strides, sides, dilations, strict=True
    ):
        windows = output_size(op, name, size, pad_before, pad_after, k, st, step, ceil)
        axes.append(Axis(size, windows, k, st, pad_before, pad_after, step))
    d, h, w = axes
    return PoolShape(n, c, d, h, w, rank)


def forward_shape(call: Call, rank: int, *windows: Any) -> PoolShape:
    """Shape of a forward call; `windows` are the options of `pool_shape`."""
    return pool_shape(call.op, rank, call.like.shape, *windows)


def backward_shape(call: Call, rank: int, input_shape: Any, *windows: Any) -> PoolShape:
    """Shape of the forward call of a gradient, checked against dy."""
    x_shape = shape_of(call.op, "input_shape", input_shape, LAYOUTS[rank])
    s = pool_shape(call.op, rank, x_shape, *windows)
    call.require_shape("dy", call.like, s.y_shape, "the forward result's shape for input_shape")
    return s


class AdaptiveShape(NamedTuple):
    """Shape of an adaptive pooling: window i of P over H elements is floor(i H / P) to ceil((i + 1) H / P)."""

    n: int
    c: int
    x_sizes: tuple[int, int, int]
    """Depth, height and width; axes that the arrays do not have are of size 1."""
    y_sizes: tuple[int, int, int]
    rank: int

    @property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of the input and of its gradient."""
        return self.n, self.c, *self.x_sizes[3 - self.rank :]

    @property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of the output, of its gradient and of the indices."""
        return self.n, self.c, *self.y_sizes[3 - self.rank :]

    def __repr__(self) -> str:
        """Show both shapes."""
        return f"AdaptiveShape(x={self.x_shape}, y={self.y_shape})"


def adaptive_shape(op: str, rank: int, x_shape: Sequence[int], output_size: Any) -> AdaptiveShape:
    """Shape of an adaptive pooling; None in output_size means the input's size.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the shapes do not fit together.
    """
    n, c, *extents = image_sizes(op, rank, x_shape)
    requested = output_size if isinstance(output_size, Sequence) else (output_size,) * rank
    if isinstance(output_size, str):
        raise TypeError(f"{op}: output_size is {output_size!r}, expected an int or one for each of {rank} axes")
    if len(requested) != rank:
        raise ValueError(f"{op}: output_size is {output_size!r}, expected an int or one for each of {rank} axes")
    outputs = [
        size if one is None else positive(op, "output_size" if one is output_size else f"output_size[{axis}]", one)
        for axis, (size, one) in enumerate(zip(extents, requested, strict=True))
    ]
    ones = [1] * (3 - rank)
    d, h, w = ones + extents
    z, p, q = ones + outputs
    return AdaptiveShape(n, c, (d, h, w), (z, p, q), rank)


def image_sizes(op: str, rank: int, x_shape: Sequence[int]) -> tuple[int, ...]:
    """Check a shape and return N, C and the extents, of which only N may be 0."""
    n, *others = sizes(op, "x", x_shape, LAYOUTS[rank])
    for axis, size in enumerate(others, 1):
        positive(op, f"x.shape[{axis}]", size)
    return n, *others
