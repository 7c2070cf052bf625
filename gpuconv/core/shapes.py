"""Shape arithmetic shared by the operations, and its errors.

The shape of a problem is a frozen record of integers (`conv.shape`, `pool.shape`). CPU kernels take it as an
argument (Numba supports named tuples); CUDA launchers unpack it into uint32 scalars.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from .hints import described, did_you_mean

Pair: TypeAlias = tuple[int, int]
Size: TypeAlias = int | Sequence[int]
Padding: TypeAlias = int | Sequence[int] | Sequence[Sequence[int]] | Literal["same", "valid", "full"]

# number words of error messages
COUNTS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
GROUPS = {1: "sequence of one", 2: "pair", 3: "triple"}
_PADDINGS = {
    1: "an int or ((left, right),)",
    2: "an int, a pair or ((top, bottom), (left, right))",
    3: "an int, a triple or ((front, back), (top, bottom), (left, right))",
}


class Axis(NamedTuple):
    """One axis of a convolution or pooling: window i reads the inputs i * stride + tap * dilation - pad_before."""

    size: int
    windows: int
    taps: int
    stride: int
    pad_before: int
    pad_after: int
    dilation: int

    @property
    def pointwise(self) -> bool:
        """Whether each window is exactly one input, at the same index; adjacent pointwise axes can be merged."""
        return self.size == self.windows and (self.taps, self.stride, self.pad_before) == (1, 1, 0)


POINT = Axis(1, 1, 1, 1, 0, 0, 1)
"""Stand-in for a spatial axis that the arrays do not have."""


def several(op: str, name: str, value: Any, count: int) -> tuple[int, ...]:
    """Positive integers, one for each axis, from an int or a sequence of `count` ints."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != count:
            raise ValueError(f"{op}: {name} is {described(value)}, expected an int or a {GROUPS[count]} of int")
        return tuple(positive(op, f"{name}[{axis}]", size) for axis, size in enumerate(value))
    return (positive(op, name, value),) * count


def shape_of(op: str, name: str, value: Any, layout: str) -> tuple[int, ...]:
    """A shape argument such as input_shape, as integers; layout is like "(N, C, H, W)"."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _no_shape(op, name, value, f"a shape {layout}")
    return sizes(op, name, value, layout)


def any_shape(op: str, name: str, value: Any) -> tuple[int, ...]:
    """A shape argument of any length, as integers."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _no_shape(op, name, value, "a shape, a sequence of int")
    return tuple(integer(op, f"{name}[{axis}]", size, at_least=0) for axis, size in enumerate(value))


def _no_shape(op: str, name: str, value: Any, expected: str) -> TypeError:
    """Error for a value that is not a shape; an array is described, not printed."""
    shape = getattr(value, "shape", None)
    if shape is None:
        return TypeError(f"{op}: {name} is {described(value)}, expected {expected}")
    array = {"input_shape": "x", "weight_shape": "w"}.get(name, "a")
    hint = f"tuple({name})" if len(shape) == 1 else f"{array}.shape, not {array}"
    return TypeError(f"{op}: {name} is an array of shape {tuple(shape)}, expected {expected}; pass {hint}")


def split_axis(op: str, shape: tuple[int, ...], axis: int, name: str = "x") -> tuple[int, int, int]:
    """(outer, size, inner): the sizes before, of and after an axis."""
    rank, axis = len(shape), integer(op, "axis", axis, at_least=-(2**31))
    if not -rank <= axis < rank:
        raise ValueError(f"{op}: axis is {axis}, expected {-rank} <= axis < {rank} for {name} of shape {shape}")
    axis %= rank
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def sizes(op: str, name: str, shape: Sequence[int], layout: str) -> tuple[int, ...]:
    """Check the number of dimensions of a shape against a layout and return its sizes."""
    rank = layout.count(",") + 1
    if len(shape) != rank:
        hint = f"; one sample is x[None], of shape {(1, *shape)}" if name == "x" and len(shape) == rank - 1 else ""
        raise ValueError(f"{op}: {name} has shape {tuple(shape)}, expected {COUNTS[rank]} dimensions {layout}{hint}")
    if set(map(type, shape)) == {int} and min(shape) >= 0 and max(shape) < 2**31:
        return tuple(shape)
    return tuple(integer(op, f"{name}.shape[{axis}]", size, at_least=0) for axis, size in enumerate(shape))


