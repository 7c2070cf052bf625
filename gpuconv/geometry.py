"""All shape arithmetic and every shape error, in one place.

A geometry is a plain frozen record of integers. The kernels read it as it is: Numba takes a named tuple as an
argument, and the CUDA launchers unpack it into uint32 scalars.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]] | Literal["same", "valid"]


class ConvGeometry(NamedTuple):
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

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass, a multiplication and an addition counted apart."""
        return 2 * self.n * self.k * self.p * self.q * (self.c // self.groups) * self.r * self.s


class PoolGeometry(NamedTuple):
    """One two-dimensional pooling: x (n, c, h, w), windows of r x s, y (n, c, p, q)."""

    n: int
    c: int
    h: int
    w: int
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

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """Shape of the input and of its gradient."""
        return self.n, self.c, self.h, self.w

    @property
    def y_shape(self) -> tuple[int, int, int, int]:
        """Shape of the output and of its gradient."""
        return self.n, self.c, self.p, self.q


def conv_geometry(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> ConvGeometry:
    """Geometry of a convolution.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    x_shape, w_shape : sequences of four int
        (N, C, H, W) and (K, C / groups, R, S).
    stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
    groups : int

    Returns
    -------
    ConvGeometry

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the shapes do not fit together.
    """
    n, c, h, w = _shape(op, "x", x_shape, "(N, C, H, W)")
    k, cg, r, s = _shape(op, "w", w_shape, "(K, C/groups, R, S)")
    groups = positive(op, "groups", groups)
    for name, size in (("x.shape[1]", c), ("x.shape[2]", h), ("x.shape[3]", w)):
        positive(op, name, size)
    for axis, size in enumerate((k, cg, r, s)):
        positive(op, f"w.shape[{axis}]", size)
    if c != cg * groups:
        raise ValueError(f"{op}: x has {c} channels, w expects {cg * groups} (w.shape[1]={cg} x groups={groups})")
    if k % groups:
        raise ValueError(f"{op}: w has {k} filters (w.shape[0]), expected a multiple of groups={groups}")
    sh, sw = pair(op, "stride", stride)
    dh, dw = pair(op, "dilation", dilation)
    (top, bottom), (left, right) = _padding(op, padding, (r, s), (sh, sw), (dh, dw))
    p = _output_size(op, "height", h, top, bottom, r, sh, dh)
    q = _output_size(op, "width", w, left, right, s, sw, dw)
    return ConvGeometry(n, c, h, w, k, r, s, p, q, sh, sw, top, left, bottom, right, dh, dw, groups)


def pool_geometry(
    op: str,
    x_shape: Sequence[int],
    kernel_size: Size,
    *,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
) -> PoolGeometry:
    """Geometry of a pooling; stride=None means the kernel size, as in PyTorch.

    Parameters
    ----------
    op : str
        Name of the public function, for error messages.
    x_shape : sequence of four int
        (N, C, H, W).
    kernel_size, stride, dilation : int or pair
    padding : int, pair, ((top, bottom), (left, right)), "same" or "valid"
        At most half of the dilated kernel on each side, so that no window lies in the padding alone.
    ceil_mode : bool
        Also keep a last window that starts inside the input or its leading padding but hangs over the end.

    Returns
    -------
    PoolGeometry

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the shapes do not fit together.
    """
    n, c, h, w = _shape(op, "x", x_shape, "(N, C, H, W)")
    for name, size in (("x.shape[1]", c), ("x.shape[2]", h), ("x.shape[3]", w)):
        positive(op, name, size)
    r, s = pair(op, "kernel_size", kernel_size)
    sh, sw = (r, s) if stride is None else pair(op, "stride", stride)
    dh, dw = pair(op, "dilation", dilation)
    sides = _padding(op, padding, (r, s), (sh, sw), (dh, dw))
    for axis, extent, amounts in (("height", dh * (r - 1) + 1, sides[0]), ("width", dw * (s - 1) + 1, sides[1])):
        if max(amounts) > extent // 2:
            raise ValueError(
                f"{op}: padding {max(amounts)} of the {axis} is more than half of the dilated kernel ({extent})"
            )
    (top, bottom), (left, right) = sides
    p = _output_size(op, "height", h, top, bottom, r, sh, dh, ceil_mode)
    q = _output_size(op, "width", w, left, right, s, sw, dw, ceil_mode)
    return PoolGeometry(n, c, h, w, r, s, p, q, sh, sw, top, left, bottom, right, dh, dw)


def pair(op: str, name: str, value: Any) -> Pair:
    """Two positive integers from an int or a pair."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(f"{op}: {name} is {value!r}, expected an int or a pair of int")
        return positive(op, f"{name}[0]", value[0]), positive(op, f"{name}[1]", value[1])
    return (positive(op, name, value),) * 2


def shape_of(op: str, name: str, value: Any, layout: str) -> tuple[int, int, int, int]:
    """A shape given by the caller, such as input_shape, as four integers."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(f"{op}: {name} is {value!r}, expected a shape {layout}")
    return _shape(op, name, value, layout)


def split_axis(op: str, shape: tuple[int, ...], axis: int, name: str = "x") -> tuple[int, int, int]:
    """The shape (outer, classes, inner) that brings one axis into the middle."""
    rank = len(shape)
    if not -rank <= axis < rank:
        raise ValueError(f"{op}: axis is {axis}, expected {-rank} <= axis < {rank} for {name} of shape {shape}")
    axis %= rank
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _shape(op: str, name: str, shape: Sequence[int], layout: str) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise ValueError(f"{op}: {name} has shape {tuple(shape)}, expected four dimensions {layout}")
    n, c, h, w = (_integer(op, f"{name}.shape[{axis}]", size, at_least=0) for axis, size in enumerate(shape))
    return n, c, h, w


def _padding(op: str, padding: Any, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)) from every form the public functions take."""
    if isinstance(padding, str):
        return _named_padding(op, padding, kernel, stride, dilation)
    if not isinstance(padding, Sequence):
        both = (_integer(op, "padding", padding, at_least=0),) * 2
        return both, both
    if len(padding) != 2:
        raise ValueError(f"{op}: padding is {padding!r}, expected an int, a pair or ((top, bottom), (left, right))")
    sides = []
    for axis, amount in enumerate(padding):
        name = f"padding[{axis}]"
        if isinstance(amount, Sequence) and not isinstance(amount, str):
            if len(amount) != 2:
                raise ValueError(f"{op}: {name} is {amount!r}, expected an int or a pair of int")
            sides.append(
                (
                    _integer(op, f"{name}[0]", amount[0], at_least=0),
                    _integer(op, f"{name}[1]", amount[1], at_least=0),
                )
            )
        else:
            sides.append((_integer(op, name, amount, at_least=0),) * 2)
    return sides[0], sides[1]


def _named_padding(op: str, padding: str, kernel: Pair, stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ValueError(f"{op}: padding is {padding!r}, expected 'same', 'valid' or numbers")
    if stride != (1, 1):
        raise ValueError(f"{op}: padding 'same' needs stride 1, got stride {stride}")
    total_h, total_w = (d * (extent - 1) for d, extent in zip(dilation, kernel, strict=True))
    return (total_h // 2, total_h - total_h // 2), (total_w // 2, total_w - total_w // 2)


def _output_size(
    op: str, axis: str, size: int, before: int, after: int, kernel: int, stride: int, dilation: int, ceil: bool = False
) -> int:
    """Number of windows along one axis; with `ceil`, PyTorch's rule for the last one."""
    extent = dilation * (kernel - 1) + 1
    room = size + before + after - extent
    if room < 0:
        raise ValueError(
            f"{op}: the dilated kernel is larger than the padded input: {axis} {extent} > {size + before + after}"
        )
    if not ceil:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def positive(op: str, name: str, value: Any) -> int:
    """One positive integer."""
    return _integer(op, name, value, at_least=1)


def natural(op: str, name: str, value: Any) -> int:
    """One integer, at least 0."""
    return _integer(op, name, value, at_least=0)


def _integer(op: str, name: str, value: Any, *, at_least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {name} is {value!r}, expected an integer")
    number = int(value.__index__())
    if number < at_least:
        raise ValueError(f"{op}: {name} is {number}, expected at least {at_least}")
    if number >= 2**31:
        raise ValueError(f"{op}: {name} is {number}, expected less than 2**31")
    return number