def sides_of(
    op: str, padding: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Pair, ...]:
    """((pad_before, pad_after), ...) for each axis, from every form of the `padding` argument."""
    if isinstance(padding, str):
        return _named_padding(op, padding, kernel, stride, dilation)
    rank = len(kernel)
    if not isinstance(padding, Sequence):
        both = (integer(op, "padding", padding, at_least=0),) * 2
        return (both,) * rank
    if len(padding) != rank:
        raise ValueError(f"{op}: padding is {described(padding)}, expected {_PADDINGS[rank]}")
    return tuple(_both_sides(op, f"padding[{axis}]", amount) for axis, amount in enumerate(padding))


def _both_sides(op: str, name: str, amount: Any) -> Pair:
    if not isinstance(amount, Sequence) or isinstance(amount, str):
        return (integer(op, name, amount, at_least=0),) * 2
    if len(amount) != 2:
        raise ValueError(f"{op}: {name} is {described(amount)}, expected an int or a pair of int")
    pad_before, pad_after = (integer(op, f"{name}[{side}]", one, at_least=0) for side, one in enumerate(amount))
    return pad_before, pad_after


def _named_padding(
    op: str, padding: str, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[Pair, ...]:
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding not in ("same", "full"):
        hint = did_you_mean(padding, ("same", "valid", "full"))
        raise ValueError(f"{op}: padding is {padding!r}, expected 'same', 'valid', 'full' or numbers{hint}")
    totals = [d * (extent - 1) for d, extent in zip(dilation, kernel, strict=True)]
    if padding == "full":  # every window that meets the input
        return tuple((total, total) for total in totals)
    if set(stride) != {1}:
        raise ValueError(f"{op}: padding 'same' needs stride 1, got stride {tuple(stride)}")
    return tuple((total // 2, total - total // 2) for total in totals)


def output_size(
    op: str,
    axis: str,
    size: int,
    pad_before: int,
    pad_after: int,
    kernel: int,
    stride: int,
    dilation: int,
    ceil: bool = False,
) -> int:
    """Number of windows along one axis; with `ceil`, PyTorch's rule for the last one."""
    padded = size + pad_before + pad_after
    extent = dilation * (kernel - 1) + 1
    if padded >= 2**31:  # kernels use 32-bit positions
        raise ValueError(
            f"{op}: padding {pad_before} and {pad_after} makes the {axis} {padded}, expected less than 2**31"
        )
    slack = padded - extent
    if slack < 0:
        raise ValueError(
            f"{op}: the dilated kernel is larger than the padded input: {axis} {extent} > {padded} "
            f"(kernel {kernel}, dilation {dilation}, padding {pad_before} and {pad_after})"
        )
    if not ceil:
        return slack // stride + 1
    count = -(-slack // stride) + 1
    return count - 1 if (count - 1) * stride >= size + pad_before else count


def positive(op: str, name: str, value: Any) -> int:
    """Check a positive integer."""
    return integer(op, name, value, at_least=1)


def natural(op: str, name: str, value: Any) -> int:
    """Check an integer, at least 0."""
    return integer(op, name, value, at_least=0)


def integer(op: str, name: str, value: Any, *, at_least: int) -> int:
    """Check an integer that fits 32 bits."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {name} is {described(value)}, expected an integer")
    try:
        number = int(value.__index__())
    except TypeError:  # an array of several
        raise TypeError(f"{op}: {name} is {described(value)}, expected an integer") from None
    if number < at_least:
        raise ValueError(f"{op}: {name} is {number}, expected at least {at_least}")
    if number >= 2**31:
        raise ValueError(f"{op}: {name} is {number}, expected less than 2**31")
    return number
